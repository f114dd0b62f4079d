//! What the object store says to a request whose signature it does not accept.

use gumnut_signing::{Mismatch, SignatureError};

use crate::store::StoreError;

/// Why the object store does not accept a request.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) error: StoreError,
    /// What a client needs to find its mistake: names and texts of further elements of the answer.
    pub(crate) details: Vec<(&'static str, String)>,
}

impl Refusal {
    /// A refusal without details.
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        StoreError::Argument { code, message }.into()
    }

    pub(super) fn denied(message: impl Into<String>) -> Self {
        Self::new("AccessDenied", message)
    }

    pub(super) fn unknown_key(access_key: &str) -> Self {
        let refusal = Self::new(
            "InvalidAccessKeyId",
            "The AWS Access Key Id you provided does not exist in our records.",
        );
        Self {
            details: vec![("AWSAccessKeyId", access_key.to_owned())],
            ..refusal
        }
    }

    pub(super) fn mismatch(access_key: &str, mismatch: Mismatch) -> Self {
        let refusal = Self::new(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided.",
        );
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
        Self { details, ..refusal }
    }

    /// What is common to all forms of signatures.
    pub(super) fn of(access_key: &str, error: SignatureError) -> Self {
        match error {
            SignatureError::Mismatch(mismatch) => Self::mismatch(access_key, *mismatch),
            SignatureError::Skewed => Self::new(
                "RequestTimeTooSkewed",
                "The difference between the request time and the current time is too large.",
            ),
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
            other => Self::new(
                "InvalidArgument",
                format!("Cannot process request: {other}."),
            ),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        let details = Vec::new();
        Self { error, details }
    }
}
