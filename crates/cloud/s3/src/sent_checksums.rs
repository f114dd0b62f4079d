//! Checksums that a client sends with a body, in a header or behind it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use gumnut_cloud_catalogue::ChecksumAlgorithm;
use gumnut_cloud_objects::checksum::ChecksumHasher;
use gumnut_signing::Query;
use http::Method;

/// What the name of a header with a checksum begins with.
const PREFIX: &str = "x-amz-checksum-";

/// Checksums that a client sends, and those that were right: algorithm and value. Filled when the body has ended.
#[derive(Clone, Debug, Default)]
pub(super) struct ConfirmedChecksums {
    announced: Vec<ChecksumAlgorithm>,
    right: Arc<Mutex<BTreeMap<String, String>>>,
}

impl ConfirmedChecksums {
    /// What has been confirmed.
    pub(super) fn take(&self) -> BTreeMap<String, String> {
        std::mem::take(&mut self.right.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether a checksum of this algorithm comes with the body.
    pub(super) fn announces(&self, algorithm: ChecksumAlgorithm) -> bool {
        self.announced.contains(&algorithm)
    }
}

/// Computes the checksums that a client sends.
#[derive(Default)]
pub(super) struct SentChecksums {
    /// Computed, and sent: `None` for those that come behind the body.
    wanted: BTreeMap<ChecksumAlgorithm, (ChecksumHasher, Option<String>)>,
    confirmed: ConfirmedChecksums,
}

impl SentChecksums {
    /// The checksums that a request with these headers, as they were sent, carries or announces.
    pub(super) fn of_request(method: &Method, query: &Query, headers: &[(String, String)]) -> Self {
        // The checksum that ends an upload in parts is of the object, not of the list of parts.
        if method == Method::POST && query.has("uploadId") {
            return Self::default();
        }
        Self::of(
            headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        )
    }

    /// The checksums that these headers, or fields of a form, carry or announce.
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
    pub(super) fn confirmed(&self) -> ConfirmedChecksums {
        self.confirmed.clone()
    }

    /// Begins to compute a checksum; `value` is what was sent, `None` when it comes behind the body.
    fn want(&mut self, algorithm: ChecksumAlgorithm, value: Option<String>) {
        self.wanted
            .insert(algorithm, (ChecksumHasher::new(algorithm), value));
        self.confirmed.announced.push(algorithm);
    }

    /// Takes the next bytes of the body.
    pub(super) fn update(&mut self, data: &[u8]) {
        for (hasher, _) in self.wanted.values_mut() {
            hasher.update(data);
        }
    }

    /// Compares, with the fields behind the body, and says whether all are right.
    pub(super) fn finish(self, trailers: &[(String, String)]) -> bool {
        let mut wanted = self.wanted;
        for (name, value) in trailers {
            if let Some((_, sent)) =
                algorithm(name).and_then(|algorithm| wanted.get_mut(&algorithm))
            {
                *sent = Some(value.clone());
            }
        }
        let mut right = BTreeMap::new();
        for (algorithm, (hasher, sent)) in wanted {
            let computed = hasher.finish();
            if sent.as_ref() != Some(&computed) {
                return false;
            }
            right.insert(algorithm.name().to_owned(), computed);
        }
        *self
            .confirmed
            .right
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = right;
        true
    }
}

/// The algorithm that a header or a trailer is named for.
fn algorithm(name: &str) -> Option<ChecksumAlgorithm> {
    ChecksumAlgorithm::named(name.strip_prefix(PREFIX)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CRC-32 of `123456789`, the check value of the algorithm, in base64.
    const CRC32: &str = "y/Q5Jg==";

    fn check(header: (&str, &str), trailers: &[(&str, &str)]) -> (bool, BTreeMap<String, String>) {
        let mut checksums = SentChecksums::of([header]);
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
