//! The CBC streams: openssl's ciphertext, any chunking, every kind of damage.

use std::io::{self, Read, Write as _};

use gumnut_crypto::{BundleIv, BundleKey, CbcDecryptor, CbcEncryptor};
use proptest::prelude::*;

use crate::openssl::openssl;

fn key() -> BundleKey {
    BundleKey::from_bytes(*b"0123456789abcdef")
}

fn iv() -> BundleIv {
    BundleIv::from_bytes(*b"fedcba9876543210")
}

fn encrypt(plaintext: &[u8], chunk: usize) -> Vec<u8> {
    let mut encryptor = CbcEncryptor::new(Vec::new(), &key(), &iv());
    for piece in plaintext.chunks(chunk) {
        encryptor.write_all(piece).unwrap();
    }
    encryptor.finish().unwrap()
}

/// A reader that gives at most `chunk` bytes at a time, and now and then is interrupted.
struct Dribble<'a> {
    bytes: &'a [u8],
    chunk: usize,
    calls: usize,
}

impl Read for Dribble<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.calls += 1;
        if self.calls.is_multiple_of(5) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let count = self.chunk.min(out.len());
        self.bytes.read(&mut out[..count])
    }
}

fn decrypt(bytes: &[u8], chunk: usize) -> io::Result<Vec<u8>> {
    let mut plaintext = Vec::new();
    let dribble = Dribble {
        bytes,
        chunk,
        calls: 0,
    };
    CbcDecryptor::new(dribble, &key(), &iv()).read_to_end(&mut plaintext)?;
    Ok(plaintext)
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length)
        .map(|at| (at * 7 + at / 251).to_le_bytes()[0])
        .collect()
}

#[test]
fn the_ciphertext_is_that_of_openssl() {
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("plain");
    for length in [
        0, 1, 15, 16, 17, 4095, 4096, 4097, 65_535, 65_536, 65_537, 200_000,
    ] {
        fs_err::write(&plain, pattern(length)).unwrap();
        let theirs = openssl(&[
            "enc",
            "-aes-128-cbc",
            "-K",
            "30313233343536373839616263646566",
            "-iv",
            "66656463626139383736353433323130",
            "-in",
            plain.to_str().unwrap(),
        ]);
        assert_eq!(encrypt(&pattern(length), 1000), theirs, "length {length}");
    }
}

#[test]
fn every_truncation_is_refused() {
    let ciphertext = encrypt(&pattern(100), 100);
    for length in (0..ciphertext.len()).filter(|length| !length.is_multiple_of(16) || *length == 0)
    {
        let error = decrypt(&ciphertext[..length], 9).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "length {length}");
    }
}

#[test]
fn damaged_padding_is_refused() {
    let mut ciphertext = encrypt(&pattern(64), 64);
    let at = ciphertext.len() - 17;
    // The last plaintext byte is 16; any other value of it makes the padding wrong.
    for flip in [1, 2, 0x10, 0x80] {
        ciphertext[at] ^= flip;
        let error = decrypt(&ciphertext, 64).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        ciphertext[at] ^= flip;
    }
    assert_eq!(decrypt(&ciphertext, 64).unwrap(), pattern(64));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_length_comes_back_in_any_chunks(
        length in prop_oneof![0_usize..70, 65_500_usize..65_600, 131_000_usize..131_200],
        written in 1_usize..70_000,
        read in 1_usize..70_000,
    ) {
        let ciphertext = encrypt(&pattern(length), written);
        prop_assert_eq!(ciphertext.len(), (length / 16 + 1) * 16);
        prop_assert_eq!(decrypt(&ciphertext, read).unwrap(), pattern(length));
    }
}
