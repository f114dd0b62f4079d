//! What can be wrong with a PostgreSQL server, its schema, or how it is named.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use gumnut_cloud_catalogue::CatalogueError;
use gumnut_types::Fault;
use tokio_postgres::error::SqlState;

/// Why PostgreSQL cannot be used. No message has a password in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresError {
    /// The URL is not understood.
    #[error("invalid PostgreSQL URL: {0}")]
    Url(String),
    /// The file with the password cannot be read, or is not one.
    #[error("cannot use the password file {}: {reason}", path.display())]
    PasswordFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file with certificates of authorities cannot be used.
    #[error("cannot use the certificates in {}: {reason}", path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No connection can be made.
    #[error("cannot connect to PostgreSQL at {server}: is it running, and does the URL name it?")]
    Unreachable {
        /// The hosts and ports that were tried.
        server: String,
        /// The last error.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The server does not let the user in.
    #[error(
        "PostgreSQL refused the login: check the user in the URL, the password file and pg_hba.conf"
    )]
    Login(#[source] tokio_postgres::Error),
    /// The server has no database of that name.
    #[error("PostgreSQL does not have the database: create it with createdb, or change the URL")]
    NoDatabase(#[source] tokio_postgres::Error),
    /// The user may not do what a catalogue needs.
    #[error(
        "PostgreSQL denied access: the user must own the tables of the catalogue, or be able to create them"
    )]
    Denied(#[source] tokio_postgres::Error),
    /// The server starts, recovers or stops at the moment.
    #[error("PostgreSQL is starting or stopping")]
    Ending(#[source] tokio_postgres::Error),
    /// All connections that the server allows are in use.
    #[error(
        "PostgreSQL has too many connections: increase max_connections, or use fewer connections for each server"
    )]
    TooManyConnections(#[source] tokio_postgres::Error),
    /// The server only reads: it is a standby, or its transactions are read-only by a setting.
    #[error(
        "PostgreSQL is read-only: it is a standby server, or default_transaction_read_only is on"
    )]
    ReadOnly(#[source] Box<dyn Error + Send + Sync>),
    /// A connection was cut off.
    #[error("the connection to PostgreSQL was lost")]
    Lost(#[source] tokio_postgres::Error),
    /// The server did not answer in time.
    #[error("PostgreSQL did not answer in time")]
    Silent,
    /// The server ended a statement that took too long, or waited too long for a lock.
    #[error("PostgreSQL took too long for a statement")]
    Slow(#[source] tokio_postgres::Error),
    /// All connections of this program were in use for too long.
    #[error("all connections to PostgreSQL are in use")]
    Busy,
    /// Others changed the same rows again and again.
    #[error("too many clients change the same object at once")]
    Contended(#[source] Option<tokio_postgres::Error>),
    /// A setting of the server loses what was acknowledged.
    #[error(
        "PostgreSQL has {setting}={value}: a crash would lose data that was acknowledged; set it to on, or allow it explicitly"
    )]
    Unsafe {
        /// The name of the setting.
        setting: &'static str,
        /// Its value.
        value: String,
    },
    /// The tables are older than those that this program needs.
    #[error(
        "the schema of the catalogue has version {found}, and this program needs version {needed}: \
         run `gumnut cloud schema upgrade`"
    )]
    SchemaTooOld {
        /// The version of the tables.
        found: i64,
        /// The version that this program needs.
        needed: i64,
    },
    /// The tables were changed by a later gumnut, in a way that this one cannot work with.
    #[error(
        "the schema of the catalogue has version {found} and needs a program that supports version {oldest} or later; \
         this program supports version {known}: install a later gumnut"
    )]
    SchemaTooNew {
        /// The version of the tables.
        found: i64,
        /// The oldest version that a program must know.
        oldest: i64,
        /// The version that this program knows.
        known: i64,
    },
    /// There are tables, and they are not those of a catalogue.
    #[error("the database contains tables that are not a catalogue: use an empty database")]
    Foreign,
    /// There are no tables.
    #[error("the database contains no catalogue: does the URL name the right one?")]
    Empty,
    /// Others keep a table locked that is to be changed.
    #[error(
        "other transactions keep tables of the catalogue locked, perhaps another upgrade: nothing was changed; run the command again"
    )]
    Locked(#[source] tokio_postgres::Error),
    /// Anything else that the server says.
    #[error("PostgreSQL reported an error")]
    Server(#[source] tokio_postgres::Error),
}

impl PostgresError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Url(_) | Self::PasswordFile { .. } | Self::Certificates { .. } => Fault::Usage,
            Self::Login(_)
            | Self::NoDatabase(_)
            | Self::Denied(_)
            | Self::ReadOnly(_)
            | Self::Unsafe { .. }
            | Self::SchemaTooOld { .. }
            | Self::SchemaTooNew { .. }
            | Self::Empty
            | Self::Locked(_)
            | Self::Foreign => Fault::Refused,
            Self::Server(_) => Fault::System,
            _ => Fault::Network,
        }
    }

    /// Whether the server may take the same call a little later, as it has not done any of it.
    fn is_for_now(&self) -> bool {
        !matches!(self, Self::Server(_))
    }
}

impl From<PostgresError> for CatalogueError {
    fn from(error: PostgresError) -> Self {
        match error {
            PostgresError::Server(error) if error.code() == Some(&SqlState::DISK_FULL) => {
                Self::Full(error.into())
            }
            error if error.is_for_now() => Self::Unavailable(error.into()),
            error => Self::Database(error.into()),
        }
    }
}

impl From<tokio_postgres::Error> for PostgresError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(code) = error.code() else {
            return if is_of_the_connection(&error) {
                Self::Lost(error)
            } else {
                Self::Server(error)
            };
        };
        match code.code() {
            "28P01" | "28000" => Self::Login(error),
            "3D000" => Self::NoDatabase(error),
            "42501" => Self::Denied(error),
            "53300" => Self::TooManyConnections(error),
            "25006" => Self::ReadOnly(error.into()),
            "57014" | "55P03" => Self::Slow(error),
            "57P01" | "57P02" | "57P03" => Self::Ending(error),
            "25P03" | "57P05" => Self::Lost(error),
            code if code.starts_with("08") => Self::Lost(error),
            _ => Self::Server(error),
        }
    }
}

/// Whether it is the connection that failed, and not a statement.
fn is_of_the_connection(error: &tokio_postgres::Error) -> bool {
    let source = error.source();
    error.is_closed() || source.is_some_and(|source| source.downcast_ref::<io::Error>().is_some())
}
