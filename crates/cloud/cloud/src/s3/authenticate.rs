//! Signatures of requests to the object store, in front of the protocol: clients sign the path with or without
//! the prefix of the service, which the protocol knows nothing of.

use gumnut_signing::v2::S3Claim;
use gumnut_signing::v4::{
    Claim, STREAMING, STREAMING_TRAILER, STREAMING_UNSIGNED_TRAILER, UNSIGNED_PAYLOAD, Verified,
};
use gumnut_signing::{ChunkDecoder, RequestView, SignatureError, decode_query};
use gumnut_types::SecretString;
use time::OffsetDateTime;

use super::auth_refusal::Refusal;
use crate::auth::{Caller, DEFAULT_PORT, Identity, find_key};
use crate::catalogue::Catalogue;
use crate::store::StoreError;

/// What the body of a request is checked with.
#[derive(Debug)]
pub(super) enum Payload {
    /// Nothing.
    Unchecked,
    /// Its SHA-256 in lower-case hex.
    Sha256(String),
    /// It comes in chunks, which may be signed.
    Chunks(Box<ChunkDecoder>),
}

/// Finds out who has sent a request. `path` is the path behind the prefix of the service, with the bucket in front if the
/// host names it.
pub(super) async fn authenticate(
    catalogue: &Catalogue,
    now: OffsetDateTime,
    view: &RequestView<'_>,
    path: &str,
) -> Result<(Identity, Payload), Refusal> {
    let signed = view.header("authorization").is_some();
    if let Some(claim) = Claim::of(view).map_err(|error| malformed_v4(view, error))? {
        let access_key = claim.access_key().as_str();
        let (caller, secret) = key(catalogue, access_key).await?;
        let payload = verify_v4(view, &claim, &secret, now)?;
        return Ok((Identity::User(caller), payload));
    }
    if let Some(claim) = S3Claim::of(view).map_err(|error| malformed_v2(signed, error))? {
        let (caller, secret) = key(catalogue, claim.access_key().as_str()).await?;
        verify_v2(view, path, &claim, &secret, now)?;
        return Ok((Identity::User(caller), unsigned_payload(view)));
    }
    if signed {
        return Err(StoreError::MissingSecurityHeader.into());
    }
    Ok((Identity::Anonymous, unsigned_payload(view)))
}

async fn key(catalogue: &Catalogue, access_key: &str) -> Result<(Caller, SecretString), Refusal> {
    let found = find_key(catalogue, access_key).await?;
    found.ok_or_else(|| Refusal::unknown_key(access_key))
}

fn malformed_v4(view: &RequestView<'_>, error: SignatureError) -> Refusal {
    if view.header("authorization").is_some() {
        return match error {
            SignatureError::Missing("the request date")
            | SignatureError::Malformed("the request date") => Refusal::of("", error),
            error => StoreError::AuthorizationHeaderMalformed
                .saying(format!("The authorization header is malformed; {error}."))
                .into(),
        };
    }
    match error {
        SignatureError::Missing(name @ ("X-Amz-Date" | "X-Amz-Expires")) => {
            Refusal::denied(format!("{name} parameter must be specified."))
        }
        SignatureError::Malformed("X-Amz-Expires") if expires_is_number(view) => {
            Refusal::denied("Invalid Expires parameter.")
        }
        SignatureError::Malformed("X-Amz-Expires") => {
            Refusal::denied("Invalid X-Amz-Expires parameter.")
        }
        error => StoreError::AuthorizationQueryParametersError
            .saying(format!(
                "The parameters of the signature are malformed; {error}."
            ))
            .into(),
    }
}

fn expires_is_number(view: &RequestView<'_>) -> bool {
    decode_query(view.query)
        .into_iter()
        .find(|(name, _)| name == "X-Amz-Expires")
        .is_some_and(|(_, value)| value.parse::<i64>().is_ok())
}

fn malformed_v2(in_header: bool, error: SignatureError) -> Refusal {
    match error {
        SignatureError::Missing("Expires") => StoreError::InvalidSecurity
            .saying("Expires parameter must be specified.")
            .into(),
        SignatureError::Missing("Signature") => Refusal::denied(
            "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters",
        ),
        _ if in_header => StoreError::argument(
            "Authorization header is invalid. Expected AwsAccessKeyId:signature",
        )
        .into(),
        error => Refusal::of("", error),
    }
}

