//! Accounts and users, as an administrator of the machine sees them.

use gumnut_types::{AccountId, SecretString};

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Twelve digits.
    pub number: AccountId,
    /// The name, of which the cloud has only one.
    pub name: String,
    /// The canonical user id of the object store: 64 hex digits.
    pub canonical_id: String,
    /// The e-mail address by which grants may name it, in any case; `None` when it has none.
    pub email: Option<String>,
}

/// A user with what makes its requests good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRow {
    /// The number of the row; the first user has the smallest.
    pub id: i64,
    /// The name.
    pub name: String,
    /// The user's account.
    pub account: Account,
    /// Whether the user administrates the whole cloud.
    pub admin: bool,
    /// Access keys that are good, the oldest first.
    pub access_keys: Vec<String>,
    /// Fingerprints of the certificates that are good, the oldest first.
    pub certificates: Vec<String>,
    /// Whether the user ever had a certificate, good or revoked.
    pub had_certificate: bool,
}

/// A user to be added with an access key.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The account; it is made when there is none of its number.
    pub account: Account,
    /// The name.
    pub name: String,
    /// Whether the user administrates the whole cloud.
    pub admin: bool,
    /// The access key.
    pub access_key: String,
    /// The secret key to it.
    pub secret_key: SecretString,
    /// The user's first certificate; `None` for one that is made later.
    pub certificate: Option<NewCertificate>,
}

/// A certificate whose files are in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCertificate {
    /// In PEM.
    pub pem: String,
    /// SHA-1 of its public key, as `AA:BB:CC`.
    pub fingerprint: String,
}

/// What a user signs requests with.
#[derive(Clone, Debug)]
pub struct AccessKey {
    /// The name of the user.
    pub user: String,
    /// The number of the user's account.
    pub account: String,
    /// The access key.
    pub access_key: String,
    /// The secret key to it.
    pub secret_key: SecretString,
}
