//! What can go wrong with keys.

use gumnut_types::Fault;

/// Why a key, a certificate or a wrapped secret cannot be used.
///
/// No variant carries key material, and every failed unwrap is the same variant.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CryptoError {
    /// The file is not text.
    #[error("it is not a PEM file")]
    NotPem,
    /// There is PEM text, but not of the kind that is needed.
    #[error("it contains {found} instead of a {wanted}")]
    WrongPem {
        /// What was looked for.
        wanted: &'static str,
        /// What is there.
        found: String,
    },
    /// The private key is locked with a passphrase.
    #[error(
        "the private key is encrypted with a passphrase; create an unencrypted copy that only you can read: \
         (umask 077; openssl rsa -in ENCRYPTED.pem -out KEY.pem)"
    )]
    Encrypted,
    /// The key is not an RSA key, or is damaged.
    #[error("it is not a usable RSA private key")]
    PrivateKey(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The public key is not an RSA key, is damaged, or has a size that is not accepted.
    #[error("it is not a usable RSA public key")]
    PublicKey(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The certificate is damaged.
    #[error("it is not a usable X.509 certificate")]
    Certificate(#[source] x509_cert::der::Error),
    /// The certificate carries no RSA key, or one of a size that is not accepted.
    #[error("the certificate has no usable RSA key")]
    CertificateKey(#[source] rsa::pkcs8::spki::Error),
    /// Something could not be encoded; a fault of this library.
    #[error("cannot encode a key or certificate")]
    Encode(#[source] x509_cert::builder::Error),
    /// The name of a certificate's subject has characters that are not accepted.
    #[error(
        "the name {0:?} cannot be used in a certificate: only letters, digits and . _ - @ are allowed"
    )]
    Subject(String),
    /// Encrypting for, or signing with, the key failed.
    #[error("the RSA operation failed")]
    Rsa(#[source] rsa::Error),
    /// A wrapped key or iv did not open. The reason is not told, and does not depend on it.
    #[error("wrong private key, or not an AES-128 bundle")]
    Unwrap,
    /// The text of a wrapped key is not hex digits.
    #[error("an encrypted key must have an even number of hex digits")]
    NotHex,
    /// The text of a key or iv is not 32 hex digits.
    #[error("a bundle's key or IV must have 32 hex digits")]
    NotSecret,
    /// The operating system gives no random numbers.
    #[error("cannot get random numbers from the operating system")]
    Random(#[source] getrandom::Error),
}

impl CryptoError {
    /// Whose fault it is: always that of the key, certificate or text that was given, so [`Fault::Input`].
    pub fn fault(&self) -> Fault {
        Fault::Input
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_cannot_be_used_is_a_fault_of_the_input() {
        for error in [
            CryptoError::NotPem,
            CryptoError::Encrypted,
            CryptoError::Unwrap,
            CryptoError::Subject("?".to_owned()),
        ] {
            assert_eq!(error.fault(), Fault::Input, "{error}");
        }
    }
}
