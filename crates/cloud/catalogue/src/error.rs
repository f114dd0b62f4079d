//! Why the catalogue cannot be used.

use std::error::Error;

use crate::Conflict;

/// Why the catalogue cannot be used. The database's own error is the source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogueError {
    /// Something that may be there only once is there already.
    #[error("{0} is already in use")]
    Conflict(Conflict),
    /// A row holds something that is not understood.
    #[error("the catalogue contains an unknown value")]
    Row(#[source] Box<dyn Error + Send + Sync>),
    /// The disk is full, or the quota used up. What was to change has not changed.
    #[error("there is no space left for the catalogue")]
    Full(#[source] Box<dyn Error + Send + Sync>),
    /// The database's file is not what was written.
    #[error("the catalogue is damaged: {reason}")]
    Damaged {
        /// The first thing that is wrong.
        reason: String,
    },
    /// The database was written by a later gumnut.
    #[error("the catalogue has version {found}; this program supports {known}")]
    Version {
        /// Its version.
        found: i64,
        /// The latest version that is known.
        known: i64,
    },
    /// The database is not the one that belongs to the files beside it, or an older state of it. Nothing of the files is to be
    /// removed on its word.
    #[error("the catalogue {0}")]
    Mismatch(Mismatch),
    /// The database cannot be used at the moment. What was to change has not changed; trying again later may help.
    #[error("the catalogue is not available")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// The database was lost while it committed. Whether what was to change has changed is not known.
    #[error("the catalogue was lost during a commit: it is not known whether the change was made")]
    OutcomeUnknown(#[source] Box<dyn Error + Send + Sync>),
    /// The database cannot be used. Whether what was to change has changed is not known.
    #[error("cannot use the catalogue of the cloud")]
    Database(#[source] Box<dyn Error + Send + Sync>),
    /// The database has stopped working for this program.
    #[error("the catalogue is closed")]
    Closed,
}

/// Why a database does not belong to the files beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Mismatch {
    /// It is not there, and the files are.
    #[error("is missing")]
    Missing,
    /// It has nothing in it, and the files are there.
    #[error("is empty")]
    Empty,
    /// It is that of another cloud, or one from before it had a mark.
    #[error("does not belong to the files of the cloud")]
    Foreign,
    /// It is an older state, as a backup has.
    #[error("is older than the files of the cloud: its last {missing} changes are missing")]
    Older {
        /// How many changes it does not have.
        missing: u64,
    },
    /// It belongs to other files: those here have no mark of a catalogue.
    #[error("belongs to another directory: the file catalogue.id is missing here")]
    Unmarked,
    /// The mark of the catalogue that belongs to the files cannot be read.
    #[error("cannot be checked, because the file catalogue.id is damaged")]
    Mark,
}

impl CatalogueError {
    /// Whether a change that ended with this error may have happened anyway.
    pub fn is_outcome_unknown(&self) -> bool {
        matches!(
            self,
            Self::OutcomeUnknown(_) | Self::Database(_) | Self::Closed
        )
    }
}
