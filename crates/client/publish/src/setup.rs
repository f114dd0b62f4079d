//! What all runs of a publisher share.

use std::num::NonZeroUsize;
use std::sync::Arc;

use gumnut_workflows::{CloudClient, Destination, Keys, RunId, WorkflowError};

use crate::identity::site;
use crate::journal::Begun;
use crate::{Plan, Runs};

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
    /// Where the bundles of a plan go.
    pub(crate) fn destination(&self, plan: &Plan) -> Result<Destination, WorkflowError> {
        Ok(Destination {
            store: self.cloud.store()?.clone(),
            target: plan.bucket_prefix()?,
            acl: plan.storage.acl,
        })
    }

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
