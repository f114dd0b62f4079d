//! gumnut-crypto against openssl and against itself.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod keys;
mod openssl;
mod streams;

use std::path::PathBuf;

/// A key or certificate of the test vectors.
fn vector(name: &str) -> Vec<u8> {
    fs_err::read(vector_path(name)).unwrap()
}

fn vector_path(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/keys")).join(name)
}
