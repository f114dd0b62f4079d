//! The user's and the cloud's private keys.

use std::fmt;

use rsa::pkcs1::{DecodeRsaPrivateKey as _, EncodeRsaPrivateKey as _};
use rsa::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, LineEnding};
use sha1::Sha1;
use zeroize::Zeroizing;

use crate::pem;
use crate::{Certificate, CryptoError, PublicKey, hash};

/// An RSA private key: zeroed when dropped, never shown by `Debug`.
pub struct PrivateKey {
    key: rsa::PrivateKey,
    public: PublicKey,
}

impl PrivateKey {
    /// Reads the first private key of a PEM file, in PKCS#8 or PKCS#1 form.
    ///
    /// # Errors
    /// When there is none, when it is encrypted, damaged, not of RSA, or smaller than 1024 bits.
    pub fn from_pem(pem: &[u8]) -> Result<Self, CryptoError> {
        let blocks = pem::blocks(pem)?;
        let block = blocks
            .iter()
            .find(|block| block.label.ends_with("PRIVATE KEY"))
            .ok_or_else(|| CryptoError::WrongPem {
                wanted: "private key",
                found: pem::labels(&blocks),
            })?;
        if block.label == "ENCRYPTED PRIVATE KEY" || block.text.contains("Proc-Type: 4,ENCRYPTED") {
            return Err(CryptoError::Encrypted);
        }
        let key = match block.label {
            "PRIVATE KEY" => rsa::PrivateKey::from_pkcs8_pem(block.text).map_err(unusable),
            "RSA PRIVATE KEY" => rsa::PrivateKey::from_pkcs1_pem(block.text).map_err(unusable),
            _ => {
                let found = pem::labels(&[*block]);
                return Err(CryptoError::WrongPem {
                    wanted: "RSA private key",
                    found,
                });
            }
        };
        key.map(Self::new)
    }

    /// Makes a new key of `bits` bits.
    ///
    /// # Errors
    /// When the operating system has no random numbers, or the size is not accepted (below 1024).
    pub fn generate(bits: usize) -> Result<Self, CryptoError> {
        let key = rsa::PrivateKey::new(&mut getrandom::SysRng, bits).map_err(CryptoError::Rsa)?;
        Ok(Self::new(key))
    }

    fn new(key: rsa::PrivateKey) -> Self {
        let public = PublicKey::new(key.to_public_key());
        Self { key, public }
    }

    /// The key as PKCS#8 PEM text, which zeroes itself.
    ///
    /// # Errors
    /// When the key cannot be encoded; a fault of this library.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, CryptoError> {
        self.key.to_pkcs8_pem(LineEnding::LF).map_err(unusable)
    }

    /// The key as PEM text in PKCS#1 form, which old clients want, and which zeroes itself.
    ///
    /// # Errors
    /// When the key cannot be encoded; a fault of this library.
    pub fn to_pkcs1_pem(&self) -> Result<Zeroizing<String>, CryptoError> {
        self.key.to_pkcs1_pem(LineEnding::LF).map_err(unusable)
    }

    /// The key in DER, in PKCS#8 form, which zeroes itself.
    ///
    /// # Errors
    /// When the key cannot be encoded; a fault of this library.
    pub fn to_pkcs8_der(&self) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        let der = self.key.to_pkcs8_der().map_err(unusable)?;
        Ok(der.to_bytes())
    }

    /// The public half.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// Whether `certificate` carries the public half of this key.
    pub fn matches(&self, certificate: &Certificate) -> bool {
        self.public == *certificate.public_key()
    }

    /// Signs the SHA-1 of the message, which may come in pieces (RSA PKCS#1 v1.5).
    ///
    /// # Errors
    /// When the operating system has no random numbers for blinding.
    pub fn sign_sha1(&self, message: &[&[u8]]) -> Result<Vec<u8>, CryptoError> {
        let digest = hash::sha1(message);
        self.key
            .pkcs1v15_sign_prehash::<Sha1>(&digest)
            .map_err(CryptoError::Rsa)
    }

    /// Decrypts one RSA block. With a wrong key the result is usually garbage, not an error.
    pub(crate) fn decrypt(&self, ciphertext: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.key
            .pkcs1v15_decrypt(ciphertext)
            .ok()
            .map(Zeroizing::new)
    }

    pub(crate) fn inner(&self) -> &rsa::PrivateKey {
        &self.key
    }
}

fn unusable(error: impl std::error::Error + Send + Sync + 'static) -> CryptoError {
    CryptoError::PrivateKey(Box::new(error))
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", self.public.fingerprint())
    }
}
