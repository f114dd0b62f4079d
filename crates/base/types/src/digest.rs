//! SHA-1 digests, the only ones that the bundle format knows.

use std::fmt;
use std::str::FromStr;

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};

/// A SHA-1 digest: 20 bytes, written as 40 lower-case hex digits, read in either case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sha1Digest([u8; 20]);

/// The text is not 40 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-1 digest has 40 hex digits")]
pub struct DigestError;

impl Sha1Digest {
    /// The digest of no bytes at all. euca2ools 1.0 to 1.3.1 wrote it as every image's digest.
    pub const OF_NOTHING: Self = Self([
        0xda, 0x39, 0xa3, 0xee, 0x5e, 0x6b, 0x4b, 0x0d, 0x32, 0x55, 0xbf, 0xef, 0x95, 0x60, 0x18,
        0x90, 0xaf, 0xd8, 0x07, 0x09,
    ]);

    /// Wraps the 20 bytes that a hasher gave.
    pub fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// The 20 bytes.
    pub fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }
}

impl FromStr for Sha1Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let bytes = HEXLOWER_PERMISSIVE
            .decode(text.as_bytes())
            .map_err(|_| DigestError)?;
        Ok(Self(bytes.try_into().map_err(|_| DigestError)?))
    }
}

impl fmt::Display for Sha1Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_digest_of_nothing_is_the_published_one() {
        let text = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
        assert_eq!(Sha1Digest::OF_NOTHING.to_string(), text);
    }

    #[test]
    fn length_and_alphabet_are_checked() {
        for text in ["", "da39", &"g".repeat(40), &"a".repeat(42)] {
            assert_eq!(text.parse::<Sha1Digest>(), Err(DigestError), "{text}");
        }
    }

    proptest! {
        #[test]
        fn text_form_round_trips_in_either_case(bytes: [u8; 20]) {
            let digest = Sha1Digest::from_bytes(bytes);
            prop_assert_eq!(digest.to_string().parse(), Ok(digest));
            prop_assert_eq!(digest.to_string().to_uppercase().parse(), Ok(digest));
        }
    }
}
