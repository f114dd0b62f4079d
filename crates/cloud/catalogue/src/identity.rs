//! Who asks, and whose rights decide.

use gumnut_types::AccountId;

/// A user whose signature was right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The number of the user's row.
    pub user_id: i64,
    /// The user's name.
    pub user: String,
    /// The number of the user's account.
    pub account: AccountId,
    /// The name of the user's account.
    pub account_name: String,
    /// The canonical user id of the account, by which ACLs name it: 64 hex digits.
    pub canonical_id: String,
    /// Whether the user administrates the whole cloud.
    pub admin: bool,
}

/// Whose rights decide on an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// Nobody in particular: the request has no signature.
    Anonymous,
    /// A user.
    User(Caller),
    /// The system identity `aws-exec-read`, which reads what an ACL lets it read.
    ExecRead,
    /// The cloud itself, which may read everything. Clouds of 2010 registered images with it.
    Internal,
}

/// An account as the object store shows it: `Owner` in the answers of S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The canonical user id.
    pub id: String,
    /// The display name.
    pub name: String,
}

/// How a request names an account that it gives a right to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AccountName {
    /// The canonical user id.
    Id(String),
    /// The e-mail address, in any case.
    Email(String),
}

impl Identity {
    /// Whether this is the canonical user id of the caller.
    pub fn owns(&self, canonical_id: &str) -> bool {
        matches!(self, Self::User(caller) if caller.canonical_id == canonical_id)
    }

    /// The user; `None` for a request without a signature and for the cloud's own identities.
    pub fn user(&self) -> Option<&Caller> {
        match self {
            Self::User(caller) => Some(caller),
            Self::Anonymous | Self::ExecRead | Self::Internal => None,
        }
    }
}
