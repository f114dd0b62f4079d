//! The strict reader.
//!
//! One pass over the XML without recursion. Only exact paths count: an element of a known name at any
//! other place is unknown, and unknown elements are passed over with everything in them.

mod collect;
mod element;
mod finish;
mod walk;

use gumnut_types::Limits;

use crate::signature::{Signature, SignedRanges};
use crate::{Manifest, ManifestError, Warning};

/// Everything that a manifest file holds.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) manifest: Manifest,
    pub(crate) signature: Signature,
    pub(crate) ranges: SignedRanges,
    pub(crate) warnings: Vec<Warning>,
}

/// Reads a manifest file of any dialect.
pub(crate) fn parse(bytes: &[u8], limits: &Limits) -> Result<Parsed, ManifestError> {
    if bytes.len() > limits.manifest_bytes {
        return Err(ManifestError::TooLarge {
            size: bytes.len(),
            limit: limits.manifest_bytes,
        });
    }
    let text = std::str::from_utf8(bytes).map_err(|_| ManifestError::NotText)?;
    let start = text.trim_start();
    if !start.starts_with("<?xml") && !start.starts_with("<manifest") {
        return Err(ManifestError::NoXml);
    }
    let parsed = finish::finish(walk::walk(text, limits)?, limits)?;
    parsed.ranges.check(text)?;
    Ok(parsed)
}
