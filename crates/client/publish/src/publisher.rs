//! Publishing images, with a journal from which an interrupted run continues.

use std::num::NonZeroUsize;
use std::sync::Arc;

use gumnut_bundle::BundleOptions;
use gumnut_workflows::{CloudClient, Keys, Observer, RunId, WorkflowError};

use crate::identity::identity;
use crate::run::Run;
use crate::setup::Setup;
use crate::stages::Stages;
use crate::{MakeImages, Plan, Published, Removed, Runs};

/// Parts that may be in memory at a time, unless it is said otherwise.
const JOBS: usize = 4;

/// Publishes images.
#[derive(Debug)]
pub struct Publisher(Setup);

impl Publisher {
    /// Publishes to this cloud, with bundles of these keys, and keeps journals there. The keys have the owner's certificate: the
    /// journal's secrets are wrapped for it.
    ///
    /// 4 parts are in memory at a time, and as many threads compress as the machine has processors.
    pub fn new(cloud: CloudClient, keys: impl Into<Arc<Keys>>, runs: Runs) -> Self {
        Self(Setup {
            cloud,
            keys: keys.into(),
            runs,
            jobs: JOBS,
            threads: BundleOptions::default().jobs,
        })
    }

    /// Sets how many parts may be in memory at a time.
    #[must_use]
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.0.jobs = jobs;
        self
    }

    /// Sets how many threads compress.
    #[must_use]
    pub fn threads(mut self, threads: NonZeroUsize) -> Self {
        self.0.threads = threads;
        self
    }

    pub(crate) fn setup(&self) -> &Setup {
        &self.0
    }

    /// The cloud that is published to.
    pub fn cloud(&self) -> &CloudClient {
        &self.0.cloud
    }

    /// Publishes what the plan says, or continues with a run for the same.
    ///
    /// # Errors
    /// When the target is no image, or has severe faults; when the store or the cloud refuses or does not answer; when the
    /// journal cannot be written. What was done until then stands in the journal, and another call continues from there.
    pub async fn publish(
        &self,
        plan: &Plan,
        observer: Arc<dyn Observer>,
    ) -> Result<Published, WorkflowError> {
        self.open(plan, observer).await?.publish().await
    }

    /// Publishes the images of a tree, which `make` makes in the directory of the run unless an earlier attempt has. The plan says
    /// what they will be.
    ///
    /// # Errors
    /// Those of [`Publisher::publish`]; and what `make` fails with.
    pub async fn publish_tree(
        &self,
        plan: &Plan,
        make: MakeImages,
        observer: Arc<dyn Observer>,
    ) -> Result<Published, WorkflowError> {
        let run = self.open(plan, observer).await?;
        run.making(make).publish().await
    }

    /// The run for a plan that nothing is known to be wrong with.
    async fn open(
        &self,
        plan: &Plan,
        observer: Arc<dyn Observer>,
    ) -> Result<Run<'_>, WorkflowError> {
        self.preflight(plan, &observer).await?;
        let stages = Stages::of(plan, observer).await?;
        let watched: Arc<dyn Observer> = Arc::clone(&stages) as _;
        let identity = identity(plan, &self.0.cloud, &watched).await?;
        Run::open(&self.0, plan.clone(), identity, stages).await
    }

    /// Continues with a run.
    ///
    /// # Errors
    /// [`WorkflowError::NoRun`], [`WorkflowError::OtherSite`] and [`WorkflowError::TargetChanged`] when there is no such run, it
    /// is for another cloud, or its target is not what it was; otherwise when publishing does not work, as
    /// [`Publisher::publish`] says.
    pub async fn resume(
        &self,
        id: &RunId,
        observer: Arc<dyn Observer>,
    ) -> Result<Published, WorkflowError> {
        let begun = self.0.begun(id)?;
        let stages = Stages::of(&begun.plan, observer).await?;
        let watched: Arc<dyn Observer> = Arc::clone(&stages) as _;
        if identity(&begun.plan, &self.0.cloud, &watched).await? != begun.identity {
            return Err(WorkflowError::TargetChanged {
                run: id.clone(),
                target: begun.plan.target,
            });
        }
        let run = Run::open(&self.0, begun.plan, begun.identity, stages).await?;
        run.publish().await
    }

    /// Gives up an unfinished run: removes what it left in the cloud and on this machine.
    ///
    /// # Errors
    /// [`WorkflowError::NoRun`], [`WorkflowError::Complete`] and [`WorkflowError::OtherSite`] when there is no such run, it is
    /// complete, or it is for another cloud; and when the cloud refuses. What is left can be removed by another call.
    pub async fn abort(
        &self,
        id: &RunId,
        observer: Arc<dyn Observer>,
    ) -> Result<Removed, WorkflowError> {
        if self.0.runs.look(id)?.complete.is_some() {
            return Err(WorkflowError::Complete(id.clone()));
        }
        let begun = self.0.begun(id)?;
        let stages = Stages::of(&begun.plan, observer).await?;
        let run = Run::open(&self.0, begun.plan, begun.identity, stages).await?;
        run.abort().await
    }
}
