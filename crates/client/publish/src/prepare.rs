//! Everything of a run that can fail before the cloud is changed.

use std::sync::Arc;

use gumnut_types::Architecture;
use gumnut_walrus_client::BucketState;
use gumnut_workflows::{Destination, WorkflowError};

use crate::blocking::blocking;
use crate::journal::Record;
use crate::run::Run;
use crate::source::{self, Sized, Source, judge};

impl Run<'_> {
    /// Looks for the bucket, opens the target, and checks its images.
    pub(crate) async fn prepare(
        &mut self,
    ) -> Result<(Source, Architecture, BucketState), WorkflowError> {
        let Destination { store, target, .. } = &self.destination;
        let bucket = store.bucket_state(&target.bucket).await?;
        let source = self.source().await?;
        let architecture = judge(&self.plan, &source, Sized::Done, &*self.observer)?;
        Ok((source, architecture, bucket))
    }

    async fn source(&mut self) -> Result<Source, WorkflowError> {
        let known = self.journal.state().prepared.clone();
        let (plan, folder) = (self.plan.clone(), self.folder.clone());
        let observer = Arc::clone(&self.observer);
        if let Some(tree) = plan.tree.clone() {
            let (run, make) = (self.id.clone(), self.make.take());
            return blocking(move || {
                source::of_tree(&plan, &tree, &folder, make, &run, &*observer)
            })
            .await;
        }
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
}
