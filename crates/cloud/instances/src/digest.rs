//! A digest of several values, of which none runs into the next.

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

#[derive(Default)]
pub(crate) struct Digest(Sha256);

impl Digest {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        // The length comes first, so that no two lists of values are the same bytes.
        self.0.update(bytes.len().to_be_bytes());
        self.0.update(bytes);
    }

    /// The SHA-256 in hex.
    pub(crate) fn finish(self) -> String {
        HEXLOWER.encode(&self.0.finalize())
    }
}
