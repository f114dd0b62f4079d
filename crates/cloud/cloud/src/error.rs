//! Why a cloud does not start, or cannot go on.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use gumnut_types::Fault;

/// Why a cloud does not start, or cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CloudError {
    /// Another cloud works with the data folder.
    #[error("another cloud uses the data folder {0:?}; stop it, or name another folder")]
    Locked(PathBuf),
    /// There is nothing of a cloud in the folder.
    #[error("there is no cloud in {0:?}; make one with: gumnut cloud init")]
    NoCloud(PathBuf),
    /// There is no such user, or none whose keys are good.
    #[error(
        "the cloud has no user {0:?} with keys that are good; list them with: gumnut cloud user list"
    )]
    NoUser(String),
    /// A user of the cloud has this name.
    #[error("the cloud has a user {0:?} already")]
    UserExists(String),
    /// The text cannot be a name.
    #[error(
        "{0:?} cannot be the name of a user or an account: use up to 64 letters, digits and . _ - @, not 12 digits alone"
    )]
    UserName(String),
    /// The address could be reached by other machines.
    #[error("{0} is no loopback address; allow remote access if others shall reach the cloud")]
    NotLoopback(SocketAddr),
    /// The address could be reached by other machines, and nothing would be encrypted.
    #[error(
        "{0} can be reached from other machines, which would send their requests in the clear; use TLS"
    )]
    NotEncrypted(SocketAddr),
    /// What TLS needs cannot be used.
    #[error("cannot use {what} for TLS")]
    Tls {
        /// A file, or what could not be made.
        what: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The address cannot be listened at.
    #[error("cannot listen at {addr}")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file of the data folder cannot be used. The source names it.
    #[error("cannot {doing}")]
    Files {
        /// What was being done.
        doing: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The catalogue cannot be used.
    #[error("cannot use the catalogue of the cloud")]
    Catalogue(#[from] rusqlite::Error),
    /// The catalogue is not what was written.
    #[error(
        "the catalogue {path:?} of the cloud is damaged: {reason}; `gumnut cloud fsck` tells what is left"
    )]
    Damaged {
        /// The catalogue's file.
        path: PathBuf,
        /// The first thing that is wrong.
        reason: String,
    },
    /// The catalogue was written by a later gumnut.
    #[error(
        "the catalogue in {path:?} has version {found}, this program knows {known}; use a later gumnut"
    )]
    Version {
        /// The catalogue's file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The latest version that is known.
        known: i64,
    },
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    Random(#[source] getrandom::Error),
    /// A key or certificate of the cloud cannot be made or read.
    #[error("cannot use the keys of the cloud")]
    Keys(#[from] gumnut_crypto::CryptoError),
    /// The keys of a new cloud could not be made.
    #[error("the keys of the cloud could not be made: {0}")]
    NoKeys(String),
    /// A task of the cloud ended before its time, which is an error of gumnut.
    #[error("a task of the cloud failed; please report this")]
    Task(#[from] tokio::task::JoinError),
}

impl CloudError {
    /// Whose fault it is: what was asked for, what lies in the data folder or in a file, or the machine.
    pub fn fault(&self) -> Fault {
        match self {
            Self::NotLoopback(_) | Self::NotEncrypted(_) | Self::UserName(_) => Fault::Usage,
            Self::NoCloud(_)
            | Self::NoUser(_)
            | Self::UserExists(_)
            | Self::Damaged { .. }
            | Self::Tls { .. } => Fault::Input,
            _ => Fault::System,
        }
    }
}
