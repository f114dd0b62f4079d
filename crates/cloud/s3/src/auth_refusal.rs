//! What the object store says to a request whose signature it does not accept.

use gumnut_cloud_accounts::ObjectStoreAuthError;
use gumnut_cloud_objects::ObjectError;
use gumnut_signing::{Mismatch, SignatureError, decode_query};

/// Why the object store does not accept a request, and what the client is told.
#[derive(Debug)]
pub(super) struct Refusal {
    /// Code, status and message.
    pub(super) error: ObjectError,
    /// What a client needs to find its mistake: names and texts of further elements of the answer.
    pub(super) details: Vec<(&'static str, String)>,
}

impl Refusal {
    /// `AccessDenied` with the message that says why.
    fn denied(message: impl Into<String>) -> Self {
        ObjectError::AccessDenied.saying(message).into()
    }

    /// Nobody has this access key.
    fn unknown_key(access_key: &str) -> Self {
        Self {
            error: ObjectError::InvalidAccessKeyId,
            details: vec![("AWSAccessKeyId", access_key.to_owned())],
        }
    }

    /// The signature is another: tells what the server has signed, so that the client can compare.
    fn mismatch(access_key: &str, mismatch: Mismatch) -> Self {
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
            error: ObjectError::SignatureDoesNotMatch,
            details,
        }
    }

    /// In the words of S3; `query` is that of the request.
    pub(super) fn of_auth(error: ObjectStoreAuthError, query: &str) -> Self {
        match error {
            ObjectStoreAuthError::UnknownScheme => ObjectError::MissingSecurityHeader.into(),
            ObjectStoreAuthError::UnknownKey(access_key) => Self::unknown_key(&access_key),
            ObjectStoreAuthError::MalformedHeaderV4(error) => Self::malformed_header_v4(error),
            ObjectStoreAuthError::MalformedQueryV4(error) => {
                Self::malformed_query_v4(&error, query)
            }
            ObjectStoreAuthError::MalformedHeaderV2(error) => match Self::incomplete_v2(&error) {
                Some(refusal) => refusal,
                None => ObjectError::argument(
                    "Authorization header is invalid. Expected AwsAccessKeyId:signature",
                )
                .into(),
            },
            ObjectStoreAuthError::MalformedQueryV2(error) => match Self::incomplete_v2(&error) {
                Some(refusal) => refusal,
                None => Self::of_signature("", error),
            },
            ObjectStoreAuthError::MissingContentHash => {
                Self::denied("x-amz-content-sha256 header is missing.")
            }
            ObjectStoreAuthError::InvalidContentHash => {
                Self::denied("x-amz-content-sha256 header is invalid.")
            }
            ObjectStoreAuthError::InvalidExpires => Self::denied("Invalid Expires parameter."),
            ObjectStoreAuthError::Signature { access_key, error } => {
                Self::of_signature(&access_key, error)
            }
            ObjectStoreAuthError::Catalogue(error) => ObjectError::from(error).into(),
        }
    }

    /// An `Authorization` header of version 4 that cannot be understood.
    fn malformed_header_v4(error: SignatureError) -> Self {
        match error {
            SignatureError::Missing("the request date")
            | SignatureError::Malformed("the request date") => Self::of_signature("", error),
            error => ObjectError::AuthorizationHeaderMalformed
                .saying(format!("The authorization header is malformed; {error}."))
                .into(),
        }
    }

    /// Parameters of version 4 that cannot be understood.
    fn malformed_query_v4(error: &SignatureError, query: &str) -> Self {
        match error {
            SignatureError::Missing(name @ ("X-Amz-Date" | "X-Amz-Expires")) => {
                Self::denied(format!("{name} parameter must be specified."))
            }
            SignatureError::Malformed("X-Amz-Expires") if expires_is_number(query) => {
                Self::denied("Invalid Expires parameter.")
            }
            SignatureError::Malformed("X-Amz-Expires") => {
                Self::denied("Invalid X-Amz-Expires parameter.")
            }
            error => ObjectError::AuthorizationQueryParametersError
                .saying(format!(
                    "The parameters of the signature are malformed; {error}."
                ))
                .into(),
        }
    }

