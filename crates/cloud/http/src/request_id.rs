//! Ids of requests.

use std::fmt;

use data_encoding::HEXLOWER;

/// The id of a request, which its answer and the log carry; it has the form of a UUID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(String);

impl Default for RequestId {
    fn default() -> Self {
        Self::new()
    }
}

impl RequestId {
    /// An id that no other request has.
    pub fn new() -> Self {
        let mut bytes = [0_u8; 16];
        // An id that is not random is better than no answer.
        if getrandom::fill(&mut bytes).is_err() {
            tracing::warn!("cannot get random bytes from the system for a request id");
        }
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let hex = HEXLOWER.encode(&bytes);
        let pieces = [
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..],
        ];
        Self(pieces.join("-"))
    }

    /// The id as text: `6fe2b1c4-0d5e-4f6a-8b7c-9d0e1f2a3b4c`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::RequestId;

    #[test]
    fn ids_look_like_uuids_and_differ() {
        let (one, other) = (RequestId::new(), RequestId::new());
        assert_ne!(one, other);
        let lengths: Vec<_> = one.as_str().split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(&one.as_str()[14..15], "4");
    }
}
