//! Why accounts, keys or certificates cannot be used.

use std::io;
use std::path::PathBuf;

use gumnut_cloud_catalogue::CatalogueError;
use gumnut_types::Fault;

/// Why accounts, keys or certificates cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccountsError {
    /// There is no such user, or none whose keys are good.
    #[error("the cloud has no active user {0:?}; list users with: gumnut cloud user list")]
    NoUser(String),
    /// There is no such user.
    #[error("the cloud has no user {0:?}; list them with: gumnut cloud user list")]
    NoSuchUser(String),
    /// The text cannot be an e-mail address.
    #[error(
        "{0:?} is not an e-mail address: use NAME@DOMAIN, without spaces, at most 254 characters"
    )]
    Email(String),
    /// Another account has the e-mail address.
    #[error("another account has the e-mail address {0:?}")]
    EmailTaken(String),
    /// The credentials in a file name no endpoint of a cloud.
    #[error("{0:?} names no endpoint of the cloud; pass --endpoint URL")]
    NoEndpoint(PathBuf),
    /// A user of the cloud has this name.
    #[error("the cloud already has a user {0:?}")]
    UserExists(String),
    /// The text cannot be a name.
    #[error(
        "{0:?} cannot be the name of a user or an account: use up to 64 letters, digits and . _ - @, not 12 digits alone"
    )]
    UserName(String),
    /// What TLS needs cannot be used.
    #[error("cannot use {what} for TLS")]
    Tls {
        /// A file, or what could not be made.
        what: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
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
    /// Others than the user of the cloud may read or write the master key.
    #[error("other users have access to the master key {path:?} (mode {mode:o}); run: chmod 600 {}", path.display())]
    OpenMasterKey {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The file of the master key has another length.
    #[error("{0:?} is not a master key, which has 32 bytes")]
    NotAMasterKey(PathBuf),
    /// There is no master key where it was said to be.
    #[error(
        "the master key {0:?} does not exist; create one with: (umask 077; head -c 32 /dev/urandom > {shown})", shown = .0.display()
    )]
    NoMasterKey(PathBuf),
    /// There is no master key, and something is encrypted with one.
    #[error(
        "the master key {0:?} is missing, and the keys of the cloud are encrypted with it; restore it from a backup"
    )]
    LostMasterKey(PathBuf),
    /// The secrets are encrypted with another master key.
    #[error(
        "the keys of the cloud are encrypted with another master key than {0:?}; use the one that the cloud was created with: copy it \
         from another front end, or restore it from a backup"
    )]
    WrongMasterKey(PathBuf),
    /// A secret cannot be decrypted with the right master key.
    #[error("the secret {0:?} in the catalogue is damaged; restore the catalogue from a backup")]
    DamagedSecret(String),
    /// A secret was written by a later gumnut.
    #[error("the secret {0:?} in the catalogue was written by a newer gumnut; use that one")]
    LaterSecret(String),
    /// The private key of a user was lost.
    #[error("the cloud does not have the private key of the user {0:?}")]
    NoUserKey(String),
    /// The catalogue cannot be used.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The system gives no random bytes.
    #[error("cannot get random bytes from the system")]
    Random(#[source] getrandom::Error),
    /// A key or certificate cannot be made or read.
    #[error("cannot use the keys of the cloud")]
    Keys(#[from] gumnut_crypto::CryptoError),
    /// The keys of a new cloud could not be made.
    #[error("cannot generate the keys of the cloud: {0}")]
    NoKeys(String),
    /// A task ended before its time, which is an error of gumnut.
    #[error("a task of the cloud failed; please report this")]
    Task(#[from] tokio::task::JoinError),
}

impl AccountsError {
    /// Whose fault it is: what was asked for, the content of a file, or the machine.
    pub fn fault(&self) -> Fault {
        match self {
            Self::UserName(_) | Self::Email(_) => Fault::Usage,
            Self::NoUser(_)
            | Self::NoSuchUser(_)
            | Self::NoEndpoint(_)
            | Self::EmailTaken(_)
            | Self::UserExists(_)
            | Self::Tls { .. }
            | Self::OpenMasterKey { .. }
            | Self::NotAMasterKey(_)
            | Self::NoMasterKey(_)
            | Self::LostMasterKey(_)
            | Self::WrongMasterKey(_)
            | Self::DamagedSecret(_)
            | Self::LaterSecret(_)
            | Self::NoUserKey(_)
            | Self::Catalogue(CatalogueError::Damaged { .. }) => Fault::Input,
            _ => Fault::System,
        }
    }
}
