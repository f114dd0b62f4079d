//! Everything of a run that can fail before the cloud is changed.

use std::sync::Arc;

use gumnut_disk_image::{Severity, Start, Subject, check};
use gumnut_types::{Architecture, ImageClass};
use gumnut_walrus_client::BucketState;
use gumnut_workflows::{Destination, Step, WorkflowError};

use crate::blocking::blocking;
use crate::journal::Record;
use crate::run::Run;
use crate::source::{self, Source};

impl Run<'_> {
    /// Looks for the bucket, opens the target, and checks its images.
    pub(crate) async fn prepare(
        &mut self,
    ) -> Result<(Source, Architecture, BucketState), WorkflowError> {
        let Destination { store, target, .. } = &self.destination;
        let bucket = store.bucket_state(&target.bucket).await?;
        let source = self.source().await?;
        let architecture = source.architecture(&self.plan)?;
        self.check(&source, architecture)?;
        self.insist_on_kernel(&source)?;
        Ok((source, architecture, bucket))
    }

    async fn source(&mut self) -> Result<Source, WorkflowError> {
        let known = self.journal.state().prepared.clone();
        let (plan, folder) = (self.plan.clone(), self.folder.clone());
        let observer = Arc::clone(&self.observer);
        let before = known.clone();
        let (source, prepared) =
            blocking(move || source::open(&plan, &folder, before.as_ref(), &*observer)).await?;
        match prepared {
            Some(prepared) if Some(&prepared) != known.as_ref() => {
                self.journal.write(Record::Prepared(prepared))?;
            }
            _ => {}
        }
        Ok(source)
    }

    /// Says what would keep an instance from starting, and stops where that is certain.
    fn check(&self, source: &Source, architecture: Architecture) -> Result<(), WorkflowError> {
        let inspection = |class| source.image(class).map(|image| &image.inspection);
        let Some(machine) = inspection(ImageClass::Machine) else {
            return Ok(());
        };
        let mut subject = Subject::new(machine);
        subject.kernel = inspection(ImageClass::Kernel);
        subject.ramdisk = inspection(ImageClass::Ramdisk);
        subject.hypervisor = Some(self.plan.images.hypervisor);
        subject.architecture = Some(architecture);
        let by_kernel = subject.kernel.is_some() || self.plan.images.kernel.is_some();
        subject.start = by_kernel.then_some(Start::Kernel);
        let findings = check(&subject);
        if !findings.is_empty() {
            self.observer.step(&Step::Found {
                findings: &findings,
            });
        }
        let grave = findings
            .iter()
            .filter(|finding| finding.check.severity == Severity::Error)
            .count();
        if grave > 0 && !self.plan.ignore_checks {
            return Err(WorkflowError::Checks { grave });
        }
        Ok(())
    }

    /// A bare file system does not start without a kernel.
    fn insist_on_kernel(&self, source: &Source) -> Result<(), WorkflowError> {
        let bare = source
            .image(ImageClass::Machine)
            .is_some_and(|image| !image.is_whole_disk());
        let has_kernel =
            self.plan.images.kernel.is_some() || source.image(ImageClass::Kernel).is_some();
        if bare && !has_kernel && self.plan.registers() && !self.plan.ignore_checks {
            return Err(WorkflowError::NoKernel);
        }
        Ok(())
    }
}