fn verify_v4(
    view: &RequestView<'_>,
    claim: &Claim,
    secret: &SecretString,
    now: OffsetDateTime,
) -> Result<Payload, Refusal> {
    let access_key = claim.access_key().as_str();
    let hash = match view.header("x-amz-content-sha256") {
        _ if claim.is_presigned() => UNSIGNED_PAYLOAD,
        Some(hash) => hash,
        None => return Err(Refusal::denied("x-amz-content-sha256 header is missing.")),
    };
    claim
        .check_time(now)
        .map_err(|error| Refusal::of(access_key, error))?;
    let verified = claim
        .verify(view, hash, secret)
        .or_else(|error| match with_port(view) {
            Some(headers) => {
                let view = RequestView {
                    headers: &headers,
                    ..*view
                };
                claim.verify(&view, hash, secret).map_err(|_| error)
            }
            None => Err(error),
        })
        .map_err(|error| Refusal::of(access_key, error))?;
    payload(hash, verified)
        .ok_or_else(|| Refusal::denied("x-amz-content-sha256 header is invalid."))
}

/// Old servers assume their port when the `Host` header has none, and so do some clients when they sign.
fn with_port(view: &RequestView<'_>) -> Option<Vec<(String, String)>> {
    let bare = view.header("host").filter(|host| !host.contains(':'))?;
    let host = format!("{bare}:{DEFAULT_PORT}");
    let mut headers = view.headers.to_vec();
    for (name, value) in &mut headers {
        if name == "host" {
            value.clone_from(&host);
        }
    }
    Some(headers)
}

fn payload(hash: &str, verified: Verified) -> Option<Payload> {
    Some(match hash {
        UNSIGNED_PAYLOAD => Payload::Unchecked,
        STREAMING => Payload::Chunks(ChunkDecoder::signed(verified, false).into()),
        STREAMING_TRAILER => Payload::Chunks(ChunkDecoder::signed(verified, true).into()),
        STREAMING_UNSIGNED_TRAILER => Payload::Chunks(ChunkDecoder::unsigned().into()),
        hash => Payload::Sha256(sha256(hash)?),
    })
}

/// What the body of a request without a signature of version 4 is checked with, if it says so.
fn unsigned_payload(view: &RequestView<'_>) -> Payload {
    match view.header("x-amz-content-sha256") {
        Some(STREAMING_UNSIGNED_TRAILER) => Payload::Chunks(ChunkDecoder::unsigned().into()),
        Some(hash) => sha256(hash).map_or(Payload::Unchecked, Payload::Sha256),
        None => Payload::Unchecked,
    }
}

fn sha256(text: &str) -> Option<String> {
    let is_hash = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    is_hash.then(|| text.to_ascii_lowercase())
}

fn verify_v2(
    view: &RequestView<'_>,
    path: &str,
    claim: &S3Claim,
    secret: &SecretString,
    now: OffsetDateTime,
) -> Result<(), Refusal> {
    let access_key = claim.access_key().as_str();
    claim.check_time(view, now).map_err(|error| match error {
        SignatureError::Malformed("Expires") => Refusal::denied("Invalid Expires parameter."),
        error => Refusal::of(access_key, error),
    })?;
    // Where the host names the bucket, the path without it is that of another thing.
    let host_names_bucket = path.len() > view.path.len();
    let mut resources = if host_names_bucket {
        vec![path]
    } else {
        vec![view.path, path]
    };
    // boto3 signs a bucket with a slash behind it and asks for it without; both name the same bucket.
    let with_slash = format!("{path}/");
    if !path[1..].contains('/') {
        resources.push(&with_slash);
    }
    let checked = claim.verify(view, &resources, secret).or_else(|error| {
        // Eucalyptus 4 forgives readers that sign no content type and send one.
        let without_prefix = host_names_bucket || view.path == path;
        let reads = matches!(view.method, "GET" | "HEAD") && without_prefix;
        if !reads {
            return Err(error);
        }
        let mut headers = view.headers.to_vec();
        headers.retain(|(name, _)| name != "content-type");
        let view = RequestView {
            headers: &headers,
            ..*view
        };
        claim.verify(&view, &resources, secret).map_err(|_| error)
    });
    checked.map_err(|error| Refusal::of(access_key, error))
}
