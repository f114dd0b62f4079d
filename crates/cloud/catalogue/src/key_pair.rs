//! Key pairs with which users log in to instances.

use gumnut_types::AccountId;

/// A key pair of an account. The cloud has the public key only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPair {
    /// The number of the account that it belongs to.
    pub owner: AccountId,
    /// Its name, which no other key pair of the account has.
    pub name: String,
    /// `key-` and 17 hex digits.
    pub id: String,
    /// As the EC2 API shows it. Of a key pair that the cloud made this is not the fingerprint of the public key alone.
    pub fingerprint: String,
    /// The public key, as a line of `authorized_keys` without a comment: `ssh-rsa AAAA...`.
    pub public: String,
    /// When it was created or imported, in milliseconds since 1970.
    pub created: i64,
}

/// What a decision about the key pairs of an account rests on: all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyPairsState {
    /// The key pairs, by name.
    pub key_pairs: Vec<KeyPair>,
    /// The time of the unit, in milliseconds since 1970.
    pub now: i64,
}

/// What is to change of the key pairs of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyPairChange {
    /// A key pair that is added.
    pub insert: Option<KeyPair>,
    /// The name of a key pair that is removed.
    pub remove: Option<String>,
}
