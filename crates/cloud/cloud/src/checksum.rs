//! The checksums that S3 knows beside MD5: of a body, and of an object that is made of parts.

use crc_fast::{CrcAlgorithm, checksum_combine};
use data_encoding::BASE64;
pub(crate) use gumnut_cloud_catalogue::{ChecksumAlgorithm as Algorithm, PartsChecksum};
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Sha1, Sha256};
use s3s::dto;

/// A checksum as it is kept: the algorithm's name, and the value.
pub(crate) fn named(checksum: Option<(Algorithm, String)>) -> Option<(String, String)> {
    checksum.map(|(algorithm, sum)| (algorithm.name().to_owned(), sum))
}

/// Whether a checksum is of the checksums of parts: behind a hyphen, which base64 has not, it has their number.
pub(crate) fn is_of_parts(sum: &str) -> bool {
    sum.contains('-')
}

/// A checksum without the number of parts that may follow it.
pub(crate) fn without_count(sum: &str) -> &str {
    sum.split_once('-').map_or(sum, |(sum, _)| sum)
}

/// A checksum of bytes that come piece by piece.
pub(crate) struct Hasher {
    algorithm: Algorithm,
    hasher: ChecksumHasher,
}

/// Lets `hasher` compute a checksum too.
pub(crate) fn add_to(algorithm: Algorithm, hasher: &mut ChecksumHasher) {
    match algorithm {
        Algorithm::Crc32 => hasher.crc32 = Some(Crc32::new()),
        Algorithm::Crc32c => hasher.crc32c = Some(Crc32c::new()),
        Algorithm::Crc64Nvme => hasher.crc64nvme = Some(Crc64Nvme::new()),
        Algorithm::Sha1 => hasher.sha1 = Some(Sha1::new()),
        Algorithm::Sha256 => hasher.sha256 = Some(Sha256::new()),
    }
}

/// The checksum of this algorithm among several, in base64; `None` when it is not among them.
pub(crate) fn among(algorithm: Algorithm, sums: &dto::Checksum) -> Option<&str> {
    let sum = match algorithm {
        Algorithm::Crc32 => &sums.checksum_crc32,
        Algorithm::Crc32c => &sums.checksum_crc32c,
        Algorithm::Crc64Nvme => &sums.checksum_crc64nvme,
        Algorithm::Sha1 => &sums.checksum_sha1,
        Algorithm::Sha256 => &sums.checksum_sha256,
    };
    sum.as_deref()
}

/// The CRC and its length in bytes; `None` for digests, which know no order of parts.
fn crc(algorithm: Algorithm) -> Option<(CrcAlgorithm, usize)> {
    match algorithm {
        Algorithm::Crc32 => Some((CrcAlgorithm::Crc32IsoHdlc, 4)),
        Algorithm::Crc32c => Some((CrcAlgorithm::Crc32Iscsi, 4)),
        Algorithm::Crc64Nvme => Some((CrcAlgorithm::Crc64Nvme, 8)),
        Algorithm::Sha1 | Algorithm::Sha256 => None,
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
        let mut hasher = Hasher::new(checksum.algorithm);
        for (sum, _) in &decoded {
            hasher.update(sum);
        }
        return Some(format!("{}-{}", hasher.finish().1, parts.len()));
    }
    let (crc, length) = crc(checksum.algorithm)?;
    let (joined, _) = decoded
        .iter()
        .map(|(sum, size)| (big_endian(sum), *size))
        .reduce(|(sum, size), (next, more)| {
            (checksum_combine(crc, sum, next, more), size + more)
        })?;
    Some(BASE64.encode(&joined.to_be_bytes()[8 - length..]))
}

fn big_endian(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

impl Hasher {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        let mut hasher = ChecksumHasher::default();
        add_to(algorithm, &mut hasher);
        Self { algorithm, hasher }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
    }

    /// In base64.
    pub(crate) fn finish(self) -> (Algorithm, String) {
        let sums = self.hasher.finalize();
        let sum = among(self.algorithm, &sums).unwrap_or_default().to_owned();
        (self.algorithm, sum)
    }
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Hasher").field(&self.algorithm).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sum(algorithm: Algorithm, bytes: &[u8]) -> String {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(bytes);
        hasher.finish().1
    }

    #[test]
    fn check_values_of_the_algorithms() {
        for (algorithm, expected) in [
            (Algorithm::Crc32, "y/Q5Jg=="),
            (Algorithm::Crc32c, "4waSgw=="),
            (Algorithm::Crc64Nvme, "rosUhgp5mIg="),
            (Algorithm::Sha1, "98O8HYCOBHMq32eZZczDTKeuNEE="),
            (
                Algorithm::Sha256,
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
            sum(Algorithm::Sha256, b"first"),
            sum(Algorithm::Sha256, b"second"),
        ];
        let parts = parts.each_ref().map(|sum| (sum.as_str(), 5));
        let checksum = PartsChecksum::new(Algorithm::Sha256, None).unwrap();
        let sum = of_parts(checksum, &parts);
        assert_eq!(
            sum.unwrap(),
            "LzQWAyxTThs81Y8OBSjFqPV96lhreIsEDE+rDTcFXSg=-2"
        );
    }

    proptest! {
        #[test]
        fn parts_add_up_to_the_whole(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..100), 1..5)) {
            for algorithm in [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme] {
                let sums: Vec<_> = parts.iter().map(|part| (sum(algorithm, part), part.len() as u64)).collect();
                let sums: Vec<_> = sums.iter().map(|(sum, size)| (sum.as_str(), *size)).collect();
                let whole = PartsChecksum::new(algorithm, Some(true)).unwrap();
                prop_assert_eq!(of_parts(whole, &sums).unwrap(), sum(algorithm, &parts.concat()));
            }
        }
    }
}
