//! Ids of versions and uploads.

use data_encoding::HEXLOWER;

use crate::error::ObjectError;

/// An id that nothing else has: 128 random bits in hex.
///
/// Deciders may run several times, so ids are made before them.
pub(crate) fn random_id() -> Result<String, ObjectError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(ObjectError::Random)?;
    Ok(HEXLOWER.encode(&bytes))
}

/// Whether [`random_id`] may have made an id.
pub(crate) fn is_random_id(id: &str) -> bool {
    HEXLOWER
        .decode(id.as_bytes())
        .is_ok_and(|bytes| bytes.len() == 16)
}
