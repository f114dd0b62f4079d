//! Signatures of requests to the EC2 side.

use gumnut_cloud_catalogue::{Caller, CatalogueError};
use gumnut_signing::v2::QueryClaim;
use gumnut_signing::v4::{Claim, PayloadHash};
use gumnut_signing::{RequestView, SignatureError};
use gumnut_types::SecretString;
use time::OffsetDateTime;

use crate::AccessKeys;
use crate::access_keys::AccessKeyOwner;

use super::DEFAULT_PORT;
use super::scope::{self, Regions, ScopeError};

/// The service in the scopes of signatures for the EC2 side.
const SERVICE: &str = "ec2";

/// Why a request to the EC2 Query API is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum QueryAuthError {
    /// There is no signature.
    #[error("the request is not signed")]
    Anonymous,
    /// Nobody has this access key.
    #[error("the access key {0:?} is not known")]
    UnknownKey(String),
    /// The signature is for another service or region.
    #[error("the credential scope of the signature is for elsewhere: {0}")]
    Scope(#[from] ScopeError),
    /// The signature is missing something, too old, or wrong.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The catalogue cannot be asked.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
}

/// Finds out who has sent a request to the EC2 Query API at `now`, with these decoded parameters and this body.
///
/// Version 2 and 4 are accepted. Clients sign the host with and without a port and the path in several forms, all of which
/// are tried. A signature of version 4 must be for the service `ec2` and a region that `regions` accepts, or for the first labels of
/// the host, as boto 2 takes them.
///
/// # Errors
/// When the request has no signature, or one that is not good.
pub async fn authenticate_query(
    keys: &AccessKeys,
    now: OffsetDateTime,
    regions: &Regions,
    view: &RequestView<'_>,
    parameters: &[(String, String)],
    body: &[u8],
) -> Result<Caller, QueryAuthError> {
    let form = Form::of(view, parameters)?;
    if let Form::V4(claim) = &form
        && !scope::is_of_host(claim, view.header("host").unwrap_or_default())
    {
        scope::check(regions, (claim.service(), claim.region()), SERVICE, None)?;
    }
    let access_key = form.access_key();
    let Some(owner) = keys.find(access_key).await? else {
        return Err(QueryAuthError::UnknownKey(access_key.to_owned()));
    };
    match &form {
        Form::V4(claim) => {
            claim.check_time(now)?;
            verify_v4(view, claim, &owner, body)?;
        }
        Form::V2(claim) => {
            claim.check_time(now)?;
            verify_v2(view, claim, parameters, &owner.secret)?;
        }
    }
    Ok(owner.caller.clone())
}

/// What a request says of its own signature.
enum Form {
    V4(Claim),
    V2(QueryClaim),
}

impl Form {
    /// A header of version 4 decides, then a signature of version 2 among the parameters, whatever a header of version 2 says:
    /// boto 1.9 sends both, and no cloud has ever read that header here.
    fn of(view: &RequestView<'_>, parameters: &[(String, String)]) -> Result<Self, QueryAuthError> {
        if let Some(claim) = Claim::of(view)? {
            return Ok(Self::V4(claim));
        }
        match QueryClaim::of(parameters)? {
            Some(claim) => Ok(Self::V2(claim)),
            None if view.header("authorization").is_some() => Err(SignatureError::Scheme.into()),
            None => Err(QueryAuthError::Anonymous),
        }
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
    owner: &AccessKeyOwner,
    body: &[u8],
) -> Result<(), SignatureError> {
    let (hash, key) = (PayloadHash::of(body), owner.signing_key(claim));
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
            match claim.verify_with(&view, hash.as_str(), &key) {
                Ok(verified) => {
                    owner.keep(&verified);
                    return Ok(());
                }
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
    let lower = view.path.to_ascii_lowercase();
    let bare = match lower.trim_end_matches('/') {
        "" => "/",
        bare => bare,
    };
    let paths = [view.path, view.path.trim_end_matches('/'), &lower, bare];
    claim.verify(
        view.method,
        &hosts.each_ref().map(String::as_str),
        &paths,
        parameters,
        secret,
    )
}

/// The host as it came, without its port, and with the usual one.
fn hosts(host: &str) -> [String; 3] {
    let bare = host.rsplit_once(':').map_or(host, |(bare, _)| bare);
    [
        host.to_owned(),
        bare.to_owned(),
        format!("{bare}:{DEFAULT_PORT}"),
    ]
}
