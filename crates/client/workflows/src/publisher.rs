//! A run from its beginning, or from wherever it was interrupted, to its end.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use gumnut_disk_image::{Severity, Start, Subject, check};
use gumnut_transport::TransportError;
use gumnut_types::{Architecture, ImageId, ManifestLocation};
use gumnut_walrus_client::BucketState;

use crate::destination::Destination;
use crate::identity::identity;
use crate::journal::{Begun, Journal, Record, RunFolder, VERSION};
use crate::run::Run;
use crate::source::{self, Source};
use crate::{
    BucketPrefix, CloudClient, Keys, Observer, Plan, Role, RunId, Runs, Step, WorkflowError,
};

/// Publishes images.
pub struct Publisher {
    /// The cloud.
    pub cloud: CloudClient,
    /// The keys.
    pub keys: Arc<Keys>,
    /// Where journals lie.
    pub runs: Runs,
    /// Parts that may be in memory at a time.
    pub jobs: usize,
    /// Threads that compress.
    pub threads: NonZeroUsize,
    /// Told how far the run is.
    pub observer: Arc<dyn Observer>,
}

/// What was published.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Published {
    /// The run.
    pub run: RunId,
    /// The images, those before the machine image first.
    pub images: Vec<PublishedImage>,
    /// Whether anything was done: `false` when an earlier run had done it all.
    pub changed: bool,
}

/// An image that was published.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PublishedImage {
    /// What it is for.
    pub role: Role,
    /// Its id; nothing when it was not to be registered.
    pub id: Option<ImageId>,
    /// Where its manifest lies.
    pub location: ManifestLocation,
    /// How many parts its bundle has.
    pub parts: usize,
}

impl Publisher {
    /// Publishes what the plan says, or goes on with a run for the same.
    ///
    /// # Errors
    /// When the target is no image, or has grave faults; when the store or the cloud refuses or does not answer; when the
    /// journal cannot be written. What was done until then stands in the journal, and another call goes on from there.
    pub async fn publish(&self, plan: &Plan) -> Result<Published, WorkflowError> {
        let identity = self.identity(plan).await?;
        self.run(plan, &identity).await
    }

    /// Goes on with a run.
    ///
    /// # Errors
    /// As [`Publisher::publish`]; and when there is no such run, it is for another cloud, or its target has changed.
    pub async fn resume(&self, id: &RunId) -> Result<Published, WorkflowError> {
        let folder = self.runs.existing(id)?;
        let begun = crate::journal::look(&folder.journal())?.begun;
        let Begun {
            plan,
            site: at,
            identity: known,
            ..
        } = begun.ok_or_else(|| WorkflowError::NoRun(id.clone()))?;
        if at != self.cloud.endpoints()? {
            return Err(WorkflowError::OtherSite {
                run: id.clone(),
                site: at,
            });
        }
        if self.identity(&plan).await? != known {
            return Err(WorkflowError::TargetChanged {
                run: id.clone(),
                target: plan.target,
            });
        }
        self.run(&plan, &known).await
    }

    /// What tells whether another run is for the same; reads the whole target.
    async fn identity(&self, plan: &Plan) -> Result<String, WorkflowError> {
        let (owned, observer) = (plan.clone(), Arc::clone(&self.observer));
        let fingerprints = blocking(move || source::fingerprints(&owned, &*observer)).await?;
        Ok(identity(plan, &self.cloud.endpoints()?, &fingerprints))
    }

    async fn run(&self, plan: &Plan, identity: &str) -> Result<Published, WorkflowError> {
        let id = RunId::of(identity)?;
        let folder = self.runs.folder(&id);
        let destination = self.destination(plan)?;
        let mut journal = self.open(&id, &folder).await?;
        if journal.state().complete.is_some() {
            let mut run = Run::new(self, plan, &destination, identity, &mut journal);
            if let Some(images) = run.found().await? {
                run.attributes(&images).await?;
                let changed = run.written;
                // It may have been killed right after it was complete.
                folder.drop_disk()?;
                return Ok(Published {
                    run: id,
                    images,
                    changed,
                });
            }
        }
        self.begin(plan, identity, &id, &mut journal)?;
        let prepared = self.prepare(plan, &destination, &folder, &mut journal);
        let (source, architecture, bucket) = match prepared.await {
            Ok(prepared) => prepared,
            Err(error) => {
                // Nobody goes on with what cannot be published.
                if !may_pass(&error) && journal.state().is_untouched() {
                    folder.remove()?;
                }
                return Err(error);
            }
        };
        self.make_bucket(plan, &destination, bucket, &mut journal)
            .await?;
        let mut run = Run::new(self, plan, &destination, identity, &mut journal);
        let images = run.images(&source, architecture).await?;
        run.attributes(&images).await?;
        let changed = run.written;
        folder.drop_disk()?;
        Ok(Published {
            run: id,
            images,
            changed,
        })
    }

    async fn open(&self, id: &RunId, folder: &RunFolder) -> Result<Journal, WorkflowError> {
        folder.create()?;
        let (folder, id) = (folder.clone(), id.clone());
        let observer = Arc::clone(&self.observer);
        let waiting = move || observer.step(&Step::Waiting { run: &id });
        blocking(move || Journal::open(&folder, waiting)).await
    }

