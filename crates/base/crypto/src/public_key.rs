//! Public keys: who may open a bundle, who signed a manifest.

use rsa::pkcs8::EncodePublicKey as _;
use rsa::traits::PublicKeyParts as _;
use sha1::Sha1;

use crate::{CryptoError, hash};

/// An RSA public key, out of a certificate or a private key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(rsa::PublicKey);

impl PublicKey {
    pub(crate) fn new(key: rsa::PublicKey) -> Self {
        Self(key)
    }

    /// Whether `signature` is this key's over the SHA-1 of the message, which may come in pieces.
    pub fn verify_sha1(&self, message: &[&[u8]], signature: &[u8]) -> bool {
        let digest = hash::sha1(message);
        self.0
            .pkcs1v15_verify_prehash::<Sha1>(&digest, signature)
            .is_ok()
    }

    /// SHA-1 of the key's DER form, as `AB:CD:...`; empty if the key cannot be encoded.
    pub fn fingerprint(&self) -> String {
        self.0
            .to_public_key_der()
            .map(|der| hash::fingerprint(der.as_bytes()))
            .unwrap_or_default()
    }

    /// Length of the modulus, and so of everything wrapped for this key, in bytes.
    pub fn modulus_bytes(&self) -> usize {
        self.0.size()
    }

    pub(crate) fn encrypt(&self, plaintext: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.0.pkcs1v15_encrypt(plaintext).map_err(CryptoError::Rsa)
    }
}
