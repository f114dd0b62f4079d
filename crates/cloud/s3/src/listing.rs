//! Listings of objects.

use data_encoding::BASE64URL_NOPAD;
use gumnut_cloud_catalogue::Key;
use gumnut_cloud_objects::{ListEntry, ListPage, ListQuery, ObjectError, ObjectStore};
use gumnut_signing::percent_encode;
use s3s::{S3Request, dto};

use crate::context::caller;
use crate::convert;

/// Writes keys as the client asked for: XML cannot carry every character.
#[derive(Clone, Copy)]
pub(super) struct Encoding {
    url: bool,
}

impl Encoding {
    /// The encoding that a request asks for: none, or that of URLs.
    pub(super) fn of(asked: Option<&dto::EncodingType>) -> Result<Self, ObjectError> {
        match asked.map(dto::EncodingType::as_str) {
            None => Ok(Self { url: false }),
            Some("url") => Ok(Self { url: true }),
            Some(_) => Err(ObjectError::argument(
                "Invalid Encoding Method specified in Request",
            )),
        }
    }

    /// A key, a prefix or a delimiter as the client wants it.
    pub(super) fn write(self, text: &str) -> String {
        if self.url {
            // Slashes are kept, as they are in S3.
            percent_encode(text).replace("%2F", "/")
        } else {
            text.to_owned()
        }
    }

    /// A text that may be missing.
    pub(super) fn write_some(self, text: Option<String>) -> Option<String> {
        text.map(|text| self.write(&text))
    }

    /// The prefix of a listing of version 1, which boto3 takes as it comes while it decodes everything else: written in
    /// clear wherever XML can carry it, as other stores do.
    fn write_prefix(self, prefix: &str) -> String {
        if prefix
            .chars()
            .all(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\r'))
        {
            prefix.to_owned()
        } else {
            self.write(prefix)
        }
    }
}

/// What the three forms of a listing ask for alike.
struct Asked {
    encoding: Encoding,
    query: ListQuery,
}

/// What an input of a listing asks for, behind the key `after`; the inputs name it alike.
macro_rules! asked {
    ($input:expr, $after:expr) => {
        Asked {
            encoding: Encoding::of($input.encoding_type.as_ref())?,
            query: ListQuery {
                limit: convert::page_size($input.max_keys, "max-keys")?,
                after: $after,
                after_version: None,
                prefix: Key::new($input.prefix.clone().unwrap_or_default())?,
                delimiter: Key::new($input.delimiter.clone().unwrap_or_default())?,
            },
        }
    };
}

/// A page of a listing, and how its keys are written.
struct Listing {
    page: ListPage,
    encoding: Encoding,
}

impl Listing {
    /// The name of the last entry; `None` on an empty page.
    fn last(&self) -> Option<String> {
        self.page
            .entries
            .last()
            .map(|entry| entry.name().to_owned())
    }

    /// The objects of the page.
    fn contents(&self, with_owner: bool) -> Vec<dto::Object> {
        let objects = self.page.entries.iter().filter_map(|entry| match entry {
            ListEntry::Object(object) => Some(object),
            ListEntry::Prefix(_) => None,
        });
        objects
            .map(|object| dto::Object {
                e_tag: Some(convert::etag(object.etag.clone())),
                key: Some(self.encoding.write(&object.key)),
                last_modified: Some(convert::timestamp(object.modified)),
                owner: with_owner.then(|| convert::owner(object.owner.clone())),
                size: Some(convert::size(object.size)),
                storage_class: Some(dto::ObjectStorageClass::from_static("STANDARD")),
                ..dto::Object::default()
            })
            .collect()
    }

    /// The versions and the delete markers of the page.
    fn versions(&self) -> (Vec<dto::ObjectVersion>, Vec<dto::DeleteMarkerEntry>) {
        let (mut versions, mut markers) = (Vec::new(), Vec::new());
        for entry in &self.page.entries {
            let ListEntry::Object(object) = entry else {
                continue;
            };
            let key = Some(self.encoding.write(&object.key));
            let last_modified = Some(convert::timestamp(object.modified));
            let owner = Some(convert::owner(object.owner.clone()));
            let version_id = Some(object.version.clone());
            if object.marker {
                markers.push(dto::DeleteMarkerEntry {
                    is_latest: Some(object.current),
                    key,
                    last_modified,
                    owner,
                    version_id,
                });
                continue;
            }
            versions.push(dto::ObjectVersion {
                e_tag: Some(convert::etag(object.etag.clone())),
                is_latest: Some(object.current),
                key,
                last_modified,
                owner,
                size: Some(convert::size(object.size)),
                storage_class: Some(dto::ObjectVersionStorageClass::from_static("STANDARD")),
                version_id,
                ..dto::ObjectVersion::default()
            });
        }
        (versions, markers)
    }

