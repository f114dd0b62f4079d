//! What the object store says to a request whose signature it does not accept.

use gumnut_cloud_accounts::{FormAuthError, ObjectStoreAuthError, ScopeError};
use gumnut_cloud_objects::ObjectError;
use gumnut_signing::form::PolicyError;
use gumnut_signing::{Mismatch, Query, SignatureError};

/// Why the object store does not accept a request, and what the client is answered.
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

    /// The signature is another: shows what the server has signed, so that the client can compare.
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

    /// There are several signatures.
    pub(super) fn signed_twice() -> Self {
        ObjectError::argument(
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the \
             Authorization header should be specified",
        )
        .into()
    }

    /// Path or parameters cannot be read, or do not say one thing.
    pub(super) fn of_unreadable(error: &SignatureError) -> Self {
        match error {
            SignatureError::Malformed(_) => ObjectError::InvalidUri.into(),
            error => ObjectError::argument(format!("Cannot process request: {error}.")).into(),
        }
    }

    /// A signature for elsewhere; `refusal` is the code for where it stands. Clients read the region, and try again.
    fn of_scope(refusal: ObjectError, what: &str, error: &ScopeError) -> Self {
        let details = match error {
            ScopeError::Region { expected, .. } => vec![("Region", expected.clone())],
            _ => Vec::new(),
        };
        Self {
            error: refusal.saying(format!("{what}; {error}")),
            details,
        }
    }

    /// In the words of S3, for a form.
    pub(super) fn of_form(error: FormAuthError) -> Self {
        let malformed = |error: &SignatureError| match error {
            SignatureError::Repeated(_) => Self::signed_twice(),
            SignatureError::Missing(name) => {
                let message = format!("Bucket POST must contain a field named '{name}'.");
                ObjectError::argument(message).into()
            }
            error => ObjectError::argument(format!("Cannot process request: {error}.")).into(),
        };
        match error {
            FormAuthError::Malformed(error) => malformed(&error),
            FormAuthError::Scope(error) => {
                let what = "Error parsing the X-Amz-Credential field";
                Self::of_scope(ObjectError::InvalidArgument, what, &error)
            }
            FormAuthError::Signature(error) => Self::of_auth(error, &Query::default()),
            FormAuthError::Policy(error @ PolicyError::Malformed(_)) => {
                let message = error.to_string();
                ObjectError::InvalidPolicyDocument.saying(message).into()
            }
            error => Self::denied(error.to_string()),
        }
    }

    /// In the words of S3; `query` is that of the request.
    pub(super) fn of_auth(error: ObjectStoreAuthError, query: &Query) -> Self {
        match error {
            ObjectStoreAuthError::SignedTwice => Self::signed_twice(),
            ObjectStoreAuthError::Unreadable(error) => Self::of_unreadable(&error),
            ObjectStoreAuthError::ScopeInHeader(error) => {
                let what = "The authorization header is malformed";
                Self::of_scope(ObjectError::AuthorizationHeaderMalformed, what, &error)
            }
            ObjectStoreAuthError::ScopeInQuery(error) => {
                let what = "Error parsing the X-Amz-Credential parameter";
                Self::of_scope(ObjectError::AuthorizationQueryParametersError, what, &error)
            }
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
    fn malformed_query_v4(error: &SignatureError, query: &Query) -> Self {
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
fn expires_is_number(query: &Query) -> bool {
    let value = query.get("X-Amz-Expires");
    value.is_some_and(|value| value.parse::<i64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Code and message of the answer.
    fn told(error: ObjectStoreAuthError, query: &str) -> (&'static str, String) {
        let refusal = Refusal::of_auth(error, &Query::parse(query).unwrap());
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
        let refusal = Refusal::of_auth(error, &Query::default());
        assert_eq!(refusal.error.code(), "InvalidAccessKeyId");
        assert_eq!(refusal.details, [("AWSAccessKeyId", "AK".to_owned())]);
    }
}
