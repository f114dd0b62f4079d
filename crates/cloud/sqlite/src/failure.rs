//! Why a unit of change or a read failed.

use std::error::Error;
use std::io::ErrorKind;

use gumnut_cloud_catalogue::{CatalogueError, Conflict, Mismatch};
use rusqlite::ErrorCode;

/// Why a unit of change or a read failed. SQLite's own errors become those of the catalogue on the way.
#[derive(Debug)]
pub(crate) struct Failure(CatalogueError);

/// A decision or the code about it panicked; the message went where those of panics go.
#[derive(Debug, thiserror::Error)]
#[error("a decision panicked; please report this")]
pub(crate) struct Panicked;

impl Failure {
    /// An error of which nothing better can be said.
    pub(crate) fn of(source: impl Error + Send + Sync + 'static) -> Self {
        Self(CatalogueError::Database(source.into()))
    }

    /// An error of the commit itself. What a full disk refused was taken back; of the rest nothing is known.
    pub(crate) fn of_commit(error: rusqlite::Error) -> Self {
        match Self::from(error).0 {
            error @ (CatalogueError::Full(_) | CatalogueError::Database(_)) => Self(error),
            error => Self::of(error),
        }
    }

    /// There was no room on the disk. What was to be written has been taken back.
    pub(crate) fn is_full(&self) -> bool {
        matches!(self.0, CatalogueError::Full(_))
    }

    /// The error for another unit of change of the same commit, which failed in this way.
    pub(crate) fn for_another(&self) -> Self {
        Self(CatalogueError::Database(self.0.to_string().into()))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self(match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => CatalogueError::Full(error.into()),
            _ => CatalogueError::Database(error.into()),
        })
    }
}

impl From<Mismatch> for Failure {
    fn from(mismatch: Mismatch) -> Self {
        Self(CatalogueError::Mismatch(mismatch))
    }
}

impl From<Failure> for CatalogueError {
    fn from(failure: Failure) -> Self {
        failure.0
    }
}

impl From<CatalogueError> for Failure {
    fn from(error: CatalogueError) -> Self {
        Self(error)
    }
}

impl From<Conflict> for Failure {
    fn from(conflict: Conflict) -> Self {
        Self(CatalogueError::Conflict(conflict))
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self(match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => CatalogueError::Full(error.into()),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => CatalogueError::Damaged {
                reason: error.to_string(),
            },
            _ if is_of_a_row(&error) => CatalogueError::Row(error.into()),
            _ => CatalogueError::Database(error.into()),
        })
    }
}

fn is_of_a_row(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sqlite(code: std::ffi::c_int) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None)
    }

    #[test]
    fn codes_of_sqlite_are_told_apart() {
        use rusqlite::ffi::{SQLITE_BUSY, SQLITE_CORRUPT, SQLITE_FULL, SQLITE_NOTADB};
        let error = |code| CatalogueError::from(Failure::from(sqlite(code)));
        assert!(matches!(error(SQLITE_FULL), CatalogueError::Full(_)));
        assert!(matches!(error(SQLITE_BUSY), CatalogueError::Database(_)));
        for code in [SQLITE_CORRUPT, SQLITE_NOTADB] {
            assert!(matches!(error(code), CatalogueError::Damaged { .. }));
        }
    }

    #[test]
    fn the_outcome_of_a_commit_is_known_when_the_disk_is_full() {
        use rusqlite::ffi::{SQLITE_CORRUPT, SQLITE_FULL, SQLITE_IOERR};
        let error = |code| CatalogueError::from(Failure::of_commit(sqlite(code)));
        assert!(!error(SQLITE_FULL).is_outcome_unknown());
        for code in [SQLITE_CORRUPT, SQLITE_IOERR] {
            assert!(error(code).is_outcome_unknown(), "{code}");
        }
    }
}
