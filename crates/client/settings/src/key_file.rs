//! The files of keys and certificates that settings name.

use std::fmt;

/// A file that a command needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFile {
    /// The user's private key.
    PrivateKey,
    /// The user's certificate.
    Certificate,
    /// The cloud's certificate.
    CloudCertificate,
}

impl KeyFile {
    /// The variables that name it. Key and certificate of a pair are called alike.
    pub(super) fn variables(self) -> &'static [&'static str] {
        match self {
            Self::PrivateKey => &["EUCA_PRIVATE_KEY", "EC2_PRIVATE_KEY"],
            Self::Certificate => &["EUCA_CERT", "EC2_CERT"],
            Self::CloudCertificate => &["EUCALYPTUS_CERT"],
        }
    }

    /// The variable that messages name.
    pub(super) fn variable(self) -> &'static str {
        match self {
            Self::PrivateKey => "EC2_PRIVATE_KEY",
            Self::Certificate => "EC2_CERT",
            Self::CloudCertificate => "EUCALYPTUS_CERT",
        }
    }

    pub(super) fn option(self) -> &'static str {
        match self {
            Self::PrivateKey => "--private-key",
            Self::Certificate => "--cert",
            Self::CloudCertificate => "--cloud-cert",
        }
    }
}

impl fmt::Display for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PrivateKey => "private key",
            Self::Certificate => "certificate",
            Self::CloudCertificate => "cloud certificate",
        })
    }
}
