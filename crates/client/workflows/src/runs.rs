//! What can be said of a run without its cloud.

use std::path::PathBuf;

use gumnut_types::ImageId;

use crate::{Role, RunId};

/// A run, as its journal tells.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunInfo {
    /// Its name.
    pub id: RunId,
    /// What is published.
    pub target: PathBuf,
    /// When it began, in seconds since 1970.
    pub begun: u64,
    /// Whether it has come to its end.
    pub status: RunStatus,
    /// The images that are registered.
    pub ids: Vec<(Role, ImageId)>,
}

/// Whether a run has come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunStatus {
    /// It has.
    Complete,
    /// It was interrupted, or goes on in another process.
    Unfinished,
}
