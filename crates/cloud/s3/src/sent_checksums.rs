//! Checksums that a client sends with a body, in a header or behind it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use gumnut_cloud_catalogue::ChecksumAlgorithm;
use gumnut_cloud_http::header_texts;
use gumnut_cloud_objects::ObjectError;
use gumnut_cloud_objects::checksum::ChecksumHasher;
use http::HeaderMap;

use crate::understood::{Body, Operation};

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

/// What is wrong with the checksums of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ChecksumFault {
    /// The body is not the one that the checksum is of.
    #[error("the checksum is of another body")]
    Other,
    /// Behind the body comes something that was not announced.
    #[error("the body is followed by a field that was not announced")]
    Trailer,
}

impl From<ChecksumFault> for ObjectError {
    fn from(fault: ChecksumFault) -> Self {
        match fault {
            ChecksumFault::Other => Self::BadChecksum,
            ChecksumFault::Trailer => Self::MalformedTrailer,
        }
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
    /// The checksums that a request with these headers carries, and those that it announces by the value of `x-amz-trailer`,
    /// empty for none.
    ///
    /// # Errors
    /// [`ObjectError::InvalidRequest`] for a trailer that is not known, a checksum that comes twice, and an algorithm whose checksum
    /// does not come.
    pub(super) fn of_request(
        operation: &Operation,
        headers: &HeaderMap,
        trailers: &str,
    ) -> Result<Self, ObjectError> {
        // The checksum that ends an upload in parts is of the object, not of the list of parts.
        if operation.name == "CompleteMultipartUpload" {
            return Ok(Self::default());
        }
        let texts = header_texts(headers);
        let pairs = texts
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let sent = Self::of(pairs, trailers)?;
        if operation.body == Body::Content {
            sent.check_named(headers)?;
        }
        Ok(sent)
    }

    /// The checksums that these headers, or fields of a form, carry, and those that are announced.
    ///
    /// # Errors
    /// [`ObjectError::InvalidRequest`] for a trailer that is not known, and a checksum that comes twice.
    pub(super) fn of<'h>(
        headers: impl IntoIterator<Item = (&'h str, &'h str)>,
        trailers: &str,
    ) -> Result<Self, ObjectError> {
        let mut checksums = Self::default();
        for (name, value) in headers {
            if let Some(algorithm) = algorithm(name) {
                checksums.want(algorithm, Some(value.to_owned()))?;
            }
        }
        let names = trailers.split(',').map(str::trim);
        for name in names.filter(|name| !name.is_empty()) {
            let algorithm = algorithm(&name.to_ascii_lowercase()).ok_or_else(|| {
                ObjectError::invalid_request(format!(
                    "The value specified in the x-amz-trailer header is not supported: {name:?}"
                ))
            })?;
            checksums.want(algorithm, None)?;
        }
        Ok(checksums)
    }

    /// Insists that the checksum comes whose algorithm a header names.
    fn check_named(&self, headers: &HeaderMap) -> Result<(), ObjectError> {
        for name in ["x-amz-sdk-checksum-algorithm", "x-amz-checksum-algorithm"] {
            let named = headers.get(name).and_then(|value| value.to_str().ok());
            let named = named.and_then(ChecksumAlgorithm::named);
            if named.is_some_and(|named| !self.wanted.contains_key(&named)) {
                return Err(ObjectError::invalid_request(format!(
                    "{name} specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found."
                )));
            }
        }
        Ok(())
    }

    /// Where the result will be.
    pub(super) fn confirmed(&self) -> ConfirmedChecksums {
        self.confirmed.clone()
    }

    /// Begins to compute a checksum; `value` is what was sent, `None` when it comes behind the body.
    fn want(
        &mut self,
        algorithm: ChecksumAlgorithm,
        value: Option<String>,
    ) -> Result<(), ObjectError> {
        let before = self
            .wanted
            .insert(algorithm, (ChecksumHasher::new(algorithm), value));
        if before.is_some() {
            return Err(ObjectError::invalid_request(format!(
                "Expecting a single x-amz-checksum-{} header or trailer.",
                algorithm.name()
            )));
        }
        self.confirmed.announced.push(algorithm);
        Ok(())
    }

    /// Takes the next bytes of the body.
    pub(super) fn update(&mut self, data: &[u8]) {
        for (hasher, _) in self.wanted.values_mut() {
            hasher.update(data);
        }
    }

