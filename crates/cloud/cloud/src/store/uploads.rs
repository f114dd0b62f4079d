//! Uploads in parts, until they end.

use rusqlite::{Connection, Transaction};

use super::blobs::random_name;
use super::objects::{Stored, may_put, new_owner};
use super::{BlobWriter, Permission, Place, Segment, Store, StoreError, Target, access};
use crate::auth::Identity;
use crate::catalogue::uploads::{self, NewUpload, Part, Upload};
use crate::checksum::{Algorithm, PartsChecksum, named};

/// Largest number of a part.
pub(super) const MAX_PART: u32 = 10_000;

/// Rows that are fetched at a time.
const FETCH: usize = 1000;

/// Which uploads to list.
#[derive(Clone, Debug, Default)]
pub(crate) struct UploadQuery {
    pub(crate) prefix: String,
    /// What ends a common prefix; empty for none.
    pub(crate) delimiter: String,
    /// Only uploads behind this pair of key and id.
    pub(crate) after: (String, String),
    /// Most entries of the page.
    pub(crate) limit: usize,
}

/// A page of a listing of uploads.
#[derive(Clone, Debug, Default)]
pub(crate) struct UploadPage {
    pub(crate) uploads: Vec<Upload>,
    pub(crate) prefixes: Vec<String>,
    /// Key and id of the last entry; the id is empty when that is a prefix.
    pub(crate) last: (String, String),
    /// Whether there is more behind the last entry.
    pub(crate) truncated: bool,
}

/// An upload that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UploadRef {
    pub(crate) place: Place,
    pub(crate) id: String,
}

impl Store {
    /// Begins an upload and gives its id.
    pub(crate) async fn create_upload(
        &self,
        who: Identity,
        target: Target,
        checksum: Option<PartsChecksum>,
    ) -> Result<String, StoreError> {
        let started = self.clock.now_millis();
        let create = move |tx: &Transaction<'_>| {
            let bucket = may_put(tx, &who, &target.place)?;
            let (account, owner) = new_owner(&who, &bucket);
            let acl = target.acl.resolve(tx, owner, &bucket.owner.id)?;
            bucket.check_new_acl(&acl)?;
            super::versions::check_marks(&bucket.settings, &target.marks)?;
            let id = random_name()?;
            let upload = NewUpload {
                id: &id,
                bucket: &target.place.bucket,
                key: &target.place.key,
                account,
                acl,
                headers: target.headers,
                marks: target.marks,
                checksum,
                started,
            };
            uploads::insert(tx, upload)?;
            Ok(id)
        };
        self.catalogue.write(create).await
    }

    /// Whether `who` may add to this upload, and the checksum that its object is to have; asked before bytes are taken.
    pub(crate) async fn check_part(
        &self,
        who: Identity,
        upload: UploadRef,
        number: u32,
    ) -> Result<Option<PartsChecksum>, StoreError> {
        if !(1..=MAX_PART).contains(&number) {
            return Err(StoreError::argument(
                "Part number must be an integer between 1 and 10000, inclusive",
            ));
        }
        let check = move |c: &Connection| Ok(find(c, &who, &upload)?.checksum);
        self.catalogue.read(check).await
    }

    /// Adds a part whose bytes have been received, with the checksum that came with them or was computed meanwhile.
    pub(crate) async fn put_part(
        &self,
        who: Identity,
        upload: UploadRef,
        number: u32,
        (writer, sent): (BlobWriter, Option<(Algorithm, String)>),
    ) -> Result<Stored, StoreError> {
        let modified = self.clock.now_millis();
        self.adopting(writer, move |tx, blob| {
            find(tx, &who, &upload)?;
            let etag = blob.etag();
            let checksum = sent.or_else(|| blob.checksum.clone());
            let segment = Segment {
                blob: blob.name().to_owned(),
                size: blob.size,
            };
            let part = Part {
                number,
                segment,
                etag: etag.clone(),
                checksum: checksum.as_ref().map(|(_, sum)| sum.clone()),
                modified,
            };
            let old = uploads::put_part(tx, &upload.id, &part)?;
            let stored = Stored {
                etag,
                modified,
                version: None,
                checksums: named(checksum).into_iter().collect(),
            };
            Ok((stored, old.into_iter().collect()))
        })
        .await
    }

    /// Gives an upload up.
    pub(crate) async fn abort_upload(
        &self,
        who: Identity,
        upload: UploadRef,
    ) -> Result<(), StoreError> {
        self.dropping(move |tx| {
            find(tx, &who, &upload)?;
            let parts = uploads::parts(tx, &upload.id, 0, MAX_PART as usize)?;
            uploads::delete(tx, &upload.id)?;
            let files = parts.into_iter().map(|part| part.segment.blob);
            Ok(((), files.collect()))
        })
        .await
    }

    /// At most `limit` parts behind the number `after`.
    pub(crate) async fn list_parts(
        &self,
        who: Identity,
        upload: UploadRef,
        after: u32,
        limit: usize,
    ) -> Result<(Upload, Vec<Part>), StoreError> {
        let list = move |c: &Connection| {
            let row = find(c, &who, &upload)?;
            Ok((row, uploads::parts(c, &upload.id, after, limit)?))
        };
        self.catalogue.read(list).await
    }

    /// A page of the uploads to a bucket that `who` may list.
    pub(crate) async fn list_uploads(
        &self,
        who: Identity,
        bucket: String,
        query: UploadQuery,
    ) -> Result<UploadPage, StoreError> {
        let list = move |c: &Connection| {
            access::bucket(c, &who, &bucket, Permission::Read)?;
            let fetch = |after: (&str, &str)| uploads::page(c, &bucket, after, FETCH);
            Ok(upload_page(&query, fetch)?)
        };
        self.catalogue.read(list).await
    }
}

