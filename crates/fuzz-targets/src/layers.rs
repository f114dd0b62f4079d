//! The layers of a bundle around what the fuzzer made, as an attacker with all keys would put them.

use std::io::Write as _;

use flate2::{Compression, GzBuilder};
use gumnut_crypto::{BundleIv, BundleKey, CbcEncryptor};

/// The key and iv of everything encrypted here.
pub(crate) fn secrets() -> (BundleKey, BundleIv) {
    (
        BundleKey::from_bytes([7; 16]),
        BundleIv::from_bytes([9; 16]),
    )
}

/// One gzip member of these bytes.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::fast());
    let done = encoder.write_all(bytes).and_then(|()| encoder.finish());
    done.unwrap_or_else(|error| panic!("memory takes everything: {error}"))
}

/// These bytes encrypted.
pub(crate) fn encrypt(bytes: &[u8]) -> Vec<u8> {
    let (key, iv) = secrets();
    let mut cipher = CbcEncryptor::new(Vec::new(), &key, &iv);
    let done = cipher.write_all(bytes).and_then(|()| cipher.finish());
    done.unwrap_or_else(|error| panic!("memory takes everything: {error}"))
}
