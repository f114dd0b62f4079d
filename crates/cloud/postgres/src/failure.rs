//! Why a unit of change or a read failed.

use std::error::Error;

use gumnut_cloud_catalogue::{CatalogueError, Conflict};
use tokio_postgres::error::SqlState;

use crate::error::PostgresError;

/// Why a unit of change or a read failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Another unit was first: this one is to be tried again, and decided on what is there then.
    Again(tokio_postgres::Error),
    /// Another unit changed what this one looked at while it waited for a lock; or a stronger lock is needed.
    Stale,
    /// The connection was lost. Whether what was sent has been done is not known.
    Lost(PostgresError),
    /// Everything else.
    Final(CatalogueError),
}

impl Failure {
    /// An error of which nothing better can be said.
    pub(crate) fn of(source: impl Error + Send + Sync + 'static) -> Self {
        Self::Final(CatalogueError::Database(source.into()))
    }

    /// The constraint that another unit's row violates; `None` for other failures.
    pub(crate) fn constraint(&self) -> Option<&str> {
        match self {
            Self::Again(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
                error.as_db_error()?.constraint()
            }
            _ => None,
        }
    }

    /// A failure of statements behind which the commit was sent already. What the server itself refused has not happened.
    pub(crate) fn of_commit(self) -> Self {
        match self {
            Self::Lost(error) => Self::Final(CatalogueError::OutcomeUnknown(error.into())),
            failure => failure,
        }
    }

    /// The error for the caller, when nothing is tried again.
    pub(crate) fn give_up(self) -> CatalogueError {
        match self {
            Self::Again(error) => PostgresError::Contended(Some(error)).into(),
            Self::Stale => PostgresError::Contended(None).into(),
            Self::Lost(error) => error.into(),
            Self::Final(error) => error,
        }
    }
}

impl From<CatalogueError> for Failure {
    fn from(error: CatalogueError) -> Self {
        Self::Final(error)
    }
}

impl From<Conflict> for Failure {
    fn from(conflict: Conflict) -> Self {
        Self::Final(CatalogueError::Conflict(conflict))
    }
}

impl From<PostgresError> for Failure {
    fn from(error: PostgresError) -> Self {
        match error {
            PostgresError::Lost(_) | PostgresError::Ending(_) | PostgresError::Silent => {
                Self::Lost(error)
            }
            error => Self::Final(error.into()),
        }
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        let is_race = error.code().is_some_and(|code| {
            [
                SqlState::UNIQUE_VIOLATION,
                SqlState::FOREIGN_KEY_VIOLATION,
                SqlState::T_R_SERIALIZATION_FAILURE,
                SqlState::T_R_DEADLOCK_DETECTED,
            ]
            .contains(code)
        });
        if is_race {
            return Self::Again(error);
        }
        PostgresError::from(error).into()
    }
}
