//! Making one object of the parts of an upload: rows change, no byte is copied.

use std::collections::HashMap;

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use md5::{Digest as _, Md5};
use rusqlite::Transaction;

use super::objects::Stored;
use super::uploads::{MAX_PART, UploadRef, find};
use super::{Claims, Conditions, Store, StoreError, Version, Versioning, access, versions};
use crate::auth::Identity;
use crate::catalogue::objects::{self, NewSegment};
use crate::catalogue::uploads::{self, Part};
use crate::checksum::Algorithm;

/// A part as the client lists it at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListedPart {
    pub(crate) number: u32,
    /// Without quotes.
    pub(crate) etag: String,
    /// In base64.
    pub(crate) checksums: Vec<(Algorithm, String)>,
}

impl Store {
    /// Makes an object of the listed parts; parts that are not listed are given up.
    pub(crate) async fn complete_upload(
        &self,
        who: Identity,
        upload: UploadRef,
        list: Vec<ListedPart>,
        conditions: Conditions,
        claims: Claims,
    ) -> Result<Stored, StoreError> {
        let modified = self.clock.now_millis();
        let (least, most) = (self.limits.part_bytes, self.limits.object_bytes);
        self.dropping(move |tx: &Transaction<'_>| {
            let list = last_of_each(list);
            let row = match find(tx, &who, &upload) {
                Err(missing @ StoreError::NoSuchUpload) => {
                    let stored = completed(tx, &upload, &list)?.ok_or(missing)?;
                    return Ok((stored, Vec::new()));
                }
                found => found?,
            };
            let old = objects::find(tx, &row.bucket, &row.key)?;
            let old = old.filter(|object| !object.marker);
            conditions.for_writing(old.as_ref())?;
            let parts = uploads::parts(tx, &row.id, 0, MAX_PART as usize)?;
            let (chosen, left) = choose(parts, &list, least, most)?;
            let mut headers = row.headers;
            headers.checksums = claims.check(row.checksum, &list, &chosen)?;
            uploads::delete(tx, &row.id)?;
            let version = Version {
                key: &row.key,
                account: &row.account,
                acl: row.acl,
                headers,
                marks: row.marks,
                etag: combined_etag(chosen.iter().map(|new| new.etag.as_str())),
                modified,
                upload: Some(&row.id),
            };
            let bucket = access::any_bucket(tx, &row.bucket)?;
            let (stored, mut files) = versions::add(tx, &bucket, version, &chosen)?;
            files.extend(left.into_iter().map(|part| part.segment.blob));
            Ok((stored, files))
        })
        .await
    }
}

/// Of several entries for one part that follow each other the last: who sends a part twice may list it twice.
fn last_of_each(list: Vec<ListedPart>) -> Vec<ListedPart> {
    let mut kept: Vec<ListedPart> = Vec::with_capacity(list.len());
    for part in list {
        match kept.last_mut() {
            Some(earlier) if earlier.number == part.number => *earlier = part,
            _ => kept.push(part),
        }
    }
    kept
}

/// What the upload has made of this very list before: a client that has not heard the answer asks once more.
fn completed(
    tx: &Transaction<'_>,
    upload: &UploadRef,
    list: &[ListedPart],
) -> Result<Option<Stored>, StoreError> {
    let (bucket, key) = (&upload.place.bucket, &upload.place.key);
    let made = objects::find_of_upload(tx, bucket, key, &upload.id)?;
    let etag = combined_etag(list.iter().map(|part| part.etag.as_str()));
    let Some(object) = made.filter(|object| object.etag == etag) else {
        return Ok(None);
    };
    let settings = access::any_bucket(tx, bucket)?.settings;
    Ok(Some(Stored {
        etag,
        modified: object.modified,
        version: (settings.versioning == Versioning::Enabled).then_some(object.version),
        checksums: object.headers.checksums,
    }))
}