    /// The common prefixes of the page.
    fn prefixes(&self) -> Vec<dto::CommonPrefix> {
        let prefixes = self.page.entries.iter().filter_map(|entry| match entry {
            ListEntry::Prefix(prefix) => Some(prefix),
            ListEntry::Object(_) => None,
        });
        prefixes
            .map(|prefix| dto::CommonPrefix {
                prefix: Some(self.encoding.write(prefix)),
            })
            .collect()
    }
}

/// `ListObjects`
pub(super) async fn objects(
    store: &ObjectStore,
    request: S3Request<dto::ListObjectsInput>,
) -> Result<dto::ListObjectsOutput, ObjectError> {
    let caller = caller(&request);
    let input = request.input;
    let Asked { encoding, query } =
        asked!(input, Key::new(input.marker.clone().unwrap_or_default())?);
    let (limit, folded) = (query.limit, !query.delimiter.is_empty());
    let page = store.list(&caller, &input.bucket, query).await?;
    let listing = Listing { page, encoding };
    let more = listing.page.truncated;
    // Without folded keys the last key of the page serves as the next marker.
    let next = listing.last().filter(|_| more && folded);
    Ok(dto::ListObjectsOutput {
        name: Some(input.bucket),
        prefix: Some(encoding.write_prefix(&input.prefix.unwrap_or_default())),
        marker: Some(encoding.write(&input.marker.unwrap_or_default())),
        max_keys: Some(count(limit)),
        is_truncated: Some(more),
        contents: Some(listing.contents(true)),
        common_prefixes: Some(listing.prefixes()),
        delimiter: encoding.write_some(input.delimiter.filter(|_| folded)),
        next_marker: encoding.write_some(next),
        encoding_type: input.encoding_type,
        ..dto::ListObjectsOutput::default()
    })
}

/// `ListObjectsV2`
pub(super) async fn objects_v2(
    store: &ObjectStore,
    request: S3Request<dto::ListObjectsV2Input>,
) -> Result<dto::ListObjectsV2Output, ObjectError> {
    let caller = caller(&request);
    let input = request.input;
    let Asked { encoding, query } = asked!(
        input,
        match input.continuation_token.as_deref() {
            Some(token) => read_token(token)?,
            None => Key::new(input.start_after.clone().unwrap_or_default())?,
        }
    );
    let (limit, folded) = (query.limit, !query.delimiter.is_empty());
    let page = store.list(&caller, &input.bucket, query).await?;
    let listing = Listing { page, encoding };
    let more = listing.page.truncated;
    let next = listing.last().filter(|_| more);
    Ok(dto::ListObjectsV2Output {
        name: Some(input.bucket),
        prefix: Some(encoding.write(&input.prefix.unwrap_or_default())),
        max_keys: Some(count(limit)),
        key_count: Some(count(listing.page.entries.len())),
        continuation_token: input.continuation_token,
        is_truncated: Some(more),
        next_continuation_token: next.map(|key| write_token(&key)),
        contents: Some(listing.contents(input.fetch_owner == Some(true))),
        common_prefixes: Some(listing.prefixes()),
        delimiter: encoding.write_some(input.delimiter.filter(|_| folded)),
        encoding_type: input.encoding_type,
        start_after: encoding.write_some(input.start_after),
        ..dto::ListObjectsV2Output::default()
    })
}

/// Tokens are opaque to clients, which is why the key is encoded in them.
pub(super) fn write_token(key: &str) -> String {
    BASE64URL_NOPAD.encode(key.as_bytes())
}

/// The key in a token that [`write_token`] has made.
pub(super) fn read_token(token: &str) -> Result<Key, ObjectError> {
    BASE64URL_NOPAD
        .decode(token.as_bytes())
        .ok()
        .and_then(|key| String::from_utf8(key).ok())
        .and_then(|key| Key::new(key).ok())
        .ok_or_else(|| ObjectError::argument("The continuation token provided is incorrect"))
}

/// `ListObjectVersions`
pub(super) async fn versions(
    store: &ObjectStore,
    request: S3Request<dto::ListObjectVersionsInput>,
) -> Result<dto::ListObjectVersionsOutput, ObjectError> {
    let caller = caller(&request);
    let input = request.input;
    let Asked { encoding, query } = asked!(
        input,
        Key::new(input.key_marker.clone().unwrap_or_default())?
    );
    let after_version = convert::version(input.version_id_marker.clone());
    if after_version.is_some() && query.after.is_empty() {
        return Err(ObjectError::argument(
            "A version-id marker cannot be specified without a key marker.",
        ));
    }
    let limit = query.limit;
    let behind = ListQuery {
        after_version,
        ..query
    };
    let page = store.list_versions(&caller, &input.bucket, behind).await?;
    let listing = Listing { page, encoding };
    let more = listing.page.truncated;
    let next = listing.last().filter(|_| more);
    let next_version = match listing.page.entries.last() {
        Some(ListEntry::Object(object)) if more => Some(object.version.clone()),
        _ => None,
    };
    let (versions, markers) = listing.versions();
    Ok(dto::ListObjectVersionsOutput {
        common_prefixes: Some(listing.prefixes()),
        delimiter: encoding.write_some(input.delimiter),
        is_truncated: Some(more),
        key_marker: Some(encoding.write(&input.key_marker.unwrap_or_default())),
        max_keys: Some(count(limit)),
        name: Some(input.bucket),
        next_version_id_marker: next_version,
        next_key_marker: encoding.write_some(next),
        prefix: Some(encoding.write(&input.prefix.unwrap_or_default())),
        version_id_marker: input.version_id_marker,
        versions: Some(versions),
        delete_markers: Some(markers),
        encoding_type: input.encoding_type,
        ..dto::ListObjectVersionsOutput::default()
    })
}

/// At most 1000.
fn count(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_back_and_others_are_refused() {
        let key = "a/ü\u{1}";
        assert_eq!(&*read_token(&write_token(key)).unwrap(), key);
        let long = read_token(&write_token(&"k".repeat(1025)));
        assert_eq!(long.unwrap_err().code(), "InvalidArgument");
        assert_eq!(read_token("a key").unwrap_err().code(), "InvalidArgument");
    }

    #[test]
    fn urls_keep_their_slashes() {
        let encoding = Encoding { url: true };
        assert_eq!(encoding.write("a/b c+\u{1}"), "a/b%20c%2B%01");
        assert_eq!(encoding.write_prefix("a b\n"), "a b\n");
        assert_eq!(encoding.write_prefix("a b\u{1}"), "a%20b%01");
    }
}
