//! Keys of objects, which have a bound by their type.

use std::fmt;
use std::ops::Deref;

use gumnut_types::Fault;

/// The key of an object, or the beginning of one: at most [`Key::MAX_BYTES`] bytes of UTF-8, perhaps none.
///
/// It is made where a request enters, so that nothing longer reaches a rule, a row or a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

/// A text is longer than the key of an object may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key has at most {} bytes", Key::MAX_BYTES)]
pub struct KeyTooLong;

impl KeyTooLong {
    /// Whose fault it is: that of the caller.
    pub fn fault(self) -> Fault {
        Fault::Refused
    }
}

impl Key {
    /// The longest key, in bytes, as in S3.
    pub const MAX_BYTES: usize = 1024;

    /// The key with this text.
    ///
    /// # Errors
    /// [`KeyTooLong`] for more than [`Key::MAX_BYTES`] bytes.
    pub fn new(text: impl Into<String>) -> Result<Self, KeyTooLong> {
        let text = text.into();
        if text.len() > Self::MAX_BYTES {
            return Err(KeyTooLong);
        }
        Ok(Self(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, without a copy.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl Deref for Key {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_bounded_in_bytes_and_not_in_characters() {
        for (text, fits) in [
            (String::new(), true),
            ("k".repeat(1024), true),
            ("ü".repeat(512), true),
            ("k".repeat(1025), false),
            ("ü".repeat(513), false),
        ] {
            let key = Key::new(text.clone());
            assert_eq!(key.is_ok(), fits, "{} bytes", text.len());
            assert_eq!(key.map(Key::into_string).unwrap_or(text.clone()), text);
        }
        assert_eq!(KeyTooLong.to_string(), "a key has at most 1024 bytes");
    }
}
