//! SHA-1 as the format needs it.

use sha1::{Digest as _, Sha1};

/// The SHA-1 of some pieces, taken as if they were one.
pub(crate) fn sha1(pieces: &[&[u8]]) -> [u8; 20] {
    let mut hasher = Sha1::new();
    for piece in pieces {
        hasher.update(piece);
    }
    hasher.finalize().into()
}

/// The SHA-1 of `bytes` in the usual form of a fingerprint: `AB:CD:...`.
pub(crate) fn fingerprint(bytes: &[u8]) -> String {
    let pairs: Vec<_> = sha1(&[bytes])
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect();
    pairs.join(":")
}
