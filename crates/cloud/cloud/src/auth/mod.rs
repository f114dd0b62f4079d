//! Who is asking: the signatures of requests.

pub(crate) mod object_store;
pub(crate) mod query;
mod refusal;

use gumnut_types::{AccountId, SecretString};

use crate::catalogue::{Catalogue, identities};
use crate::store::StoreError;

pub(crate) use object_store::Payload;
pub(crate) use refusal::Refusal;

/// The port that clients and servers of these clouds assume when a `Host` header has none.
const DEFAULT_PORT: u16 = 8773;

/// A user whose signature was right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The row in `users`.
    pub(crate) user_id: i64,
    /// The user's name.
    pub(crate) user: String,
    pub(crate) account: AccountId,
    pub(crate) account_name: String,
    /// The account's owner id in the object store.
    pub(crate) canonical_id: String,
    /// Whether the user administrates the whole cloud.
    pub(crate) admin: bool,
}

/// Whose rights decide on an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    Anonymous,
    User(Caller),
    /// The system identity `aws-exec-read`, which reads what it was given to read.
    ExecRead,
    /// The all-seeing identity of the clouds of 2010.
    Internal,
}

impl Identity {
    /// Whether this is the owner id of whoever asks.
    pub(crate) fn owns(&self, canonical_id: &str) -> bool {
        matches!(self, Self::User(caller) if caller.canonical_id == canonical_id)
    }

    /// The user, when there is one.
    pub(crate) fn user(&self) -> Option<&Caller> {
        match self {
            Self::User(caller) => Some(caller),
            _ => None,
        }
    }
}

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
