//! What a client says when it completes a multipart upload, and whether it is so.

use std::collections::{BTreeMap, HashMap};

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use gumnut_cloud_catalogue::{ChecksumAlgorithm, Part, PartsChecksum, Segment};
use md5::{Digest as _, Md5};

use crate::checksum;
use crate::error::ObjectError;
use crate::limits::ObjectLimits;

/// A part as the client lists it when it completes an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedPart {
    /// The number of the part.
    pub number: u32,
    /// The `ETag` of the part, without quotes.
    pub etag: String,
    /// Its checksums in base64.
    pub checksums: Vec<(ChecksumAlgorithm, String)>,
}

/// What `CompleteMultipartUpload` says of the object as a whole, which must match its parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompletionCheck {
    /// Checksums of the object in base64.
    pub checksums: Vec<(ChecksumAlgorithm, String)>,
    /// Whether the checksum is of all bytes (`FULL_OBJECT`), else of the checksums of parts (`COMPOSITE`); `None` when
    /// nothing is said.
    pub whole: Option<bool>,
    /// The size of the object in bytes; `None` when nothing is said.
    pub size: Option<u64>,
}

impl CompletionCheck {
    /// Compares with the checksum that the upload was to have and with its parts, and gives the checksums of the object:
    /// algorithm in lower case, value in base64.
    pub(crate) fn check(
        &self,
        wanted: Option<PartsChecksum>,
        list: &[ListedPart],
        parts: &[Segment],
    ) -> Result<BTreeMap<String, String>, ObjectError> {
        let size = parts.iter().map(|part| part.size).sum::<u64>();
        if self.size.is_some_and(|said| said != size) {
            return Err(ObjectError::invalid_request(format!(
                "The provided 'x-amz-mp-object-size' header does not match what was uploaded, {size} bytes."
            )));
        }
        let Some(wanted) = wanted else {
            return match self.checksums.first() {
                None => Ok(BTreeMap::new()),
                Some((algorithm, _)) => Err(ObjectError::invalid_request(format!(
                    "The upload was created without a checksum. The complete request must not include one of type {}.",
                    algorithm.name()
                ))),
            };
        };
        if self.whole.is_some_and(|whole| whole != wanted.whole) {
            return Err(ObjectError::invalid_request(format!(
                "The upload was created using the {} checksum mode. The complete request must use the same checksum mode.",
                wanted.type_name()
            )));
        }
        let sum = checksum::of_parts(wanted, &sums_of_parts(wanted, list, parts)?)
            .ok_or(ObjectError::Internal)?;
        // Of a checksum of checksums the number of parts may be left out.
        let bare = checksum::without_count(&sum);
        let agree = self.checksums.iter().all(|(algorithm, said)| {
            *algorithm == wanted.algorithm && (*said == sum || said == bare)
        });
        if !agree {
            return Err(ObjectError::BadChecksum);
        }
        Ok(BTreeMap::from([(wanted.algorithm.name().to_owned(), sum)]))
    }
}

/// Checksum and size of each part; what the list says of them must be right, and must be said when only the parts have
/// checksums.
fn sums_of_parts<'p>(
    wanted: PartsChecksum,
    list: &[ListedPart],
    parts: &'p [Segment],
) -> Result<Vec<(&'p str, u64)>, ObjectError> {
    let mut sums = Vec::with_capacity(parts.len());
    for (listed, part) in list.iter().zip(parts) {
        let known = part.checksum.as_deref().ok_or(ObjectError::Internal)?;
        let mut said = listed.checksums.iter();
        match said.find(|(algorithm, _)| *algorithm == wanted.algorithm) {
            Some((_, said)) if said != known => return Err(ObjectError::InvalidPart),
            None if !wanted.whole => {
                return Err(ObjectError::invalid_request(format!(
                    "The upload was created using a {} checksum. The complete request must include the checksum for each part. It was missing for part {} in the request.",
                    wanted.algorithm.name(),
                    listed.number
                )));
            }
            _ => sums.push((known, part.size)),
        }
    }
    Ok(sums)
}

/// Of several entries for one part that follow each other the last: who sends a part twice may list it twice.
pub(crate) fn last_of_each(list: Vec<ListedPart>) -> Vec<ListedPart> {
    let mut kept: Vec<ListedPart> = Vec::with_capacity(list.len());
    for part in list {
        match kept.last_mut() {
            Some(earlier) if earlier.number == part.number => *earlier = part,
            _ => kept.push(part),
        }
    }
    kept
}

/// The bytes of the listed parts in their order.
pub(crate) fn choose(
    parts: &[Part],
    list: &[ListedPart],
    limits: &ObjectLimits,
) -> Result<Vec<Segment>, ObjectError> {
    let Some(final_part) = list.last() else {
        return Err(ObjectError::MalformedXml);
    };
    if !list.is_sorted_by(|one, next| one.number < next.number) {
        return Err(ObjectError::InvalidPartOrder);
    }
    let by_number: HashMap<u32, &Segment> = parts
        .iter()
        .map(|part| (part.number, &part.segment))
        .collect();
    let mut chosen = Vec::with_capacity(list.len());
    let mut is_small = false;
    for listed in list {
        let segment = by_number
            .get(&listed.number)
            .filter(|segment| segment.md5.eq_ignore_ascii_case(&listed.etag))
            .ok_or(ObjectError::InvalidPart)?;
        is_small |= segment.size < limits.part_bytes && listed.number != final_part.number;
        chosen.push(Segment::clone(segment));
    }
    if is_small {
        return Err(ObjectError::EntityTooSmall);
    }
    if chosen.iter().map(|segment| segment.size).sum::<u64>() > limits.object_bytes {
        return Err(ObjectError::EntityTooLarge);
    }
    Ok(chosen)
}

