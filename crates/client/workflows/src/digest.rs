//! Digests of files.

use std::io::{self, Read as _};
use std::path::Path;

use gumnut_types::Sha1Digest;
use sha1::{Digest as _, Sha1};

/// Bytes that are read at once.
const BUFFER: usize = 256 << 10;

/// SHA-1 and length of a file.
///
/// # Errors
/// When it cannot be read.
pub fn digest_of_file(path: &Path) -> io::Result<(Sha1Digest, u64)> {
    let mut file = fs_err::File::open(path)?;
    let (mut hash, mut length) = (Sha1::new(), 0);
    let mut buffer = vec![0; BUFFER];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((Sha1Digest::from_bytes(hash.finalize().into()), length)),
            count => {
                hash.update(&buffer[..count]);
                length += count as u64;
            }
        }
    }
}
