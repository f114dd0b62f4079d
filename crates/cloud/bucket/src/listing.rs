//! Which blobs are in a bucket.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use gumnut_cloud_blobs::{BlobError, BlobName, Folder, Found};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore as _};

use crate::bucket::Bucket;
use crate::error::of_request;

/// The directories of a bucket that may have blobs, from the oldest to the newest.
pub(crate) async fn folders(bucket: &Bucket) -> Result<Vec<Folder>, BlobError> {
    let prefix = bucket.prefix();
    let listed = bucket.store.list_with_delimiter(prefix.as_ref()).await;
    let listed = listed.map_err(|error| of_request(bucket.client.place(), None, error))?;
    let below = listed.common_prefixes.iter();
    let mut folders: Vec<_> = below.filter_map(|path| hour(path.filename()?)).collect();
    if listed
        .objects
        .iter()
        .any(|object| name(bucket, &object.location).is_some())
    {
        folders.push(Folder::Root);
    }
    folders.sort_unstable();
    folders.dedup();
    Ok(folders)
}

/// The blobs of a directory.
pub(crate) fn list(
    bucket: &Arc<Bucket>,
    folder: Folder,
) -> BoxStream<'static, Result<Found, BlobError>> {
    let given_up = bucket.given_up();
    let kept = Arc::clone(bucket);
    let found = move |object: Result<ObjectMeta, object_store::Error>| {
        let object = match object {
            Ok(object) => object,
            Err(error) => return Some(Err(of_request(kept.client.place(), None, error))),
        };
        let name = name(&kept, &object.location)?;
        // A blob that this process is deleting may be in the list for a little longer.
        let is_going = given_up.contains(&name) || kept.given_up().contains(&name);
        (name.folder() == folder && !is_going).then(|| {
            let age = kept.client.now() - object.last_modified.timestamp();
            Ok(Found {
                name,
                size: object.size,
                age: Duration::from_secs(u64::try_from(age).unwrap_or(0)),
            })
        })
    };
    let objects = match folder {
        Folder::Hour(hour) => bucket.store.list(Some(&bucket.below(&hour.to_string()))),
        Folder::Root => {
            let of_root = Arc::clone(bucket);
            let listed = async move {
                let prefix = of_root.prefix();
                match of_root.store.list_with_delimiter(prefix.as_ref()).await {
                    Ok(listed) => listed.objects.into_iter().map(Ok).collect(),
                    Err(error) => vec![Err(error)],
                }
            };
            stream::once(listed).flat_map(stream::iter).boxed()
        }
    };
    // Nothing comes after an error.
    let until_error = objects.scan(false, |failed, object| {
        let before = std::mem::replace(failed, object.is_err());
        std::future::ready((!before).then_some(object))
    });
    until_error
        .filter_map(move |object| std::future::ready(found(object)))
        .boxed()
}

/// The name of the blob with this key; `None` for what is no blob of this store.
fn name(bucket: &Bucket, key: &Path) -> Option<BlobName> {
    let key = key.as_ref();
    let below = match bucket.url.prefix.as_str() {
        "" => key,
        prefix => key.strip_prefix(prefix)?.strip_prefix('/')?,
    };
    below.parse().ok()
}

/// The directory of an hour, if it is one.
fn hour(text: &str) -> Option<Folder> {
    let hour: u32 = text.parse().ok()?;
    (hour.to_string() == text).then_some(Folder::Hour(hour))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hours_are_folders() {
        assert_eq!(hour("498889"), Some(Folder::Hour(498_889)));
        assert_eq!(hour("0"), Some(Folder::Hour(0)));
        for text in ["", "00", "+1", "1x", "4294967296", "images"] {
            assert_eq!(hour(text), None, "{text}");
        }
    }
}
