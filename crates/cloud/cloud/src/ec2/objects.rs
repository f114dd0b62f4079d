//! Objects as the EC2 side sees them, through the rights of somebody: `aws-exec-read` as a rule.

use std::io::{self, Read as _};

use async_trait::async_trait;
use gumnut_types::Sha1Digest;
use sha1::{Digest as _, Sha1};

use crate::auth::Identity;
use crate::register::{ObjectError, Objects};
use crate::store::{ObjectReader, Place, Store, StoreError};

/// Bytes that are read at once.
const BUFFER: usize = 256 << 10;

/// The objects of the object store.
pub(super) struct StoredObjects<'a>(pub(super) &'a Store);

impl StoredObjects<'_> {
    async fn with<T: Send + 'static>(
        &self,
        who: Identity,
        bucket: &str,
        key: &str,
        work: impl FnOnce(ObjectReader) -> Result<T, ObjectError> + Send + 'static,
    ) -> Result<T, ObjectError> {
        let place = Place::newest(bucket, key);
        let opened = self.0.open_object(who, place).await;
        let (_, reader) = opened.map_err(|error| refused(&error))?;
        let done = tokio::task::spawn_blocking(move || work(reader)).await;
        done.map_err(|_| ObjectError("InternalError".to_owned()))?
    }
}

#[async_trait]
impl Objects for StoredObjects<'_> {
    async fn read(
        &self,
        who: &Identity,
        bucket: &str,
        key: &str,
        limit: usize,
    ) -> Result<Vec<u8>, ObjectError> {
        self.with(who.clone(), bucket, key, move |mut reader| {
            if reader.left() > limit as u64 {
                return Err(ObjectError("EntityTooLarge".to_owned()));
            }
            let mut bytes = Vec::new();
            reader
                .read_to_end(&mut bytes)
                .map_err(|error| broken(&error))?;
            Ok(bytes)
        })
        .await
    }

    async fn open(&self, bucket: &str, key: &str) -> Result<Box<dyn io::Read + Send>, ObjectError> {
        let place = Place::newest(bucket, key);
        let opened = self.0.open_object(Identity::ExecRead, place).await;
        let (_, reader) = opened.map_err(|error| refused(&error))?;
        Ok(Box::new(reader))
    }

    async fn digest(&self, bucket: &str, key: &str) -> Result<(u64, Sha1Digest), ObjectError> {
        self.with(Identity::ExecRead, bucket, key, |mut reader| {
            let (mut hash, mut size) = (Sha1::new(), 0);
            let mut buffer = vec![0; BUFFER];
            loop {
                match reader.read(&mut buffer).map_err(|error| broken(&error))? {
                    0 => return Ok((size, Sha1Digest::from_bytes(hash.finalize().into()))),
                    count => {
                        hash.update(&buffer[..count]);
                        size += count as u64;
                    }
                }
            }
        })
        .await
    }
}

fn refused(error: &StoreError) -> ObjectError {
    ObjectError(error.code().to_owned())
}

fn broken(error: &io::Error) -> ObjectError {
    tracing::error!(%error, "cannot read an object");
    ObjectError("InternalError".to_owned())
}