/// The files of the listed parts in their order, and the parts that are not listed.
fn choose(
    parts: Vec<Part>,
    list: &[ListedPart],
    least: u64,
    most: u64,
) -> Result<(Vec<NewSegment>, Vec<Part>), StoreError> {
    if list.is_empty() {
        return Err(StoreError::MalformedXml);
    }
    if !list.is_sorted_by(|one, next| one.number < next.number) {
        return Err(StoreError::InvalidPartOrder);
    }
    let parts = parts.into_iter().map(|part| (part.number, part));
    let mut parts: HashMap<_, _> = parts.collect();
    let mut chosen = Vec::with_capacity(list.len());
    for listed in list {
        let part = parts.remove(&listed.number);
        let part = part.filter(|part| part.etag.eq_ignore_ascii_case(&listed.etag));
        let part = part.ok_or(StoreError::InvalidPart)?;
        chosen.push(NewSegment {
            segment: part.segment,
            etag: part.etag,
            checksum: part.checksum,
        });
    }
    let inner = &chosen[..chosen.len() - 1];
    if inner.iter().any(|new| new.segment.size < least) {
        return Err(StoreError::EntityTooSmall);
    }
    if chosen.iter().map(|new| new.segment.size).sum::<u64>() > most {
        return Err(StoreError::EntityTooLarge);
    }
    Ok((chosen, parts.into_values().collect()))
}

/// The MD5 of the parts' MD5s, and their number, as S3 has it.
fn combined_etag<'e>(etags: impl ExactSizeIterator<Item = &'e str>) -> String {
    let (mut md5, count) = (Md5::new(), etags.len());
    for etag in etags {
        let digest = HEXLOWER_PERMISSIVE.decode(etag.as_bytes());
        md5.update(digest.unwrap_or_default());
    }
    format!("{}-{count}", HEXLOWER.encode(&md5.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Segment;

    fn part(number: u32, size: u64) -> Part {
        Part {
            number,
            segment: Segment {
                blob: format!("blob{number}"),
                size,
            },
            etag: format!("{number:032x}"),
            checksum: None,
            modified: 0,
        }
    }

    fn listed(numbers: &[u32]) -> Vec<ListedPart> {
        let part = |number: &u32| ListedPart {
            number: *number,
            etag: format!("{number:032X}"),
            checksums: Vec::new(),
        };
        numbers.iter().map(part).collect()
    }

    #[test]
    fn the_list_decides() {
        let parts = vec![part(1, 9), part(2, 8), part(5, 1)];
        let (chosen, left) = choose(parts, &listed(&[1, 5]), 5, 10).unwrap();
        let blobs: Vec<_> = chosen.iter().map(|new| new.segment.blob.as_str()).collect();
        assert_eq!(blobs, ["blob1", "blob5"]);
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].number, 2);
    }

    #[test]
    fn lists_that_cannot_be() {
        let parts = || vec![part(1, 9), part(2, 1), part(3, 9)];
        let code = |list: &[ListedPart]| choose(parts(), list, 5, 15).unwrap_err().code();
        assert_eq!(code(&[]), "MalformedXML");
        assert_eq!(code(&listed(&[2, 1])), "InvalidPartOrder");
        assert_eq!(code(&listed(&[1, 4])), "InvalidPart");
        assert_eq!(code(&listed(&[1, 2, 3])), "EntityTooSmall");
        assert_eq!(code(&listed(&[1, 3])), "EntityTooLarge");
        let mut wrong = listed(&[1]);
        wrong[0].etag = "0".repeat(32);
        assert_eq!(code(&wrong), "InvalidPart");
    }

    #[test]
    fn a_part_that_is_listed_twice_counts_as_the_later() {
        let mut list = listed(&[1, 1, 2, 3, 3]);
        list[0].etag = "older".to_owned();
        assert_eq!(last_of_each(list), listed(&[1, 2, 3]));
    }

    #[test]
    fn the_etag_of_parts() {
        // md5(md5("a") || md5("b")) by another program.
        let etags = [
            "0cc175b9c0f1b6a831c399e269772661",
            "92eb5ffee6ae2fec3ad71c777531578f",
        ];
        let etag = combined_etag(etags.into_iter());
        assert_eq!(etag, "96e024ba2074fe77e8e965ba43a704be-2");
    }
}
