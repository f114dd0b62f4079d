//! Why a cloud does not start, or cannot continue.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use gumnut_cloud_accounts::AccountsError;
use gumnut_cloud_blobs::BlobError;
use gumnut_cloud_catalogue::{CatalogueError, MigrateError, Mismatch};
use gumnut_cloud_objects::ObjectError;
use gumnut_types::Fault;

use crate::backup::BackupError;

/// Why a cloud does not start, or cannot continue.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CloudError {
    /// Another cloud works with the data directory.
    #[error(
        "another cloud uses the data directory {0:?}; stop it, or pass another directory with --data"
    )]
    Locked(PathBuf),
    /// The process that is said to run the cloud does not have the data directory open.
    #[error(
        "process {pid} does not have the data directory open, so it is not stopped; the cloud may run in a container or as another user"
    )]
    OtherProcess {
        /// Its id.
        pid: i32,
    },
    /// The cloud was asked to end and has not.
    #[error("the cloud (process {pid}) was asked to stop and is still running")]
    StillRunning {
        /// Its process.
        pid: i32,
    },
    /// There is nothing of a cloud in the directory.
    #[error("there is no cloud in {0:?}; create one with: gumnut cloud init")]
    NoCloud(PathBuf),
    /// The directory is a backup, which a cloud would change.
    #[error("{0:?} is a backup; restore it with: gumnut cloud restore BACKUP --to DIR")]
    IsBackup(PathBuf),
    /// The catalogue was moved to another place, is an incomplete copy, or cannot be moved.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    /// The data directory was not backed up or restored.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The address could be reached by other machines.
    #[error(
        "{0} is not a loopback address; to accept connections from other machines, allow remote access (--allow-remote)"
    )]
    NotLoopback(SocketAddr),
    /// The address could be reached by other machines, and nothing would be encrypted.
    #[error(
        "{0} can be reached from other machines, whose requests would not be encrypted; use TLS (--tls)"
    )]
    NotEncrypted(SocketAddr),
    /// [`Limits::inline_bytes`](crate::Limits::inline_bytes) is too large.
    #[error(
        "objects of up to {0} bytes cannot be kept in the catalogue; the limit for `inline` is {max} bytes",
        max = crate::Limits::MAX_INLINE_BYTES
    )]
    Inline(usize),
    /// It is not said in words that are understood where the catalogue is.
    #[error("cannot use the catalogue {text:?}: {reason}")]
    CatalogueSource {
        /// What was said, without a password.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The PostgreSQL database with the catalogue cannot be used.
    #[cfg(feature = "postgres")]
    #[error(transparent)]
    Postgres(#[from] gumnut_cloud_postgres::PostgresError),
    /// The address cannot be listened at.
    #[error("cannot listen at {addr}")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file of the data directory cannot be used. The source names it.
    #[error("cannot {doing}")]
    Files {
        /// What was being done.
        doing: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Blobs on disk are deleted by the cloud itself, at once.
    #[error(
        "the objects are files in the data directory: the cloud itself deletes what it no longer needs"
    )]
    CollectsItself,
    /// A grace within which front ends may need what would be deleted.
    #[error(
        "a grace of {} s is too short: front ends may need blobs for {} s",
        grace.as_secs_f64(), least.as_secs_f64()
    )]
    ShortGrace {
        /// What was asked for.
        grace: std::time::Duration,
        /// The longest of the graces of the store of blobs.
        least: std::time::Duration,
    },
    /// Others have connections to the database that nobody else should use.
    #[error("the database is in use: gumnut has {0} connections to it; stop every front end")]
    InUse(u64),
    /// There are blobs where those of a cloud are to be copied to.
    #[error(
        "the store that the objects are to be copied to is not empty; use another bucket, prefix or data directory"
    )]
    BlobsNotEmpty,
    /// The bucket has the blobs of another cloud.
    #[error(
        "the blobs below the prefix belong to another cloud ({owner}; this is {cluster}): use another bucket or prefix; if that cloud \
         no longer exists, delete its blobs and the object {key:?} first"
    )]
    BlobsOfAnother {
        /// The id of the other cloud.
        owner: String,
        /// The id of this one.
        cluster: String,
        /// The key of the object that names the other one.
        key: String,
    },
    /// A blob cannot be copied, or is not where it was to be kept.
    #[error("the object {object} cannot be moved")]
    MoveBlob {
        /// The object, or that of a part.
        object: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The place that a cloud moves to has another master key.
    #[error("the master key {to:?} is not that of the cloud; copy {from:?} to it")]
    OtherMasterKey {
        /// The file with the key of the cloud.
        from: PathBuf,
        /// The file with the other key.
        to: PathBuf,
    },
    /// A bucket without keys.
    #[error(
        "the blobs are in a bucket, and there is no file with the keys to it; name one with blobs-key or GUMNUT_BLOBS_KEY_FILE"
    )]
    NoBlobsKey,
    /// The store of blobs cannot be used.
    #[error("cannot use the store of blobs")]
    Blobs {
        /// Whose fault it is.
        fault: Fault,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Instances cannot be run on this computer.
    #[error("cannot run instances")]
    Machines {
        /// Whose fault it is.
        fault: Fault,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Several front ends may share the catalogue, and each would take the instances of the others for its own.
    #[error(
        "instances need a catalogue and objects in the data directory: a front end of several cannot run them; start it without --instances"
    )]
    SharedInstances,
    /// Users, keys or certificates cannot be used.
    #[error(transparent)]
    Accounts(#[from] AccountsError),
    /// The object store cannot be opened.
    #[error("cannot open the object store")]
    Objects(#[from] ObjectError),
    /// The catalogue cannot be used.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The catalogue is not what was written.
    #[error(
        "the catalogue {path:?} of the cloud is damaged: {reason}; `gumnut cloud fsck` shows what is intact"
    )]
    Damaged {
        /// The catalogue's file.
        path: PathBuf,
        /// The first thing that is wrong.
        reason: String,
    },
    /// There are objects or keys, and no catalogue that knows them.
    #[error(
        "the catalogue {path:?} of the cloud {mismatch}, but there are {files} files with objects and keys; restore the catalogue from a \
         backup, or move the data directory away to start a new cloud; nothing was changed, `gumnut cloud fsck` shows details"
    )]
    NoCatalogue {
        /// The catalogue's file.
        path: PathBuf,
        /// Whether it is missing or empty.
        mismatch: Mismatch,
        /// Files that are there.
        files: usize,
    },
    /// The catalogue is not the one that belongs to the directory, or an older state of it.
    #[error(
        "the catalogue {path:?} of the cloud {mismatch}; restore the right one, or check the data directory with `gumnut cloud fsck` and \
         accept this one with `gumnut cloud fsck --accept-catalogue`; nothing was removed"
    )]
    WrongCatalogue {
        /// The catalogue's file.
        path: PathBuf,
        /// Why it is not the right one.
        mismatch: Mismatch,
    },
    /// The catalogue was written by a later gumnut.
    #[error(
        "the catalogue in {path:?} has version {found}, this program supports {known}; use a newer gumnut"
    )]
    Version {
        /// The catalogue's file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The latest version that is known.
        known: i64,
    },
    /// The cloud cannot speak TLS with what it was given.
    #[error(transparent)]
    Tls(#[from] gumnut_cloud_http::TlsError),
    /// A task of the cloud ended before its time, which is an error of gumnut.
    #[error("a task of the cloud failed; please report this")]
    Task(#[from] tokio::task::JoinError),
}

impl From<BlobError> for CloudError {
    fn from(error: BlobError) -> Self {
        Self::Blobs {
            fault: error.fault(),
            source: error.into(),
        }
    }
}

impl CloudError {
    /// An error of the catalogue in the file `path`.
    pub(crate) fn of_catalogue(path: &Path, error: CatalogueError) -> Self {
        match error {
            CatalogueError::Damaged { reason } => Self::Damaged {
                path: path.to_owned(),
                reason,
            },
            CatalogueError::Version { found, known } => Self::Version {
                path: path.to_owned(),
                found,
                known,
            },
            CatalogueError::Mismatch(mismatch) => Self::WrongCatalogue {
                path: path.to_owned(),
                mismatch,
            },
            other => Self::Catalogue(other),
        }
    }

    /// An error of the bucket with the blobs.
    #[cfg(feature = "bucket")]
    pub(crate) fn blobs(error: gumnut_cloud_bucket::BucketError) -> Self {
        Self::Blobs {
            fault: error.fault(),
            source: error.into(),
        }
    }

    /// Why instances cannot be run.
    pub(crate) fn machines(
        fault: Fault,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Machines {
            fault,
            source: source.into(),
        }
    }

    /// Whose fault it is: what was asked for, the content of the data directory or of a file, or the machine.
    pub fn fault(&self) -> Fault {
        match self {
            Self::NotLoopback(_)
            | Self::NotEncrypted(_)
            | Self::Inline(_)
            | Self::NoBlobsKey
            | Self::SharedInstances
            | Self::CollectsItself
            | Self::ShortGrace { .. }
            | Self::CatalogueSource { .. } => Fault::Usage,
            #[cfg(feature = "postgres")]
            Self::Postgres(error) => error.fault(),
            Self::Machines { fault, .. } => *fault,
            Self::Backup(error) => error.fault(),
            Self::Migrate(error) => error.fault(),
            Self::InUse(_) | Self::BlobsOfAnother { .. } => Fault::Refused,
            Self::NoCloud(_)
            | Self::BlobsNotEmpty
            | Self::MoveBlob { .. }
            | Self::OtherMasterKey { .. }
            | Self::IsBackup(_)
            | Self::Damaged { .. }
            | Self::NoCatalogue { .. }
            | Self::WrongCatalogue { .. }
            | Self::Tls(_) => Fault::Input,
            Self::Accounts(error) => error.fault(),
            Self::Blobs { fault, .. } => *fault,
            _ => Fault::System,
        }
    }
}
