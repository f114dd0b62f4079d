//! The text that a signature covers.

use std::ops::Range;

use crate::ManifestError;

/// The two elements that are signed, by their literal tags.
pub(crate) const SIGNED: [(&str, &str); 2] = [
    ("<machine_configuration>", "</machine_configuration>"),
    ("<image>", "</image>"),
];

/// What stands in `signature`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Signature {
    /// Nothing, or the word UNSIGNED, or no such element.
    None,
    /// A signature.
    Bytes(Vec<u8>),
}

/// Where the two elements are, as the parser saw them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SignedRanges {
    pub(crate) machine_configuration: Range<usize>,
    pub(crate) image: Range<usize>,
}

impl SignedRanges {
    /// The signed bytes, in two pieces.
    pub(crate) fn pieces<'a>(&self, text: &'a [u8]) -> [&'a [u8]; 2] {
        [
            &text[self.machine_configuration.clone()],
            &text[self.image.clone()],
        ]
    }

    /// Insists that a plain text search finds the same ranges.
    ///
    /// Clouds search the text, and not all of them in the same way; a parser sees elements. A manifest
    /// in which the views differ shows one image to the verifier and another to the reader.
    pub(crate) fn check(&self, text: &str) -> Result<(), ManifestError> {
        let ranges = [&self.machine_configuration, &self.image];
        for ((open, close), range) in SIGNED.into_iter().zip(ranges) {
            let start = only(text, open)?;
            let end = only(text, close)? + close.len();
            if *range != (start..end) {
                return Err(ManifestError::Ambiguous { tag: open });
            }
        }
        Ok(())
    }
}

/// Where the only occurrence of `tag` is.
fn only(text: &str, tag: &'static str) -> Result<usize, ManifestError> {
    let mut found = text.match_indices(tag);
    match (found.next(), found.next()) {
        (Some((at, _)), None) => Ok(at),
        _ => Err(ManifestError::Ambiguous { tag }),
    }
}
