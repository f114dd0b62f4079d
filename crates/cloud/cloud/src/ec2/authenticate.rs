//! Signatures of requests to the EC2 side.

use gumnut_signing::v2::QueryClaim;
use gumnut_signing::v4::{Claim, PayloadHash};
use gumnut_signing::{RequestView, SignatureError};
use gumnut_types::SecretString;
use time::OffsetDateTime;

use crate::auth::{Caller, DEFAULT_PORT, find_key};
use crate::catalogue::Catalogue;
use crate::store::StoreError;

/// Why a request to the EC2 side is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AuthFailure {
    /// There is no signature.
    #[error("the request is not signed")]
    Anonymous,
    /// Nobody has this access key.
    #[error("the access key {0:?} is not known")]
    UnknownKey(String),
    /// The signature is missing something, too old, or wrong.
    #[error(transparent)]
    Signature(#[from] SignatureError),
}

/// Finds out who has sent a request with these decoded parameters and this body.
///
/// # Errors
/// When the catalogue cannot be asked.
pub(super) async fn authenticate(
    catalogue: &Catalogue,
    now: OffsetDateTime,
    view: &RequestView<'_>,
    parameters: &[(String, String)],
    body: &[u8],
) -> Result<Result<Caller, AuthFailure>, StoreError> {
    let form = match Form::of(view, parameters) {
        Ok(form) => form,
        Err(failure) => return Ok(Err(failure)),
    };
    let access_key = form.access_key();
    let Some((caller, secret)) = find_key(catalogue, access_key).await? else {
        return Ok(Err(AuthFailure::UnknownKey(access_key.to_owned())));
    };
    let checked = match &form {
        Form::V4(claim) => claim
            .check_time(now)
            .and_then(|()| verify_v4(view, claim, &secret, body)),
        Form::V2(claim) => claim
            .check_time(now)
            .and_then(|()| verify_v2(view, claim, parameters, &secret)),
    };
    Ok(checked.map(|()| caller).map_err(AuthFailure::from))
}

/// What a request says of its own signature.
enum Form {
    V4(Claim),
    V2(QueryClaim),
}

impl Form {
    fn of(view: &RequestView<'_>, parameters: &[(String, String)]) -> Result<Self, AuthFailure> {
        if let Some(claim) = Claim::of(view)? {
            return Ok(Self::V4(claim));
        }
        if view.header("authorization").is_some() {
            return Err(SignatureError::Scheme.into());
        }
        let claim = QueryClaim::of(parameters)?;
        claim.map(Self::V2).ok_or(AuthFailure::Anonymous)
    }

    fn access_key(&self) -> &str {
        match self {
            Self::V4(claim) => claim.access_key().as_str(),
            Self::V2(claim) => claim.access_key().as_str(),
        }
    }
}

/// The hash is that of the body, whatever a header says of it; boto 2 signs `/` for other paths.
fn verify_v4(
    view: &RequestView<'_>,
    claim: &Claim,
    secret: &SecretString,
    body: &[u8],
) -> Result<(), SignatureError> {
    let hash = PayloadHash::of(body);
    let mut first = None;
    for host in hosts(view.header("host").unwrap_or_default()) {
        let mut headers = view.headers.to_vec();
        for (name, value) in &mut headers {
            if name == "host" {
                value.clone_from(&host);
            }
        }
        for path in [view.path, "/"] {
            let view = RequestView {
                path,
                headers: &headers,
                ..*view
            };
            match claim.verify(&view, hash.as_str(), secret) {
                Ok(_) => return Ok(()),
                Err(error) => first.get_or_insert(error),
            };
        }
    }
    Err(first.unwrap_or(SignatureError::Missing("the Host header")))
}

fn verify_v2(
    view: &RequestView<'_>,
    claim: &QueryClaim,
    parameters: &[(String, String)],
    secret: &SecretString,
) -> Result<(), SignatureError> {
    let hosts = hosts(view.header("host").unwrap_or_default());
    let hosts: Vec<_> = hosts.iter().map(String::as_str).collect();
    let lower = view.path.to_ascii_lowercase();
    let bare = lower.trim_end_matches('/');
    let bare = if bare.is_empty() { "/" } else { bare };
    let paths = [view.path, view.path.trim_end_matches('/'), &lower, bare];
    claim.verify(view.method, &hosts, &paths, parameters, secret)
}

/// The host as it came, without its port, and with the usual one.
fn hosts(host: &str) -> Vec<String> {
    let bare = host.rsplit_once(':').map_or(host, |(bare, _)| bare);
    vec![
        host.to_owned(),
        bare.to_owned(),
        format!("{bare}:{DEFAULT_PORT}"),
    ]
}
