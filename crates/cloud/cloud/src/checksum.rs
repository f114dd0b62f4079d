//! The checksums that S3 knows beside MD5: of a body, and of an object that is made of parts.

use crc_fast::{CrcAlgorithm, checksum_combine};
use data_encoding::BASE64;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Sha1, Sha256};
use s3s::dto;
use serde::{Deserialize, Serialize};

/// How a checksum is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

/// The checksum that an upload in parts is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PartsChecksum {
    pub(crate) algorithm: Algorithm,
    /// Of all bytes of the object; else of the checksums of its parts.
    pub(crate) whole: bool,
}

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

impl Algorithm {
    pub(crate) const ALL: [Self; 5] = [
        Self::Crc32,
        Self::Crc32c,
        Self::Crc64Nvme,
        Self::Sha1,
        Self::Sha256,
    ];

    /// As names of headers end, and as it is kept.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "crc32",
            Self::Crc32c => "crc32c",
            Self::Crc64Nvme => "crc64nvme",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
        }
    }

    /// The algorithm of a name in any case.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|known| known.name().eq_ignore_ascii_case(name))
    }

    /// Lets `hasher` compute this too.
    pub(crate) fn add_to(self, hasher: &mut ChecksumHasher) {
        match self {
            Self::Crc32 => hasher.crc32 = Some(Crc32::new()),
            Self::Crc32c => hasher.crc32c = Some(Crc32c::new()),
            Self::Crc64Nvme => hasher.crc64nvme = Some(Crc64Nvme::new()),
            Self::Sha1 => hasher.sha1 = Some(Sha1::new()),
            Self::Sha256 => hasher.sha256 = Some(Sha256::new()),
        }
    }

    /// That of several, in base64.
    pub(crate) fn of(self, sums: &dto::Checksum) -> Option<&str> {
        let sum = match self {
            Self::Crc32 => &sums.checksum_crc32,
            Self::Crc32c => &sums.checksum_crc32c,
            Self::Crc64Nvme => &sums.checksum_crc64nvme,
            Self::Sha1 => &sums.checksum_sha1,
            Self::Sha256 => &sums.checksum_sha256,
        };
        sum.as_deref()
    }

    /// The CRC and its length in bytes; nothing for digests, which know no order of parts.
    fn crc(self) -> Option<(CrcAlgorithm, usize)> {
        match self {
            Self::Crc32 => Some((CrcAlgorithm::Crc32IsoHdlc, 4)),
            Self::Crc32c => Some((CrcAlgorithm::Crc32Iscsi, 4)),
            Self::Crc64Nvme => Some((CrcAlgorithm::Crc64Nvme, 8)),
            Self::Sha1 | Self::Sha256 => None,
        }
    }
}

impl PartsChecksum {
    /// The one that an upload asks for, of the whole or not as S3 has it when nothing is said; nothing when the two do not
    /// go together.
    pub(crate) fn new(algorithm: Algorithm, whole: Option<bool>) -> Option<Self> {
        let whole = whole.unwrap_or(algorithm == Algorithm::Crc64Nvme);
        let possible = if whole {
            algorithm.crc().is_some()
        } else {
            algorithm != Algorithm::Crc64Nvme
        };
        possible.then_some(Self { algorithm, whole })
    }

    /// As requests and answers name whether it is of the whole.
    pub(crate) fn type_name(self) -> &'static str {
        if self.whole {
            dto::ChecksumType::FULL_OBJECT
        } else {
            dto::ChecksumType::COMPOSITE
        }
    }

    /// That of an object whose parts have these checksums, in base64, and sizes.
    pub(crate) fn of_parts(self, parts: &[(&str, u64)]) -> Option<String> {
        let decoded = parts.iter().map(|(sum, size)| {
            let sum = BASE64.decode(sum.as_bytes()).ok()?;
            Some((sum, *size))
        });
        let decoded: Vec<_> = decoded.collect::<Option<_>>()?;
        if !self.whole {
            let mut hasher = Hasher::new(self.algorithm);
            for (sum, _) in &decoded {
                hasher.update(sum);
            }
            return Some(format!("{}-{}", hasher.finish().1, parts.len()));
        }
        let (crc, length) = self.algorithm.crc()?;
        let number = |sum: &[u8]| sum.iter().fold(0, |all, byte| all << 8 | u64::from(*byte));
        let sums = decoded.iter().map(|(sum, size)| (number(sum), *size));
        let join =
            |(sum, size), (next, more)| (checksum_combine(crc, sum, next, more), size + more);
        let (sum, _) = sums.reduce(join)?;
        Some(BASE64.encode(&sum.to_be_bytes()[8 - length..]))
    }
}

impl Hasher {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        let mut hasher = ChecksumHasher::default();
        algorithm.add_to(&mut hasher);
        Self { algorithm, hasher }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
    }

    /// In base64.
    pub(crate) fn finish(self) -> (Algorithm, String) {
        let sums = self.hasher.finalize();
        let sum = self.algorithm.of(&sums).unwrap_or_default().to_owned();
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
        let sum = checksum.of_parts(&parts);
        assert_eq!(
            sum.unwrap(),
            "LzQWAyxTThs81Y8OBSjFqPV96lhreIsEDE+rDTcFXSg=-2"
        );
    }

    #[test]
    fn what_goes_together() {
        let whole = |algorithm, asked| PartsChecksum::new(algorithm, asked).map(|sum| sum.whole);
        assert_eq!(whole(Algorithm::Crc32, None), Some(false));
        assert_eq!(whole(Algorithm::Crc32c, Some(true)), Some(true));
        assert_eq!(whole(Algorithm::Crc64Nvme, None), Some(true));
        assert_eq!(whole(Algorithm::Crc64Nvme, Some(false)), None);
        assert_eq!(whole(Algorithm::Sha1, Some(true)), None);
        assert_eq!(whole(Algorithm::Sha256, None), Some(false));
    }

    proptest! {
        #[test]
        fn parts_add_up_to_the_whole(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..100), 1..5)) {
            for algorithm in [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme] {
                let sums: Vec<_> = parts.iter().map(|part| (sum(algorithm, part), part.len() as u64)).collect();
                let sums: Vec<_> = sums.iter().map(|(sum, size)| (sum.as_str(), *size)).collect();
                let whole = PartsChecksum::new(algorithm, Some(true)).unwrap();
                prop_assert_eq!(whole.of_parts(&sums).unwrap(), sum(algorithm, &parts.concat()));
            }
        }
    }
}
