//! One part out of the store, trusted when its digest has matched.

use std::future::Future;
use std::io;

use bytes::Bytes;
use gumnut_bundle::Progress;
use gumnut_manifest::Part;
use gumnut_transport::TransportError;
use gumnut_types::{Limits, ObjectKey, Sha1Digest};
use gumnut_walrus_client::ObjectHead;
use sha1::{Digest as _, Sha1};

use crate::{StoredBundle, WorkflowError};

/// Where the bytes of a part go while they come. What it holds is to be trusted when [`StoredBundle::receive`] has returned
/// without an error.
pub trait PartOutput: Send {
    /// Takes the next bytes.
    fn write(&mut self, bytes: Bytes) -> impl Future<Output = io::Result<()>> + Send;

    /// Forgets all bytes: they come again from the first.
    fn restart(&mut self) -> impl Future<Output = io::Result<()>> + Send;
}

/// For those who want to know only whether a part is right.
pub(crate) struct Forget<'a>(pub(crate) &'a dyn Progress);

impl PartOutput for Forget<'_> {
    async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        self.0.advance(bytes.len() as u64);
        if self.0.cancelled() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        Ok(())
    }

    async fn restart(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl StoredBundle {
    /// Reads a part and compares it with the manifest; gives its size in bytes.
    ///
    /// A connection that breaks is continued with. A part that comes with another digest is read a second time, because the way
    /// may have damaged it and not the store. `head` is what the store has said of it before, if it has.
    ///
    /// # Errors
    /// When the part is missing or damaged, and when the store refuses or the output does.
    pub async fn receive(
        &self,
        part: &Part,
        head: Option<&ObjectHead>,
        limits: &Limits,
        output: &mut impl PartOutput,
    ) -> Result<u64, WorkflowError> {
        match self.receive_once(part, head, limits, output).await {
            Err(error) if may_be_better(&error) => {
                tracing::info!(%error, "downloading the part a second time");
                output
                    .restart()
                    .await
                    .map_err(|source| store_failed(part, source))?;
                self.receive_once(part, None, limits, output).await
            }
            outcome => outcome,
        }
    }

    async fn receive_once(
        &self,
        part: &Part,
        head: Option<&ObjectHead>,
        limits: &Limits,
        output: &mut impl PartOutput,
    ) -> Result<u64, WorkflowError> {
        let key = self.part_key(&part.name)?;
        let mut reader = self.store.read_object(&self.location.bucket, &key, head);
        let (mut hash, mut size) = (Sha1::new(), 0);
        while let Some(piece) = reader
            .chunk()
            .await
            .map_err(|error| self.part_failed(&key, error))?
        {
            size += piece.len() as u64;
            let limit = limits.part_bytes;
            if size > limit {
                return Err(WorkflowError::PartTooLarge { key, size, limit });
            }
            hash.update(&piece);
            output
                .write(piece)
                .await
                .map_err(|source| store_failed(part, source))?;
        }
        let actual = Sha1Digest::from_bytes(hash.finalize().into());
        if actual != part.digest {
            return Err(WorkflowError::PartDamaged {
                key,
                size,
                expected: part.digest,
                actual,
            });
        }
        Ok(size)
    }

    fn part_failed(&self, key: &ObjectKey, error: TransportError) -> WorkflowError {
        if error.refusal().is_some_and(|refusal| refusal.status == 404) {
            return WorkflowError::PartMissing {
                bucket: self.location.bucket.clone(),
                key: key.clone(),
            };
        }
        error.into()
    }
}

/// Whether the part itself may be right: the way damaged it, or the store has told its size or its tag wrongly.
fn may_be_better(error: &WorkflowError) -> bool {
    match error {
        WorkflowError::PartDamaged { .. }
        | WorkflowError::Transport(TransportError::Malformed { .. }) => true,
        WorkflowError::Transport(error) => {
            error.refusal().is_some_and(|refusal| refusal.status == 412)
        }
        _ => false,
    }
}

fn store_failed(part: &Part, source: io::Error) -> WorkflowError {
    WorkflowError::KeepPart {
        name: part.name.clone(),
        source,
    }
}