    /// Compares, with the fields behind the body. Each of these must have been announced, and come once.
    pub(super) fn finish(self, trailers: &[(String, String)]) -> Result<(), ChecksumFault> {
        let mut wanted = self.wanted;
        for (name, value) in trailers {
            let awaited = algorithm(name).and_then(|algorithm| wanted.get_mut(&algorithm));
            match awaited {
                Some((_, sent @ None)) => *sent = Some(value.clone()),
                _ => return Err(ChecksumFault::Trailer),
            }
        }
        let mut right = BTreeMap::new();
        for (algorithm, (hasher, sent)) in wanted {
            let computed = hasher.finish();
            if sent.as_ref() != Some(&computed) {
                return Err(ChecksumFault::Other);
            }
            right.insert(algorithm.name().to_owned(), computed);
        }
        *self
            .confirmed
            .right
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = right;
        Ok(())
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

    fn sent(
        headers: &[(&'static str, &str)],
        trailers: &str,
    ) -> Result<SentChecksums, ObjectError> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let sent = SentChecksums::of(headers.iter().copied(), trailers)?;
        sent.check_named(&map)?;
        Ok(sent)
    }

    /// What is confirmed of `123456789`; `None` when it is refused.
    fn check(
        headers: &[(&'static str, &str)],
        announced: &str,
        trailers: &[(&str, &str)],
    ) -> Option<BTreeMap<String, String>> {
        let mut checksums = sent(headers, announced).unwrap();
        let confirmed = checksums.confirmed();
        checksums.update(b"12345");
        checksums.update(b"6789");
        let trailers = trailers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let right = checksums.finish(&trailers.collect::<Vec<_>>());
        right.ok().map(|()| confirmed.take())
    }

    #[test]
    fn in_a_header_or_behind() {
        let name = "x-amz-checksum-crc32";
        let expected = BTreeMap::from([("crc32".to_owned(), CRC32.to_owned())]);
        assert_eq!(check(&[(name, CRC32)], "", &[]), Some(expected.clone()));
        assert_eq!(check(&[], name, &[(name, CRC32)]), Some(expected));
        assert_eq!(check(&[(name, "AAAAAA==")], "", &[]), None);
        assert_eq!(check(&[], name, &[]), None);
        assert_eq!(check(&[], name, &[(name, "AAAAAA==")]), None);
        let kind = [("x-amz-checksum-type", "FULL_OBJECT")];
        assert_eq!(check(&kind, "", &[]), Some(BTreeMap::new()));
    }

    #[test]
    fn trailers_are_those_that_were_announced() {
        let (name, other) = ("x-amz-checksum-crc32", "x-amz-checksum-sha512");
        assert_eq!(check(&[], "", &[(name, CRC32)]), None);
        assert_eq!(check(&[], name, &[(name, CRC32), (other, "x")]), None);
        assert_eq!(check(&[], name, &[(name, CRC32), (name, CRC32)]), None);
        assert_eq!(check(&[(name, CRC32)], "", &[(name, CRC32)]), None);
    }

    #[test]
    fn what_cannot_be_compared_is_refused_at_once() {
        let name = "x-amz-checksum-crc32";
        let sdk = "x-amz-sdk-checksum-algorithm";
        for (headers, trailers, is_good) in [
            (&[(sdk, "CRC32"), (name, CRC32)][..], "", true),
            (&[(sdk, "crc32")], name, true),
            (&[(sdk, "CRC32")], "", false),
            (&[(sdk, "SHA1"), (name, CRC32)], "", false),
            (&[("x-amz-checksum-algorithm", "CRC32")], "", false),
            (&[(name, CRC32), (name, CRC32)], "", false),
            (&[(name, CRC32)], name, false),
            (&[], "x-amz-checksum-sha512", false),
            (&[], "x-amz-checksum-crc32,x-other", false),
            (&[], "X-Amz-Checksum-Crc32", true),
        ] {
            let sent = sent(headers, trailers);
            assert_eq!(sent.is_ok(), is_good, "{headers:?} {trailers}");
            let code = sent.err().map(|error| error.code());
            assert!(code.is_none_or(|code| code == "InvalidRequest"), "{code:?}");
        }
    }
}
