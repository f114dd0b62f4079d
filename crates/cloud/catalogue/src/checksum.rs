//! The checksums that S3 knows beside MD5, by name. Nothing is computed here.

use serde::{Deserialize, Serialize};

/// How a checksum is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChecksumAlgorithm {
    /// CRC-32 of ISO 3309.
    Crc32,
    /// CRC-32C of Castagnoli.
    Crc32c,
    /// CRC-64 of NVM Express.
    Crc64Nvme,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
}

/// The checksum that an object of a multipart upload is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartsChecksum {
    /// How it is computed.
    pub algorithm: ChecksumAlgorithm,
    /// Whether it is of all bytes of the object (`FULL_OBJECT`); else of the checksums of the parts (`COMPOSITE`).
    pub whole: bool,
}

impl ChecksumAlgorithm {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Crc32,
        Self::Crc32c,
        Self::Crc64Nvme,
        Self::Sha1,
        Self::Sha256,
    ];

    /// The name in lower case, with which names of headers end: `crc32`, `crc32c`, `crc64nvme`, `sha1`, `sha256`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "crc32",
            Self::Crc32c => "crc32c",
            Self::Crc64Nvme => "crc64nvme",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
        }
    }

    /// The algorithm with this name, in any case; `None` for a name that is not known.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|known| known.name().eq_ignore_ascii_case(name))
    }

    /// Whether it is a CRC: those of parts can be joined to that of the whole, which digests cannot.
    pub fn is_crc(self) -> bool {
        match self {
            Self::Crc32 | Self::Crc32c | Self::Crc64Nvme => true,
            Self::Sha1 | Self::Sha256 => false,
        }
    }
}

impl PartsChecksum {
    /// The checksum that an upload asks for. Where nothing is said of its type, `whole` is `None` and S3's default is
    /// taken. `None` when algorithm and type do not go together.
    pub fn new(algorithm: ChecksumAlgorithm, whole: Option<bool>) -> Option<Self> {
        let whole = whole.unwrap_or(algorithm == ChecksumAlgorithm::Crc64Nvme);
        let possible = if whole {
            algorithm.is_crc()
        } else {
            algorithm != ChecksumAlgorithm::Crc64Nvme
        };
        possible.then_some(Self { algorithm, whole })
    }

    /// The type as `x-amz-checksum-type` has it: `FULL_OBJECT` or `COMPOSITE`.
    pub fn type_name(self) -> &'static str {
        if self.whole {
            "FULL_OBJECT"
        } else {
            "COMPOSITE"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_together() {
        use ChecksumAlgorithm::{Crc32, Crc32c, Crc64Nvme, Sha1, Sha256};
        for (algorithm, asked, whole) in [
            (Crc32, None, Some(false)),
            (Crc32c, Some(true), Some(true)),
            (Crc64Nvme, None, Some(true)),
            (Crc64Nvme, Some(false), None),
            (Sha1, Some(true), None),
            (Sha256, None, Some(false)),
        ] {
            let checksum = PartsChecksum::new(algorithm, asked);
            assert_eq!(
                checksum.map(|checksum| checksum.whole),
                whole,
                "{algorithm:?}"
            );
        }
    }
}
