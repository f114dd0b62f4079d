//! What the object store says to a request whose signature it does not accept.

use gumnut_signing::{Mismatch, SignatureError};

use crate::store::StoreError;

/// Why the object store does not accept a request.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) error: StoreError,
    /// What a client needs to find its mistake: names and texts of further elements of the answer.
    pub(super) details: Vec<(&'static str, String)>,
}

impl Refusal {
    pub(super) fn denied(message: impl Into<String>) -> Self {
        StoreError::AccessDenied.saying(message).into()
    }

    pub(super) fn unknown_key(access_key: &str) -> Self {
        Self {
            error: StoreError::InvalidAccessKeyId,
            details: vec![("AWSAccessKeyId", access_key.to_owned())],
        }
    }

    pub(super) fn mismatch(access_key: &str, mismatch: Mismatch) -> Self {
        let bytes: Vec<_> = mismatch
            .string_to_sign
            .bytes()
            .map(|b| format!("{b:02x}"))
            .collect();
        let mut details = vec![
            ("AWSAccessKeyId", access_key.to_owned()),
            ("StringToSign", mismatch.string_to_sign),
            ("SignatureProvided", mismatch.provided),
            ("StringToSignBytes", bytes.join(" ")),
        ];
        details.extend(
            mismatch
                .canonical_request
                .map(|text| ("CanonicalRequest", text)),
        );
        Self {
            error: StoreError::SignatureDoesNotMatch,
            details,
        }
    }

    /// What is common to all forms of signatures.
    pub(super) fn of(access_key: &str, error: SignatureError) -> Self {
        match error {
            SignatureError::Mismatch(mismatch) => Self::mismatch(access_key, *mismatch),
            SignatureError::Skewed => StoreError::RequestTimeTooSkewed.into(),
            SignatureError::Expired => Self::denied("Cannot process request. Expired."),
            SignatureError::NotYetValid => {
                Self::denied("Cannot process request. X-Amz-Date is not yet valid.")
            }
            SignatureError::Missing("the request date")
            | SignatureError::Malformed("the request date") => {
                Self::denied("AWS authentication requires a valid Date or x-amz-date header")
            }
            SignatureError::UnsignedHeader(_) => {
                Self::denied("There were headers present in the request which were not signed")
            }
            SignatureError::MissingHeader(name) => {
                Self::denied(format!("The signed header {name} is missing."))
            }
            other => StoreError::argument(format!("Cannot process request: {other}.")).into(),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        let details = Vec::new();
        Self { error, details }
    }
}
