//! Checksums that a client sends with a body, in a header or behind it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Sha1, Sha256};

/// What the name of a header with a checksum begins with.
const PREFIX: &str = "x-amz-checksum-";
/// The algorithms that are known, by the rest of the name.
const ALGORITHMS: [&str; 5] = ["crc32", "crc32c", "crc64nvme", "sha1", "sha256"];

/// Checksums that were right: algorithm and value. Filled when the body has ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Confirmed(Arc<Mutex<BTreeMap<String, String>>>);

impl Confirmed {
    /// What has been confirmed.
    pub(crate) fn take(&self) -> BTreeMap<String, String> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Computes the checksums that a client sends.
#[derive(Default)]
pub(super) struct Checksums {
    hasher: ChecksumHasher,
    /// By algorithm; nothing for those that come behind the body.
    wanted: BTreeMap<String, Option<String>>,
    confirmed: Confirmed,
}

impl Checksums {
    /// The checksums that these headers carry or announce.
    pub(super) fn of<'h>(headers: impl IntoIterator<Item = (&'h str, &'h str)>) -> Self {
        let mut checksums = Self::default();
        for (name, value) in headers {
            if let Some(algorithm) = algorithm(name) {
                checksums.want(algorithm, Some(value.to_owned()));
            } else if name == "x-amz-trailer" {
                let names = value.split(',').map(str::trim);
                for algorithm in names.filter_map(algorithm) {
                    checksums.want(algorithm, None);
                }
            }
        }
        checksums
    }

    /// Where the result will be.
    pub(super) fn confirmed(&self) -> Confirmed {
        self.confirmed.clone()
    }

    fn want(&mut self, algorithm: &'static str, value: Option<String>) {
        self.wanted.insert(algorithm.to_owned(), value);
        let hasher = &mut self.hasher;
        match algorithm {
            "crc32" => hasher.crc32 = Some(Crc32::new()),
            "crc32c" => hasher.crc32c = Some(Crc32c::new()),
            "crc64nvme" => hasher.crc64nvme = Some(Crc64Nvme::new()),
            "sha1" => hasher.sha1 = Some(Sha1::new()),
            _ => hasher.sha256 = Some(Sha256::new()),
        }
    }

    pub(super) fn update(&mut self, data: &[u8]) {
        self.hasher.update(data);
    }

    /// Compares, with the fields behind the body, and says whether all are right.
    pub(super) fn finish(self, trailers: &[(String, String)]) -> bool {
        let mut wanted = self.wanted;
        for (name, value) in trailers {
            if let Some(slot) = algorithm(name).and_then(|name| wanted.get_mut(name)) {
                *slot = Some(value.clone());
            }
        }
        let sums = self.hasher.finalize();
        let computed = [
            ("crc32", sums.checksum_crc32),
            ("crc32c", sums.checksum_crc32c),
            ("crc64nvme", sums.checksum_crc64nvme),
            ("sha1", sums.checksum_sha1),
            ("sha256", sums.checksum_sha256),
        ];
        let mut right = BTreeMap::new();
        for (algorithm, value) in computed {
            let Some(value) = value else {
                continue;
            };
            if wanted.get(algorithm) != Some(&Some(value.clone())) {
                return false;
            }
            right.insert(algorithm.to_owned(), value);
        }
        *self
            .confirmed
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = right;
        true
    }
}

fn algorithm(name: &str) -> Option<&'static str> {
    let rest = name.strip_prefix(PREFIX)?;
    ALGORITHMS.iter().find(|known| **known == rest).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CRC-32 of `123456789`, the check value of the algorithm, in base64.
    const CRC32: &str = "y/Q5Jg==";

    fn check(header: (&str, &str), trailers: &[(&str, &str)]) -> (bool, BTreeMap<String, String>) {
        let mut checksums = Checksums::of([header]);
        let confirmed = checksums.confirmed();
        checksums.update(b"12345");
        checksums.update(b"6789");
        let trailers = trailers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let right = checksums.finish(&trailers.collect::<Vec<_>>());
        (right, confirmed.take())
    }

    #[test]
    fn in_a_header_or_behind() {
        let name = "x-amz-checksum-crc32";
        let expected = BTreeMap::from([("crc32".to_owned(), CRC32.to_owned())]);
        assert_eq!(check((name, CRC32), &[]), (true, expected.clone()));
        assert_eq!(
            check(("x-amz-trailer", name), &[(name, CRC32)]),
            (true, expected)
        );
        assert!(!check((name, "AAAAAA=="), &[]).0);
        assert!(!check(("x-amz-trailer", name), &[]).0);
        assert!(!check(("x-amz-trailer", name), &[(name, "AAAAAA==")]).0);
        assert_eq!(
            check(("x-amz-checksum-type", "FULL_OBJECT"), &[]),
            (true, BTreeMap::new())
        );
    }
}
