//! Why a data directory was not backed up or restored.

use std::io;
use std::path::PathBuf;

use gumnut_types::Fault;

/// Why a data directory was not backed up or restored. Nothing of it is left under its final name.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The directory for backups is in the data directory.
    #[error(
        "the backup directory {to:?} is inside the data directory {data_dir:?}; choose another one"
    )]
    Inside {
        /// The directory for backups.
        to: PathBuf,
        /// The data directory.
        data_dir: PathBuf,
    },
    /// The directory for backups has other files.
    #[error("the directory {0:?} is not empty and has no backups; choose an empty one")]
    NotForBackups(PathBuf),
    /// The directory has backups of another cloud.
    #[error("the directory {0:?} has backups of another cloud; choose another one")]
    OtherCloud(PathBuf),
    /// Another process makes a backup there.
    #[error("another backup to {0:?} is being made; wait until it has ended")]
    Busy(PathBuf),
    /// A blob that the catalogue names is not there, or has another size.
    #[error(
        "{object}: the file objects/{blob} {what}; `gumnut cloud fsck` shows what else is wrong"
    )]
    Object {
        /// What it belongs to.
        object: String,
        /// Its name.
        blob: String,
        /// What is wrong with it.
        what: String,
    },
    /// There is no backup that was completed.
    #[error("there is no backup in {0:?}")]
    NoBackup(PathBuf),
    /// The backup was not completed.
    #[error("the backup {0:?} was not completed; choose another one")]
    Partial(PathBuf),
    /// The manifest was written by a later gumnut, or is not one.
    #[error("the manifest {path:?} of the backup cannot be used: {reason}")]
    Manifest {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The backup is not what was written.
    #[error("the backup {path:?} is damaged: {first}; faults: {count}")]
    Damaged {
        /// The backup.
        path: PathBuf,
        /// The first thing that is wrong.
        first: String,
        /// How many things are wrong.
        count: usize,
    },
    /// What is to be restored would be mixed with other files.
    #[error("the directory {0:?} is not empty; restore to a new one")]
    NotEmpty(PathBuf),
    /// There is no room.
    #[error("there is no space left in {path:?}")]
    Full {
        /// The directory that was written to.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file cannot be used. The source names it.
    #[error("cannot {doing}")]
    Files {
        /// What was being done.
        doing: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl BackupError {
    /// Whose fault it is: what was asked for, what is in the directories, or the machine.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Inside { .. } => Fault::Usage,
            Self::NotForBackups(_)
            | Self::OtherCloud(_)
            | Self::Object { .. }
            | Self::NoBackup(_)
            | Self::Partial(_)
            | Self::Manifest { .. }
            | Self::Damaged { .. }
            | Self::NotEmpty(_) => Fault::Input,
            Self::Busy(_) | Self::Full { .. } | Self::Files { .. } => Fault::System,
        }
    }

    /// An error of writing below a directory.
    pub(super) fn writing(
        path: &std::path::Path,
        doing: &'static str,
    ) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Self::Full { path, source },
            _ => Self::Files { doing, source },
        }
    }

    /// An error of reading.
    pub(super) fn reading(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Files { doing, source }
    }
}
