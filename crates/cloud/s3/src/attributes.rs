//! What is known of an object, as much of it as a request names.

use std::collections::BTreeMap;

use gumnut_cloud_catalogue::{ObjectVersion, Segment};
use gumnut_cloud_objects::{ObjectError, ObjectStore, checksum};
use s3s::{S3Request, dto};

use crate::context::caller;
use crate::convert::{self, Checksums, object_ref, with_checksums};

/// The attributes that a request may name.
const KNOWN: [&str; 5] = [
    dto::ObjectAttributes::CHECKSUM,
    dto::ObjectAttributes::ETAG,
    dto::ObjectAttributes::OBJECT_PARTS,
    dto::ObjectAttributes::OBJECT_SIZE,
    dto::ObjectAttributes::STORAGE_CLASS,
];

/// `GetObjectAttributes`
pub(super) async fn get(
    store: &ObjectStore,
    request: S3Request<dto::GetObjectAttributesInput>,
) -> Result<dto::GetObjectAttributesOutput, ObjectError> {
    let caller = caller(&request);
    let input = request.input;
    let names = names(&input.object_attributes)?;
    let asks = |name: &str| names.iter().any(|asked| asked == name);
    let limit = convert::page_size(input.max_parts, "x-amz-max-parts")?;
    let after = usize::try_from(input.part_number_marker.unwrap_or(0))
        .map_err(|_| ObjectError::argument("x-amz-part-number-marker must not be negative"))?;
    let view = store.object_and_parts(&caller, &object_ref!(input)).await?;
    let object = view.object;

    let sums = &object.headers.checksums;
    let with_parts = asks(dto::ObjectAttributes::OBJECT_PARTS) && object.is_multipart();
    let standard = dto::StorageClass::from_static(dto::StorageClass::STANDARD);
    Ok(dto::GetObjectAttributesOutput {
        checksum: sums_of(&object).filter(|_| asks(dto::ObjectAttributes::CHECKSUM)),
        last_modified: Some(convert::timestamp(object.modified)),
        object_parts: with_parts.then(|| parts(view.content.segments(), after, limit, sums)),
        object_size: asks(dto::ObjectAttributes::OBJECT_SIZE).then(|| convert::size(object.size)),
        storage_class: asks(dto::ObjectAttributes::STORAGE_CLASS).then_some(standard),
        e_tag: asks(dto::ObjectAttributes::ETAG).then(|| convert::etag(object.etag)),
        version_id: view.has_versions.then_some(object.version),
        ..dto::GetObjectAttributesOutput::default()
    })
}

/// The names in the header, which is a list and may come several times.
fn names(headers: &[dto::ObjectAttributes]) -> Result<Vec<String>, ObjectError> {
    headers
        .iter()
        .flat_map(|header| header.as_str().split(','))
        .map(str::trim)
        .map(|name| {
            if KNOWN.contains(&name) {
                Ok(name.to_owned())
            } else {
                Err(ObjectError::argument("Invalid attribute name specified."))
            }
        })
        .collect()
}

/// The checksums of the object; checksums of checksums are shown without the number of parts here.
fn sums_of(object: &ObjectVersion) -> Option<dto::Checksum> {
    let known = &object.headers.checksums;
    let kind = Checksums::of(known).kind?;
    let bare = known
        .iter()
        .map(|(name, sum)| (name.clone(), checksum::without_count(sum).to_owned()));
    let sums = Checksums::of(&bare.collect());
    Some(with_checksums!(
        sums,
        dto::Checksum {
            checksum_type: Some(kind),
        }
    ))
}

/// A page of the parts, with their checksums if the object has one, by whose algorithm they are.
fn parts(
    made_of: &[Segment],
    after: usize,
    limit: usize,
    known: &BTreeMap<String, String>,
) -> dto::GetObjectAttributesParts {
    let algorithm = known.keys().next().map(String::as_str);
    let numbered = made_of.iter().enumerate().skip(after).take(limit);
    let page = numbered.map(|(index, part)| {
        let sums = Checksums::of_part(algorithm, part.checksum.clone());
        with_checksums!(
            sums,
            dto::ObjectPart {
                part_number: Some(number(index + 1)),
                size: Some(convert::size(part.size)),
            }
        )
    });
    let last = after + limit;
    let more = last < made_of.len();
    dto::GetObjectAttributesParts {
        is_truncated: Some(more),
        max_parts: Some(number(limit)),
        next_part_number_marker: more.then(|| number(last)),
        part_number_marker: Some(number(after)),
        parts: Some(page.collect()),
        total_parts_count: Some(number(made_of.len())),
    }
}

/// A number of parts, at most 10,000, as the protocol's layer has it.
fn number(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_by_pages() {
        let page = |after, limit| {
            let sizes = [5, 5, 2].map(|size| Segment {
                blob: String::new(),
                size,
                md5: String::new(),
                checksum: None,
            });
            let page = parts(&sizes, after, limit, &BTreeMap::new());
            let parts = page.parts.unwrap().into_iter();
            let parts: Vec<_> = parts
                .map(|p| (p.part_number.unwrap(), p.size.unwrap()))
                .collect();
            (parts, page.next_part_number_marker)
        };
        assert_eq!(page(0, 2), (vec![(1, 5), (2, 5)], Some(2)));
        assert_eq!(page(2, 2), (vec![(3, 2)], None));
        assert_eq!(page(3, 2), (vec![], None));
        assert_eq!(page(0, 0), (vec![], Some(0)));
    }

    #[test]
    fn names_are_a_list() {
        let header = |text: &str| dto::ObjectAttributes::from(text.to_owned());
        let asked = names(&[header("ETag, Checksum"), header("ObjectSize")]);
        assert_eq!(asked.unwrap(), ["ETag", "Checksum", "ObjectSize"]);
        let refused = names(&[header("ETag,Colour")]).unwrap_err();
        assert_eq!(refused.code(), "InvalidArgument");
    }
}
