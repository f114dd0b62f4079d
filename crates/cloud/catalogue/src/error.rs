//! Why the catalogue cannot be used.

use std::error::Error;

use crate::Conflict;

/// Why the catalogue cannot be used. The database's own error is the source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogueError {
    /// Something that may be there only once is there already.
    #[error("{0} is taken")]
    Conflict(Conflict),
    /// A row holds something that is not understood.
    #[error("the catalogue holds something that is not understood")]
    Row(#[source] Box<dyn Error + Send + Sync>),
    /// The disk is full, or the quota used up. What was to change has not changed.
    #[error("there is no room left for the catalogue")]
    Full(#[source] Box<dyn Error + Send + Sync>),
    /// The database's file is not what was written.
    #[error("the catalogue is damaged: {reason}")]
    Damaged {
        /// The first thing that is wrong.
        reason: String,
    },
    /// The database was written by a later gumnut.
    #[error("the catalogue has version {found}, this program knows {known}")]
    Version {
        /// Its version.
        found: i64,
        /// The latest version that is known.
        known: i64,
    },
    /// The database cannot be used. Whether what was to change has changed is not known.
    #[error("cannot use the catalogue of the cloud")]
    Database(#[source] Box<dyn Error + Send + Sync>),
    /// The database has stopped working for this program.
    #[error("the catalogue is closed")]
    Closed,
}

impl CatalogueError {
    /// Whether a change that ended with this error may have happened all the same.
    pub fn is_outcome_unknown(&self) -> bool {
        matches!(self, Self::Database(_) | Self::Closed)
    }
}
