//! What a client says of the object that ends an upload in parts, and whether it is so.

use std::collections::BTreeMap;

use super::{ListedPart, StoreError};
use crate::catalogue::objects::NewSegment;
use crate::checksum::{self, Algorithm, PartsChecksum};

/// What is said of the object as a whole.
#[derive(Clone, Debug, Default)]
pub(crate) struct Claims {
    /// In base64.
    pub(crate) checksums: Vec<(Algorithm, String)>,
    /// Whether the checksum is of all bytes; else of the checksums of parts.
    pub(crate) whole: Option<bool>,
    /// Bytes.
    pub(crate) size: Option<u64>,
}

impl Claims {
    /// Compares with what the upload was to have and what its parts are, and gives the checksum of the object.
    pub(super) fn check(
        &self,
        wanted: Option<PartsChecksum>,
        list: &[ListedPart],
        parts: &[NewSegment],
    ) -> Result<BTreeMap<String, String>, StoreError> {
        let size = parts.iter().map(|part| part.segment.size).sum::<u64>();
        if self.size.is_some_and(|said| said != size) {
            return Err(StoreError::invalid_request(format!(
                "The provided 'x-amz-mp-object-size' header does not match what was uploaded, {size} bytes."
            )));
        }
        let Some(wanted) = wanted else {
            return match self.checksums.first() {
                None => Ok(BTreeMap::new()),
                Some((algorithm, _)) => Err(StoreError::invalid_request(format!(
                    "The upload was created without a checksum. The complete request must not include one of type {}.",
                    algorithm.name()
                ))),
            };
        };
        if self.whole.is_some_and(|whole| whole != wanted.whole) {
            return Err(StoreError::invalid_request(format!(
                "The upload was created using the {} checksum mode. The complete request must use the same checksum mode.",
                wanted.type_name()
            )));
        }
        let sum = checksum::of_parts(wanted, &of_each(wanted, list, parts)?);
        let sum = sum.ok_or(StoreError::Internal)?;
        // Of a checksum of checksums the number of parts may be left out.
        let bare = checksum::without_count(&sum);
        let right = |(algorithm, said): &(Algorithm, String)| {
            *algorithm == wanted.algorithm && (*said == sum || said == bare)
        };
        if !self.checksums.iter().all(right) {
            return Err(StoreError::BadChecksum);
        }
        Ok(BTreeMap::from([(wanted.algorithm.name().to_owned(), sum)]))
    }
}

/// Checksum and size of each part; what the list says of them must be right, and must be said when only the parts have
/// checksums.
fn of_each<'p>(
    wanted: PartsChecksum,
    list: &[ListedPart],
    parts: &'p [NewSegment],
) -> Result<Vec<(&'p str, u64)>, StoreError> {
    let one = |(listed, part): (&ListedPart, &'p NewSegment)| {
        let known = part.checksum.as_deref().ok_or(StoreError::Internal)?;
        let mut said = listed.checksums.iter();
        match said.find(|(algorithm, _)| *algorithm == wanted.algorithm) {
            Some((_, said)) if said != known => Err(StoreError::InvalidPart),
            None if !wanted.whole => Err(StoreError::invalid_request(format!(
                "The upload was created using a {} checksum. The complete request must include the checksum for each part. It was missing for part {} in the request.",
                wanted.algorithm.name(),
                listed.number
            ))),
            _ => Ok((known, part.segment.size)),
        }
    };
    list.iter().zip(parts).map(one).collect()
}