    /// Notes that the run begins, unless it goes on.
    fn begin(
        &self,
        plan: &Plan,
        identity: &str,
        id: &RunId,
        journal: &mut Journal,
    ) -> Result<(), WorkflowError> {
        let state = journal.state();
        let same = state
            .begun
            .as_ref()
            .is_some_and(|begun| begun.identity == identity);
        if same && state.complete.is_none() {
            self.observer.step(&Step::Resuming { run: id });
            return Ok(());
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        journal.write(Record::Begun {
            version: VERSION,
            at: now.unwrap_or_default().as_secs(),
            plan: Box::new(plan.clone()),
            site: self.cloud.endpoints()?,
            identity: identity.to_owned(),
        })
    }

    /// Everything that can fail before the cloud is changed.
    async fn prepare(
        &self,
        plan: &Plan,
        destination: &Destination,
        folder: &RunFolder,
        journal: &mut Journal,
    ) -> Result<(Source, Architecture, BucketState), WorkflowError> {
        let bucket = destination.store.bucket_state(destination.bucket()).await?;
        let source = self.source(plan, folder, journal).await?;
        let architecture = source.architecture(plan)?;
        self.check(plan, &source, architecture)?;
        insist_on_kernel(plan, &source)?;
        Ok((source, architecture, bucket))
    }

    async fn source(
        &self,
        plan: &Plan,
        folder: &RunFolder,
        journal: &mut Journal,
    ) -> Result<Source, WorkflowError> {
        let known = journal.state().prepared.clone();
        let (owned, folder) = (plan.clone(), folder.clone());
        let observer = Arc::clone(&self.observer);
        let (source, prepared) = blocking({
            let known = known.clone();
            move || source::open(&owned, &folder, known.as_ref(), &*observer)
        })
        .await?;
        match prepared {
            Some(prepared) if Some(&prepared) != known.as_ref() => {
                journal.write(Record::Prepared(prepared))?;
            }
            _ => {}
        }
        Ok(source)
    }

    /// Says what would keep an instance from starting, and stops where that is certain.
    fn check(
        &self,
        plan: &Plan,
        source: &Source,
        architecture: Architecture,
    ) -> Result<(), WorkflowError> {
        let inspection = |role| source.image(role).map(|image| &image.inspection);
        let Some(machine) = inspection(Role::Machine) else {
            return Ok(());
        };
        let mut subject = Subject::new(machine);
        subject.kernel = inspection(Role::Kernel);
        subject.ramdisk = inspection(Role::Ramdisk);
        subject.hypervisor = Some(plan.hypervisor.into());
        subject.architecture = Some(architecture);
        let by_kernel = subject.kernel.is_some() || plan.kernel.is_some();
        subject.start = by_kernel.then_some(Start::Kernel);
        let findings = check(&subject);
        if !findings.is_empty() {
            self.observer.step(&Step::Found {
                findings: &findings,
            });
        }
        let errors = findings.iter();
        let grave = errors
            .filter(|finding| finding.check.severity == Severity::Error)
            .count();
        if grave > 0 && !plan.ignore_checks {
            return Err(WorkflowError::Checks { grave });
        }
        Ok(())
    }

    /// The bucket and the prefix of a plan.
    pub(crate) fn destination(&self, plan: &Plan) -> Result<Destination, WorkflowError> {
        let parts = [plan.prefix.as_deref().unwrap_or_default(), &plan.again];
        let parts = parts.map(|part| part.trim_matches('/'));
        let named: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        Ok(Destination {
            store: self.cloud.store()?.clone(),
            target: BucketPrefix {
                bucket: match &plan.bucket {
                    Some(bucket) => bucket.clone(),
                    None => plan.default_bucket()?,
                },
                prefix: (!named.is_empty()).then(|| named.join("/")),
            },
            acl: plan.acl,
        })
    }

    async fn make_bucket(
        &self,
        plan: &Plan,
        destination: &Destination,
        state: BucketState,
        journal: &mut Journal,
    ) -> Result<(), WorkflowError> {
        let bucket = destination.bucket();
        let store = &destination.store;
        if state == BucketState::Missing {
            self.observer.step(&Step::MakingBucket { bucket });
            journal.write(Record::MakingBucket {
                bucket: bucket.clone(),
            })?;
            store
                .create_bucket(bucket, plan.bucket_location.as_deref())
                .await?;
        }
        Ok(())
    }
}

/// Whether the same may work another time: the cloud did not answer, or the user stopped it.
fn may_pass(error: &WorkflowError) -> bool {
    matches!(
        error,
        WorkflowError::Transport(TransportError::Network { .. } | TransportError::Timeout { .. })
            | WorkflowError::Cancelled
    )
}

/// A bare file system does not start without a kernel.
fn insist_on_kernel(plan: &Plan, source: &Source) -> Result<(), WorkflowError> {
    let machine = source.image(Role::Machine);
    let bare = machine.is_some_and(|image| !image.is_whole_disk());
    let kernel = plan.kernel.is_some() || source.image(Role::Kernel).is_some();
    if bare && !kernel && plan.register && !plan.ignore_checks {
        return Err(WorkflowError::NoKernel);
    }
    Ok(())
}

/// Runs what needs a processor or a disk.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, WorkflowError> + Send + 'static,
) -> Result<T, WorkflowError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| WorkflowError::Died)?
}