/// The `ETag` of an object in parts, as S3 has it: the MD5 of the parts' MD5s, and their number.
pub(crate) fn combined_etag<'e>(etags: impl ExactSizeIterator<Item = &'e str>) -> String {
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

    fn part(number: u32, size: u64) -> Part {
        Part {
            number,
            segment: Segment {
                blob: format!("blob{number}"),
                size,
                md5: format!("{number:032x}"),
                checksum: None,
            },
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

    fn limits(part_bytes: u64, object_bytes: u64) -> ObjectLimits {
        ObjectLimits {
            object_bytes,
            part_bytes,
            ..ObjectLimits::default()
        }
    }

    #[test]
    fn the_list_decides() {
        let parts = [part(1, 9), part(2, 8), part(5, 1)];
        let chosen = choose(&parts, &listed(&[1, 5]), &limits(5, 10)).unwrap();
        let blobs: Vec<_> = chosen.iter().map(|segment| segment.blob.as_str()).collect();
        assert_eq!(blobs, ["blob1", "blob5"]);
    }

    #[test]
    fn lists_that_cannot_be() {
        let parts = [part(1, 9), part(2, 1), part(3, 9)];
        let code = |list: &[ListedPart]| choose(&parts, list, &limits(5, 15)).unwrap_err().code();
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

    /// The code of the refusal, or the checksum of the object.
    fn checked(
        check: &CompletionCheck,
        wanted: Option<PartsChecksum>,
        list: &[ListedPart],
        parts: &[Segment],
    ) -> String {
        match check.check(wanted, list, parts) {
            Ok(sums) => sums.into_values().collect(),
            Err(error) => error.code().to_owned(),
        }
    }

    #[test]
    fn what_is_said_of_the_object_must_match_its_parts() {
        use ChecksumAlgorithm::{Crc32, Sha256};
        let mut list = listed(&[1, 2]);
        let mut parts = [part(1, 5).segment, part(2, 4).segment];
        // CRC-32 of "12345" and of "6789"; that of both is the check value of the algorithm.
        for (index, sum) in ["y/U6HA==", "nbq/hw=="].into_iter().enumerate() {
            parts[index].checksum = Some(sum.to_owned());
            list[index].checksums = vec![(Crc32, sum.to_owned())];
        }
        let says = |checksums: &[(ChecksumAlgorithm, &str)]| CompletionCheck {
            checksums: checksums
                .iter()
                .map(|(algorithm, sum)| (*algorithm, (*sum).to_owned()))
                .collect(),
            ..CompletionCheck::default()
        };
        let nothing = CompletionCheck::default();
        let whole = PartsChecksum::new(Crc32, Some(true));
        let composite = PartsChecksum::new(Crc32, Some(false));

        assert_eq!(checked(&nothing, None, &list, &parts), "");
        assert_eq!(checked(&nothing, whole, &list, &parts), "y/Q5Jg==");
        assert_eq!(
            checked(&says(&[(Crc32, "y/Q5Jg==")]), whole, &list, &parts),
            "y/Q5Jg=="
        );
        let of_parts = checked(&nothing, composite, &list, &parts);
        assert!(of_parts.ends_with("==-2"), "{of_parts}");
        let bare = checksum::without_count(&of_parts);
        assert_eq!(
            checked(&says(&[(Crc32, bare)]), composite, &list, &parts),
            of_parts
        );

        let size = CompletionCheck {
            size: Some(8),
            ..nothing.clone()
        };
        assert_eq!(checked(&size, None, &list, &parts), "InvalidRequest");
        let other_type = CompletionCheck {
            whole: Some(false),
            ..nothing.clone()
        };
        assert_eq!(checked(&other_type, whole, &list, &parts), "InvalidRequest");
        assert_eq!(
            checked(&says(&[(Crc32, "y/Q5Jg==")]), None, &list, &parts),
            "InvalidRequest"
        );
        assert_eq!(
            checked(&says(&[(Crc32, "AAAAAA==")]), whole, &list, &parts),
            "BadDigest"
        );
        assert_eq!(
            checked(&says(&[(Sha256, "y/Q5Jg==")]), whole, &list, &parts),
            "BadDigest"
        );
        list[1].checksums[0].1 = "AAAAAA==".to_owned();
        assert_eq!(checked(&nothing, whole, &list, &parts), "InvalidPart");
        list[1].checksums.clear();
        assert_eq!(
            checked(&nothing, composite, &list, &parts),
            "InvalidRequest"
        );
        assert_eq!(checked(&nothing, whole, &list, &parts), "y/Q5Jg==");
    }
}
