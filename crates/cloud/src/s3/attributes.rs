//! What is known of an object, as much of it as a request names.

use s3s::{S3Request, dto};

use super::convert::{self, Checksums};
use super::copy::has_versions;
use super::tagging::place;
use super::who;
use crate::catalogue::objects::Object;
use crate::state::State;
use crate::store::{Place, StoreError};

const KNOWN: [&str; 5] = [
    dto::ObjectAttributes::CHECKSUM,
    dto::ObjectAttributes::ETAG,
    dto::ObjectAttributes::OBJECT_PARTS,
    dto::ObjectAttributes::OBJECT_SIZE,
    dto::ObjectAttributes::STORAGE_CLASS,
];

pub(super) async fn get(
    state: &State,
    request: S3Request<dto::GetObjectAttributesInput>,
) -> Result<dto::GetObjectAttributesOutput, StoreError> {
    let who = who(&request);
    let input = request.input;
    let names = names(&input.object_attributes)?;
    let asks = |name: &str| names.iter().any(|asked| asked == name);
    let limit = convert::page_size(input.max_parts, "x-amz-max-parts")?;
    let after = usize::try_from(input.part_number_marker.unwrap_or(0))
        .map_err(|_| StoreError::argument("x-amz-part-number-marker must not be negative"))?;
    let bucket = input.bucket.clone();
    let place = place!(input);
    let (object, sizes) = state.store.object_and_sizes(who, place).await?;
    let versions = has_versions(state, bucket).await?;

    let with_parts = asks(dto::ObjectAttributes::OBJECT_PARTS) && object.is_of_parts();
    let standard = dto::StorageClass::from_static(dto::StorageClass::STANDARD);
    Ok(dto::GetObjectAttributesOutput {
        checksum: checksum(&object).filter(|_| asks(dto::ObjectAttributes::CHECKSUM)),
        last_modified: Some(convert::timestamp(object.modified)),
        object_parts: with_parts.then(|| parts(&sizes, after, limit)),
        object_size: asks(dto::ObjectAttributes::OBJECT_SIZE).then(|| convert::size(object.size)),
        storage_class: asks(dto::ObjectAttributes::STORAGE_CLASS).then_some(standard),
        e_tag: asks(dto::ObjectAttributes::ETAG).then(|| convert::etag(object.etag)),
        version_id: versions.then_some(object.version),
        ..dto::GetObjectAttributesOutput::default()
    })
}

/// The names in the header, which is a list and may come several times.
fn names(headers: &[dto::ObjectAttributes]) -> Result<Vec<String>, StoreError> {
    let names = headers.iter().flat_map(|header| header.as_str().split(','));
    let name = |name: &str| {
        let known = KNOWN.contains(&name.trim());
        let name = known.then(|| name.trim().to_owned());
        name.ok_or_else(|| StoreError::argument("Invalid attribute name specified."))
    };
    names.map(name).collect()
}

/// The checksums that came with the object.
fn checksum(object: &Object) -> Option<dto::Checksum> {
    let known = &object.headers.checksums;
    let sums = Checksums::of(known);
    let whole = dto::ChecksumType::from_static(dto::ChecksumType::FULL_OBJECT);
    (!known.is_empty()).then_some(dto::Checksum {
        checksum_crc32: sums.crc32,
        checksum_crc32c: sums.crc32c,
        checksum_crc64nvme: sums.crc64nvme,
        checksum_sha1: sums.sha1,
        checksum_sha256: sums.sha256,
        checksum_type: Some(whole),
    })
}

/// A page of the parts of these sizes.
fn parts(sizes: &[u64], after: usize, limit: usize) -> dto::GetObjectAttributesParts {
    let number = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
    let page = sizes.iter().enumerate().skip(after).take(limit);
    let page = page.map(|(index, size)| dto::ObjectPart {
        part_number: Some(number(index + 1)),
        size: Some(convert::size(*size)),
        ..dto::ObjectPart::default()
    });
    let last = after + limit;
    let more = last < sizes.len();
    dto::GetObjectAttributesParts {
        is_truncated: Some(more),
        max_parts: Some(number(limit)),
        next_part_number_marker: more.then(|| number(last)),
        part_number_marker: Some(number(after)),
        parts: Some(page.collect()),
        total_parts_count: Some(number(sizes.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_by_pages() {
        let page = |after, limit| {
            let page = parts(&[5, 5, 2], after, limit);
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