    /// A signature of version 2 without one of its pieces; `None` when it is something else.
    fn incomplete_v2(error: &SignatureError) -> Option<Self> {
        match error {
            SignatureError::Missing("Expires") => Some(
                ObjectError::InvalidSecurity
                    .saying("Expires parameter must be specified.")
                    .into(),
            ),
            SignatureError::Missing("Signature") => Some(Self::denied(
                "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters",
            )),
            _ => None,
        }
    }

    /// What all forms of signatures have in common.
    fn of_signature(access_key: &str, error: SignatureError) -> Self {
        match error {
            SignatureError::Mismatch(mismatch) => Self::mismatch(access_key, *mismatch),
            SignatureError::Skewed => ObjectError::RequestTimeTooSkewed.into(),
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
            other => ObjectError::argument(format!("Cannot process request: {other}.")).into(),
        }
    }
}

impl From<ObjectError> for Refusal {
    fn from(error: ObjectError) -> Self {
        let details = Vec::new();
        Self { error, details }
    }
}

/// Whether `X-Amz-Expires` is a number, though one out of bounds.
fn expires_is_number(query: &str) -> bool {
    decode_query(query)
        .into_iter()
        .find(|(name, _)| name == "X-Amz-Expires")
        .is_some_and(|(_, value)| value.parse::<i64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Code and message of what a client is told.
    fn told(error: ObjectStoreAuthError, query: &str) -> (&'static str, String) {
        let refusal = Refusal::of_auth(error, query);
        (refusal.error.code(), refusal.error.message())
    }

    #[test]
    fn each_failure_has_the_words_of_s3() {
        use ObjectStoreAuthError as Auth;
        use SignatureError::{Expired, Malformed, Missing, Skewed};
        let signed_by = |error| Auth::Signature {
            access_key: "AK".to_owned(),
            error,
        };
        for (error, query, code, message) in [
            (
                Auth::UnknownScheme,
                "",
                "MissingSecurityHeader",
                "Your request was missing a required header.",
            ),
            (
                Auth::MalformedHeaderV4(Missing("the request date")),
                "",
                "AccessDenied",
                "AWS authentication requires a valid Date or x-amz-date header",
            ),
            (
                Auth::MalformedQueryV4(Missing("X-Amz-Date")),
                "",
                "AccessDenied",
                "X-Amz-Date parameter must be specified.",
            ),
            (
                Auth::MalformedQueryV4(Malformed("X-Amz-Expires")),
                "X-Amz-Expires=-1",
                "AccessDenied",
                "Invalid Expires parameter.",
            ),
            (
                Auth::MalformedQueryV4(Malformed("X-Amz-Expires")),
                "X-Amz-Expires=soon",
                "AccessDenied",
                "Invalid X-Amz-Expires parameter.",
            ),
            (
                Auth::MalformedHeaderV2(Malformed("Authorization")),
                "",
                "InvalidArgument",
                "Authorization header is invalid. Expected AwsAccessKeyId:signature",
            ),
            (
                Auth::MalformedQueryV2(Missing("Expires")),
                "",
                "InvalidSecurity",
                "Expires parameter must be specified.",
            ),
            (
                Auth::MissingContentHash,
                "",
                "AccessDenied",
                "x-amz-content-sha256 header is missing.",
            ),
            (
                Auth::InvalidContentHash,
                "",
                "AccessDenied",
                "x-amz-content-sha256 header is invalid.",
            ),
            (
                Auth::InvalidExpires,
                "",
                "AccessDenied",
                "Invalid Expires parameter.",
            ),
            (
                signed_by(Skewed),
                "",
                "RequestTimeTooSkewed",
                "The difference between the request time and the current time is too large.",
            ),
            (
                signed_by(Expired),
                "",
                "AccessDenied",
                "Cannot process request. Expired.",
            ),
        ] {
            assert_eq!(told(error, query), (code, message.to_owned()));
        }
    }

    #[test]
    fn who_has_no_key_is_told_which() {
        let error = ObjectStoreAuthError::UnknownKey("AK".to_owned());
        let refusal = Refusal::of_auth(error, "");
        assert_eq!(refusal.error.code(), "InvalidAccessKeyId");
        assert_eq!(refusal.details, [("AWSAccessKeyId", "AK".to_owned())]);
    }
}
