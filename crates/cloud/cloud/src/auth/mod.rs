//! Who is asking: the signatures of requests.

pub(crate) mod object_store;
pub(crate) mod query;
mod refusal;

use gumnut_types::SecretString;

use crate::catalogue::{Catalogue, identities};
use crate::store::StoreError;

pub(crate) use gumnut_cloud_catalogue::{Caller, Identity};
pub(crate) use object_store::Payload;
pub(crate) use refusal::Refusal;

/// The port that clients and servers of these clouds assume when a `Host` header has none.
const DEFAULT_PORT: u16 = 8773;

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
    Signature(#[from] gumnut_signing::SignatureError),
}

/// The user with this access key, and the secret to it.
pub(crate) async fn find_key(
    catalogue: &Catalogue,
    access_key: &str,
) -> Result<Option<(Caller, SecretString)>, StoreError> {
    let access_key = access_key.to_owned();
    let find = move |c: &rusqlite::Connection| Ok(identities::by_access_key(c, &access_key)?);
    catalogue.read(find).await
}