/// Makes a page of what `fetch` gives: uploads in order behind a pair of key and id.
fn upload_page<E>(
    query: &UploadQuery,
    fetch: impl Fn((&str, &str)) -> Result<Vec<Upload>, E>,
) -> Result<UploadPage, E> {
    let mut page = UploadPage::default();
    let mut after = query
        .after
        .clone()
        .max((query.prefix.clone(), String::new()));
    loop {
        let batch = fetch((&after.0, &after.1))?;
        let last_batch = batch.len() < FETCH;
        for upload in batch {
            let Some(rest) = upload.key.strip_prefix(&query.prefix) else {
                return Ok(page);
            };
            after = (upload.key.clone(), upload.id.clone());
            let folded = fold(rest, &query.delimiter);
            let prefix = folded.map(|folded| format!("{}{folded}", query.prefix));
            // One that is told already, here or on the page before.
            if prefix.as_ref().is_some_and(|prefix| {
                page.prefixes.last() == Some(prefix) || *prefix <= query.after.0
            }) {
                continue;
            }
            if page.uploads.len() + page.prefixes.len() == query.limit {
                page.truncated = true;
                return Ok(page);
            }
            if let Some(prefix) = prefix {
                page.last = (prefix.clone(), String::new());
                page.prefixes.push(prefix);
            } else {
                page.last.clone_from(&after);
                page.uploads.push(upload);
            }
        }
        if last_batch {
            return Ok(page);
        }
    }
}

/// The text up to the end of the first delimiter.
fn fold<'t>(text: &'t str, delimiter: &str) -> Option<&'t str> {
    if delimiter.is_empty() {
        return None;
    }
    let at = text.find(delimiter)?;
    Some(&text[..at + delimiter.len()])
}

/// The upload, if `who` may write to its bucket.
pub(super) fn find(
    connection: &Connection,
    who: &Identity,
    upload: &UploadRef,
) -> Result<Upload, StoreError> {
    access::bucket(connection, who, &upload.place.bucket, Permission::Write)?;
    let row = uploads::find(connection, &upload.id)?.ok_or(StoreError::NoSuchUpload)?;
    if row.bucket == upload.place.bucket && row.key == upload.place.key {
        Ok(row)
    } else {
        Err(StoreError::NoSuchUpload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Owner;
    use std::convert::Infallible;

    fn upload(key: &str, id: &str) -> Upload {
        let owner = Owner {
            id: String::new(),
            name: String::new(),
        };
        Upload {
            id: id.to_owned(),
            bucket: String::new(),
            key: key.to_owned(),
            account: String::new(),
            owner,
            acl: crate::store::Acl::default(),
            headers: crate::store::Headers::default(),
            marks: crate::store::Marks::default(),
            checksum: None,
            started: 0,
        }
    }

    fn list(query: &UploadQuery) -> (Vec<String>, (String, String), bool) {
        let all = [
            ("a", "1"),
            ("a", "2"),
            ("b/1", "3"),
            ("b/2", "4"),
            ("c", "5"),
        ];
        let page = upload_page::<Infallible>(query, |after| {
            let behind = all.iter().filter(|upload| **upload > after);
            Ok(behind.map(|(key, id)| upload(key, id)).collect())
        });
        let page = page.unwrap();
        let uploads = page.uploads.iter().map(|upload| upload.id.clone());
        let names = uploads.chain(page.prefixes.iter().cloned()).collect();
        (names, page.last, page.truncated)
    }

    #[test]
    fn uploads_fold_and_go_on() {
        let mut query = UploadQuery {
            limit: 2,
            delimiter: "/".to_owned(),
            ..UploadQuery::default()
        };
        let mut all = Vec::new();
        loop {
            let (names, last, truncated) = list(&query);
            all.push(names);
            query.after = last;
            if !truncated {
                break;
            }
        }
        assert_eq!(all, [vec!["1", "2"], vec!["5", "b/"]]);
        let inside = UploadQuery {
            prefix: "b/".to_owned(),
            delimiter: "/".to_owned(),
            limit: 9,
            ..UploadQuery::default()
        };
        assert_eq!(list(&inside).0, ["3", "4"]);
    }
}
