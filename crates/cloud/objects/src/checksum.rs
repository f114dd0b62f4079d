//! The checksums that S3 knows beside MD5: of a body, and of an object that is made of parts.

use std::fmt;

use crc_fast::{CrcAlgorithm, checksum_combine};
use data_encoding::BASE64;
use gumnut_cloud_catalogue::{ChecksumAlgorithm, PartsChecksum};
use sha1::{Digest as _, Sha1};
use sha2::Sha256;

/// Whether a checksum is of the checksums of parts (`COMPOSITE`): behind a hyphen, which base64 has not, it has their
/// number.
pub fn is_of_parts(sum: &str) -> bool {
    sum.contains('-')
}

/// A checksum without the number of parts that may follow it.
pub fn without_count(sum: &str) -> &str {
    sum.split_once('-').map_or(sum, |(sum, _)| sum)
}

/// Computes a checksum of bytes that come piece by piece.
///
/// ```
/// use gumnut_cloud_catalogue::ChecksumAlgorithm;
/// use gumnut_cloud_objects::checksum::ChecksumHasher;
///
/// let mut hasher = ChecksumHasher::new(ChecksumAlgorithm::Crc32c);
/// hasher.update(b"12345");
/// hasher.update(b"6789");
/// assert_eq!(hasher.finish(), "4waSgw==");
/// ```
pub struct ChecksumHasher {
    algorithm: ChecksumAlgorithm,
    state: State,
}

enum State {
    /// A CRC and its length in bytes.
    Crc(Box<crc_fast::Digest>, usize),
    Sha1(Sha1),
    Sha256(Sha256),
}

impl ChecksumHasher {
    /// Begins a checksum of no bytes.
    pub fn new(algorithm: ChecksumAlgorithm) -> Self {
        let state = match (crc(algorithm), algorithm) {
            (Some((crc, length)), _) => State::Crc(Box::new(crc_fast::Digest::new(crc)), length),
            (None, ChecksumAlgorithm::Sha1) => State::Sha1(Sha1::new()),
            (None, _) => State::Sha256(Sha256::new()),
        };
        Self { algorithm, state }
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.state {
            State::Crc(digest, _) => digest.update(bytes),
            State::Sha1(digest) => digest.update(bytes),
            State::Sha256(digest) => digest.update(bytes),
        }
    }

    /// How the checksum is computed.
    pub fn algorithm(&self) -> ChecksumAlgorithm {
        self.algorithm
    }

    /// The checksum in base64, as headers have it.
    pub fn finish(self) -> String {
        match self.state {
            State::Crc(digest, length) => big_endian(digest.finalize(), length),
            State::Sha1(digest) => BASE64.encode(&digest.finalize()),
            State::Sha256(digest) => BASE64.encode(&digest.finalize()),
        }
    }
}

impl fmt::Debug for ChecksumHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ChecksumHasher")
            .field(&self.algorithm)
            .finish()
    }
}

/// The CRC and its length in bytes; `None` for digests, which know no order of parts.
fn crc(algorithm: ChecksumAlgorithm) -> Option<(CrcAlgorithm, usize)> {
    match algorithm {
        ChecksumAlgorithm::Crc32 => Some((CrcAlgorithm::Crc32IsoHdlc, 4)),
        ChecksumAlgorithm::Crc32c => Some((CrcAlgorithm::Crc32Iscsi, 4)),
        ChecksumAlgorithm::Crc64Nvme => Some((CrcAlgorithm::Crc64Nvme, 8)),
        ChecksumAlgorithm::Sha1 | ChecksumAlgorithm::Sha256 => None,
    }
}

/// The checksum of an object whose parts have these checksums, in base64, and sizes in bytes. `None` when one of them
/// cannot be read, or when they cannot be joined.
pub(crate) fn of_parts(checksum: PartsChecksum, parts: &[(&str, u64)]) -> Option<String> {
    let mut decoded = Vec::with_capacity(parts.len());
    for (sum, size) in parts {
        decoded.push((BASE64.decode(sum.as_bytes()).ok()?, *size));
    }
    if !checksum.whole {
        let mut hasher = ChecksumHasher::new(checksum.algorithm);
        for (sum, _) in &decoded {
            hasher.update(sum);
        }
        return Some(format!("{}-{}", hasher.finish(), parts.len()));
    }
    let (crc, length) = crc(checksum.algorithm)?;
    let (joined, _) = decoded
        .iter()
        .map(|(sum, size)| (number(sum), *size))
        .reduce(|(sum, size), (next, more)| {
            (checksum_combine(crc, sum, next, more), size + more)
        })?;
    Some(big_endian(joined, length))
}

/// The last `length` bytes of a number in base64.
fn big_endian(number: u64, length: usize) -> String {
    BASE64.encode(&number.to_be_bytes()[8 - length..])
}

/// The number whose bytes these are, the highest first.
fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sum(algorithm: ChecksumAlgorithm, bytes: &[u8]) -> String {
        let mut hasher = ChecksumHasher::new(algorithm);
        hasher.update(bytes);
        hasher.finish()
    }

    #[test]
    fn check_values_of_the_algorithms() {
        for (algorithm, expected) in [
            (ChecksumAlgorithm::Crc32, "y/Q5Jg=="),
            (ChecksumAlgorithm::Crc32c, "4waSgw=="),
            (ChecksumAlgorithm::Crc64Nvme, "rosUhgp5mIg="),
            (ChecksumAlgorithm::Sha1, "98O8HYCOBHMq32eZZczDTKeuNEE="),
            (
                ChecksumAlgorithm::Sha256,
                "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=",
            ),
        ] {
            assert_eq!(sum(algorithm, b"123456789"), expected, "{algorithm:?}");
        }
    }

    #[test]
    fn of_the_checksums_of_parts() {
        // printf 'first' | openssl sha256 -binary, the same of 'second', both through it once more.
        let parts = [
            sum(ChecksumAlgorithm::Sha256, b"first"),
            sum(ChecksumAlgorithm::Sha256, b"second"),
        ];
        let parts = parts.each_ref().map(|sum| (sum.as_str(), 5));
        let checksum = PartsChecksum::new(ChecksumAlgorithm::Sha256, None).unwrap();
        let sum = of_parts(checksum, &parts);
        assert_eq!(
            sum.unwrap(),
            "LzQWAyxTThs81Y8OBSjFqPV96lhreIsEDE+rDTcFXSg=-2"
        );
    }

    proptest! {
        #[test]
        fn parts_add_up_to_the_whole(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..100), 1..5)) {
            for algorithm in [ChecksumAlgorithm::Crc32, ChecksumAlgorithm::Crc32c, ChecksumAlgorithm::Crc64Nvme] {
                let sums: Vec<_> = parts.iter().map(|part| (sum(algorithm, part), part.len() as u64)).collect();
                let sums: Vec<_> = sums.iter().map(|(sum, size)| (sum.as_str(), *size)).collect();
                let whole = PartsChecksum::new(algorithm, Some(true)).unwrap();
                prop_assert_eq!(of_parts(whole, &sums).unwrap(), sum(algorithm, &parts.concat()));
            }
        }
    }
}
