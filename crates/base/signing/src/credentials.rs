//! The key pair that signs requests.

use std::fmt;

use gumnut_types::SecretString;

/// The public half of a key pair.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AccessKeyId(String);

impl AccessKeyId {
    /// Takes the id as text.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccessKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Access key and secret key, and for those that are lent for some time the token that says so.
#[derive(Clone, Debug)]
pub struct Credentials {
    access_key: AccessKeyId,
    secret: SecretString,
    token: Option<SecretString>,
}

impl Credentials {
    /// A pair.
    pub fn new(access_key: AccessKeyId, secret: SecretString) -> Self {
        Self {
            access_key,
            secret,
            token: None,
        }
    }

    /// Adds the token of the service that lends the pair for some time.
    #[must_use]
    pub fn with_token(mut self, token: SecretString) -> Self {
        self.token = Some(token);
        self
    }

    /// The public half.
    pub fn access_key(&self) -> &AccessKeyId {
        &self.access_key
    }

    /// The secret half.
    pub fn secret(&self) -> &SecretString {
        &self.secret
    }

    /// The token that goes with every request, signed with the rest of it.
    pub fn token(&self) -> Option<&SecretString> {
        self.token.as_ref()
    }
}
