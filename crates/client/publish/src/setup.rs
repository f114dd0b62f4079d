//! What all runs of a publisher share.

use std::num::NonZeroUsize;
use std::sync::Arc;

use gumnut_workflows::{CloudClient, Keys, RunId, WorkflowError};

use crate::Runs;
use crate::identity::site;
use crate::journal::Begun;

/// What all runs of a publisher share.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) cloud: CloudClient,
    pub(crate) keys: Arc<Keys>,
    pub(crate) runs: Runs,
    /// Parts that may be in memory at a time.
    pub(crate) jobs: usize,
    /// Threads that compress.
    pub(crate) threads: NonZeroUsize,
}

impl Setup {
    /// How a run began that is there and for this cloud.
    pub(crate) fn begun(&self, id: &RunId) -> Result<Begun, WorkflowError> {
        let begun = self
            .runs
            .look(id)?
            .begun
            .ok_or_else(|| WorkflowError::NoRun(id.clone()))?;
        if begun.site != site(&self.cloud)? {
            return Err(WorkflowError::OtherSite {
                run: id.clone(),
                site: begun.site,
            });
        }
        Ok(begun)
    }
}
