//! Which blobs are in a bucket.

use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, BoxStream};
use futures::{StreamExt as _, TryStreamExt as _};
use gumnut_cloud_blobs::{BlobError, BlobName, Folder, Found};
use object_store::list::{PaginatedListOptions, PaginatedListResult, PaginatedListStore as _};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore as _};

use crate::bucket::Bucket;
use crate::error::of_request;

/// The directories of a bucket that may have blobs, from the oldest to the newest.
pub(crate) async fn folders(bucket: &Bucket) -> Result<Vec<Folder>, BlobError> {
    let (mut folders, mut token) = (Vec::new(), None);
    loop {
        let page = below(bucket, token).await;
        let page = page.map_err(|error| of_request(bucket.client.place(), None, error))?;
        let prefixes = page.result.common_prefixes.iter();
        folders.extend(prefixes.filter_map(|path| hour(path.filename()?)));
        let mut objects = page.result.objects.iter();
        if objects.any(|object| name(bucket, &object.location).is_some()) {
            folders.push(Folder::Root);
        }
        token = page.page_token;
        if token.is_none() {
            break;
        }
    }
    folders.sort_unstable();
    folders.dedup();
    Ok(folders)
}

/// A page of what is right below the prefix, from `token` on; `None` for the first page.
async fn below(
    bucket: &Bucket,
    token: Option<String>,
) -> Result<PaginatedListResult, object_store::Error> {
    let prefix = bucket.prefix().map(|prefix| format!("{prefix}/"));
    let options = PaginatedListOptions {
        delimiter: Some("/".into()),
        page_token: token,
        ..PaginatedListOptions::default()
    };
    let page = bucket.store.list_paginated(prefix.as_deref(), options);
    page.await
}

/// What is right below the prefix, but directories.
fn objects_below(bucket: &Arc<Bucket>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
    // The token of the page to come, which the first has not; nothing behind the last page.
    let start = (Arc::clone(bucket), Some(None));
    let pages = stream::try_unfold(start, |(bucket, next)| async {
        let Some(token) = next else {
            return Ok(None);
        };
        let page = below(&bucket, token).await?;
        let objects = stream::iter(page.result.objects.into_iter().map(Ok));
        Ok::<_, object_store::Error>(Some((objects, (bucket, page.page_token.map(Some)))))
    });
    pages.try_flatten().boxed()
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
        Folder::Root => objects_below(bucket),
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
