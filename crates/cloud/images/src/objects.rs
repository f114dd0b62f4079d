//! Reading objects as registering needs them.

use std::io::{self, Read as _};

use gumnut_cloud_catalogue::{Caller, Identity, Key};
use gumnut_cloud_objects::{ObjectError, ObjectReader, ObjectRef, ObjectStore};
use gumnut_types::{Fault, Sha1Digest};
use sha1::{Digest as _, Sha1};

/// Bytes that are read at once.
const BUFFER: usize = 256 << 10;

/// The bytes of an object of at most `limit` bytes, if `reader` may read it.
pub(crate) async fn read(
    store: &ObjectStore,
    reader: &Identity,
    bucket: &str,
    key: &str,
    limit: usize,
) -> Result<Vec<u8>, ObjectError> {
    let (_, mut object) = store
        .open_object(reader, &ObjectRef::newest(bucket, Key::new(key)?))
        .await?;
    if object.left() > limit as u64 {
        return Err(ObjectError::EntityTooLarge);
    }
    blocking(move || {
        let mut bytes = Vec::new();
        object.read_to_end(&mut bytes)?;
        Ok(bytes)
    })
    .await
}

/// A reader of an object, if `reader` may read it.
pub(crate) async fn open(
    store: &ObjectStore,
    reader: &Identity,
    bucket: &str,
    key: &str,
) -> Result<ObjectReader, ObjectError> {
    let (_, object) = store
        .open_object(reader, &ObjectRef::newest(bucket, Key::new(key)?))
        .await?;
    Ok(object)
}

/// Size in bytes and digest of an object of any size that `aws-exec-read` may read.
pub(crate) async fn digest(
    store: &ObjectStore,
    bucket: &str,
    key: &str,
) -> Result<(u64, Sha1Digest), ObjectError> {
    let mut object = open(store, &Identity::ExecRead, bucket, key).await?;
    blocking(move || {
        let (mut hash, mut size) = (Sha1::new(), 0);
        let mut buffer = vec![0; BUFFER];
        loop {
            match object.read(&mut buffer)? {
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

/// Why the caller hears that an object cannot be read. `aws-exec-read` may read objects and not list buckets, so that it is denied
/// what is not there, too; a caller who may list the bucket gets the true reason.
pub(crate) async fn cause(
    store: &ObjectStore,
    caller: &Caller,
    (bucket, key): (&str, &str),
    refusal: ObjectError,
) -> ObjectError {
    let (ObjectError::AccessDenied, Ok(key)) = (&refusal, Key::new(key)) else {
        return refusal;
    };
    let (caller, object) = (
        Identity::User(caller.clone()),
        ObjectRef::newest(bucket, key),
    );
    store.head(&caller, &object).await.err().unwrap_or(refusal)
}

/// Reads where blocking is allowed. What goes wrong is for the log: the client gets the answer that it cannot be read, or not now.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, ObjectError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(read)) => Ok(read),
        Ok(Err(error)) => {
            tracing::error!(%error, "cannot read an object");
            let error = ObjectError::of_reading(error);
            let is_for_now = error.fault() == Fault::Network;
            Err(if is_for_now {
                error
            } else {
                ObjectError::Internal
            })
        }
        Err(_) => Err(ObjectError::Internal),
    }
}
