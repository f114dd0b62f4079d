//! The hashes of the signatures.

use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac as _};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// HMAC-SHA256 of some pieces, taken as one.
pub(crate) fn hmac_sha256(key: &[u8], pieces: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut mac = keyed::<Hmac<Sha256>>(key);
    for piece in pieces {
        mac.update(piece);
    }
    Zeroizing::new(mac.finalize().into_bytes().into())
}

#[expect(
    clippy::expect_used,
    reason = "a value in place of the MAC could be forged"
)]
fn keyed<M: KeyInit>(key: &[u8]) -> M {
    M::new_from_slice(key).expect("HMAC takes keys of any length")
}

/// Base64 of an HMAC-SHA1, the signature of version 2.
pub(crate) fn base64_hmac_sha1(key: &[u8], text: &str) -> String {
    let mut mac = keyed::<Hmac<Sha1>>(key);
    mac.update(text.as_bytes());
    BASE64.encode(&mac.finalize().into_bytes())
}

/// Base64 of an HMAC-SHA256.
pub(crate) fn base64_hmac_sha256(key: &[u8], text: &str) -> String {
    BASE64.encode(&hmac_sha256(key, &[text.as_bytes()])[..])
}

/// SHA-256 in lower-case hex.
pub(crate) fn hex_sha256(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

/// Compares without telling by its time how much was equal.
pub(crate) fn same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}
