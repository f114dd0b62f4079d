//! Signatures of requests to the object store, in front of the protocol: clients sign the path with or without
//! the prefix of the service, which the protocol knows nothing of.

use std::sync::Arc;

use gumnut_cloud_catalogue::{Catalogue, CatalogueError, Identity};
use gumnut_signing::v2::S3Claim;
use gumnut_signing::v4::{
    Claim, STREAMING, STREAMING_TRAILER, STREAMING_UNSIGNED_TRAILER, UNSIGNED_PAYLOAD, Verified,
};
use gumnut_signing::{ChunkDecoder, Query, RequestView, SignatureError, decode_path};
use gumnut_types::SecretString;
use time::OffsetDateTime;

use crate::access_keys::{AccessKeyOwner, AccessKeys};

use super::DEFAULT_PORT;
use super::scope::{self, Regions, ScopeError};

/// The service in the scopes of signatures for the object store.
pub(super) const SERVICE: &str = "s3";
/// The one header of S3 that is a list and may come several times.
const ATTRIBUTES: &str = "x-amz-object-attributes";

/// What the body of a request is checked with.
#[derive(Debug)]
pub enum Payload {
    /// Nothing.
    Unchecked,
    /// Its SHA-256 in lower-case hex.
    Sha256(String),
    /// It comes in chunks, which may be signed.
    Chunks(Box<ChunkDecoder>),
}

/// Why a request to the object store is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum ObjectStoreAuthError {
    /// The `Authorization` header is of no known form.
    #[error("the request's Authorization header has an unknown form")]
    UnknownScheme,
    /// There is a signature in the header and another in the parameters, or there are parameters of two.
    #[error("the request is signed more than once")]
    SignedTwice,
    /// Path or parameters cannot be read, or do not say one thing.
    #[error("the request cannot be read")]
    Unreadable(#[source] SignatureError),
    /// Nobody has this access key.
    #[error("the access key {0:?} is not known")]
    UnknownKey(String),
    /// A signature of version 4 in the `Authorization` header is for another service or region.
    #[error("the Authorization header is for elsewhere")]
    ScopeInHeader(#[source] ScopeError),
    /// A signature of version 4 in parameters is for another service or region.
    #[error("the parameters of the signature are for elsewhere")]
    ScopeInQuery(#[source] ScopeError),
    /// The `Authorization` header of a signature of version 4 cannot be understood.
    #[error("the Authorization header of version 4 cannot be understood")]
    MalformedHeaderV4(#[source] SignatureError),
    /// The parameters of a signature of version 4 cannot be understood.
    #[error("the parameters of the signature of version 4 cannot be understood")]
    MalformedQueryV4(#[source] SignatureError),
    /// The `Authorization` header of a signature of version 2 cannot be understood.
    #[error("the Authorization header of version 2 cannot be understood")]
    MalformedHeaderV2(#[source] SignatureError),
    /// The parameters of a signature of version 2 cannot be understood.
    #[error("the parameters of the signature of version 2 cannot be understood")]
    MalformedQueryV2(#[source] SignatureError),
    /// A signature of version 4 in headers comes without `x-amz-content-sha256`.
    #[error("the header x-amz-content-sha256 is missing")]
    MissingContentHash,
    /// `x-amz-content-sha256` is neither a digest nor one of its known words.
    #[error("the header x-amz-content-sha256 is invalid")]
    InvalidContentHash,
    /// `Expires` of a signature of version 2 in parameters is no time.
    #[error("the parameter Expires is not a time")]
    InvalidExpires,
    /// The signature is too old, or wrong.
    #[error("the signature by {access_key:?} is invalid")]
    Signature {
        /// The access key.
        access_key: String,
        /// What is wrong.
        #[source]
        error: SignatureError,
    },
    /// The catalogue cannot be asked.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
}

impl ObjectStoreAuthError {
    pub(super) fn signature(access_key: &str, error: SignatureError) -> Self {
        Self::Signature {
            access_key: access_key.to_owned(),
            error,
        }
    }
}

/// Finds out who has sent a request to the object store at `now`, and what its body is to be checked with. `path` is the
/// path behind the prefix of the service as it was sent, with the bucket in front if the host names it.
///
/// Clients sign the path with or without the prefix of the service. A signature of version 4 must be for the service `s3`, and for a
/// region that `regions` or the place of the bucket accepts.
///
/// # Errors
/// When the signature is not good. A request without one is anonymous.
pub async fn authenticate_object_store(
    keys: &AccessKeys,
    now: OffsetDateTime,
    regions: &Regions,
    view: &RequestView<'_>,
    path: &str,
) -> Result<(Identity, Payload), ObjectStoreAuthError> {
    let in_header = view.header("authorization").is_some();
    check_signed_once(view, in_header)?;
    let malformed_v4 = if in_header {
        ObjectStoreAuthError::MalformedHeaderV4
    } else {
        ObjectStoreAuthError::MalformedQueryV4
    };
    if let Some(claim) = Claim::of(view).map_err(malformed_v4)? {
        check_scope(keys.catalogue(), regions, &claim, path).await?;
        let owner = key(keys, claim.access_key().as_str()).await?;
        let payload = verify_v4(view, &claim, &owner, now)?;
        return Ok((Identity::User(owner.caller.clone()), payload));
    }
    let malformed_v2 = if in_header {
        ObjectStoreAuthError::MalformedHeaderV2
    } else {
        ObjectStoreAuthError::MalformedQueryV2
    };
    if let Some(claim) = S3Claim::of(view).map_err(malformed_v2)? {
        let owner = key(keys, claim.access_key().as_str()).await?;
        verify_v2(view, path, &claim, &owner.secret, now)?;
        return Ok((Identity::User(owner.caller.clone()), unsigned_payload(view)));
    }
    if in_header {
        return Err(ObjectStoreAuthError::UnknownScheme);
    }
    Ok((Identity::Anonymous, unsigned_payload(view)))
}

/// Refuses a request with several signatures, of which one would be dropped, and one whose path and parameters do not say one thing.
fn check_signed_once(view: &RequestView<'_>, in_header: bool) -> Result<(), ObjectStoreAuthError> {
    let query = Query::parse(view.query).map_err(ObjectStoreAuthError::Unreadable)?;
    query
        .check_unique()
        .map_err(ObjectStoreAuthError::Unreadable)?;
    decode_path(view.path).map_err(ObjectStoreAuthError::Unreadable)?;
    if let Some(name) = repeated_header(view) {
        let error = SignatureError::Repeated(name.to_owned());
        return Err(ObjectStoreAuthError::Unreadable(error));
    }
    let v4 = query.has("X-Amz-Algorithm") || query.has("X-Amz-Signature");
    let v2 = query.has("AWSAccessKeyId") || query.has("Signature");
    if usize::from(in_header) + usize::from(v4) + usize::from(v2) > 1 {
        return Err(ObjectStoreAuthError::SignedTwice);
    }
    Ok(())
}

/// A header of S3 that comes twice, and is neither metadata nor a list.
fn repeated_header<'v>(view: &RequestView<'v>) -> Option<&'v str> {
    let may_repeat = |name: &str| name.starts_with("x-amz-meta-") || name == ATTRIBUTES;
    let own = view.headers.iter().map(|(name, _)| name.as_str());
    let mut names: Vec<_> = own
        .filter(|name| name.starts_with("x-amz-") && !may_repeat(name))
        .collect();
    names.sort_unstable();
    let pair = names.windows(2).find(|pair| pair[0] == pair[1])?;
    Some(pair[0])
}

/// Insists that a signature is for this service, and for a region that is this cloud's or the place of the bucket, which some clients
/// ask for first.
async fn check_scope(
    catalogue: &Catalogue,
    regions: &Regions,
    claim: &Claim,
    path: &str,
) -> Result<(), ObjectStoreAuthError> {
    let found = (claim.service(), claim.region());
    let place = if regions.accept(claim.region()) {
        None
    } else {
        place_of_bucket(catalogue, path).await?
    };
    scope::check(regions, found, SERVICE, place.as_deref()).map_err(|error| {
        if claim.is_presigned() {
            ObjectStoreAuthError::ScopeInQuery(error)
        } else {
            ObjectStoreAuthError::ScopeInHeader(error)
        }
    })
}

/// The location constraint of the bucket of a path; `None` without one, and where there is no bucket.
async fn place_of_bucket(
    catalogue: &Catalogue,
    path: &str,
) -> Result<Option<String>, ObjectStoreAuthError> {
    let path = decode_path(path).map_err(ObjectStoreAuthError::Unreadable)?;
    let bucket = path.strip_prefix('/').unwrap_or(&path).split('/').next();
    let found = catalogue.bucket(bucket.unwrap_or_default()).await?;
    Ok(found.and_then(|bucket| bucket.settings.location))
}

pub(super) async fn key(
    keys: &AccessKeys,
    access_key: &str,
) -> Result<Arc<AccessKeyOwner>, ObjectStoreAuthError> {
    keys.find(access_key)
        .await?
        .ok_or_else(|| ObjectStoreAuthError::UnknownKey(access_key.to_owned()))
}

fn verify_v4(
    view: &RequestView<'_>,
    claim: &Claim,
    owner: &AccessKeyOwner,
    now: OffsetDateTime,
) -> Result<Payload, ObjectStoreAuthError> {
    let access_key = claim.access_key().as_str();
    let hash = match view.header("x-amz-content-sha256") {
        _ if claim.is_presigned() => UNSIGNED_PAYLOAD,
        Some(hash) => hash,
        None => return Err(ObjectStoreAuthError::MissingContentHash),
    };
    claim
        .check_time(now)
        .map_err(|error| ObjectStoreAuthError::signature(access_key, error))?;
    let key = owner.signing_key(claim);
    let verified = claim
        .verify_with(view, hash, &key)
        .or_else(|error| match with_port(view) {
            Some(headers) => {
                let view = RequestView {
                    headers: &headers,
                    ..*view
                };
                claim.verify_with(&view, hash, &key).map_err(|_| error)
            }
            None => Err(error),
        })
        .map_err(|error| ObjectStoreAuthError::signature(access_key, error))?;
    owner.keep(&verified);
    payload(hash, verified).ok_or(ObjectStoreAuthError::InvalidContentHash)
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
) -> Result<(), ObjectStoreAuthError> {
    let access_key = claim.access_key().as_str();
    claim.check_time(view, now).map_err(|error| match error {
        SignatureError::Malformed("Expires") => ObjectStoreAuthError::InvalidExpires,
        error => ObjectStoreAuthError::signature(access_key, error),
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
    let decoded = decode_path(path).map_err(ObjectStoreAuthError::Unreadable)?;
    if !decoded[1..].contains('/') {
        resources.push(&with_slash);
    }
    claim
        .verify(view, &resources, secret)
        .or_else(|error| {
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
        })
        .map_err(|error| ObjectStoreAuthError::signature(access_key, error))
}
