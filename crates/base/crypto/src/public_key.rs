//! Public keys: who may open a bundle, who signed a manifest, who may log in.

use rsa::BoxedUint;
use rsa::pkcs1::DecodeRsaPublicKey as _;
use rsa::pkcs8::{DecodePublicKey as _, EncodePublicKey as _};
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

    /// Reads a key from DER: a `SubjectPublicKeyInfo`, or the form of PKCS#1.
    ///
    /// # Errors
    /// When it is neither, not of RSA, smaller than 1024 bits or larger than 8192.
    pub fn from_der(der: &[u8]) -> Result<Self, CryptoError> {
        rsa::PublicKey::from_public_key_der(der)
            .or_else(|_| rsa::PublicKey::from_pkcs1_der(der))
            .map(Self)
            .map_err(unusable)
    }

    /// The key with this modulus and this exponent, both big-endian.
    ///
    /// # Errors
    /// When they are not those of an RSA key, or its size is not accepted.
    pub fn from_numbers(modulus: &[u8], exponent: &[u8]) -> Result<Self, CryptoError> {
        let [modulus, exponent] = [modulus, exponent].map(BoxedUint::from_be_slice_vartime);
        rsa::PublicKey::new(modulus, exponent)
            .map(Self)
            .map_err(unusable)
    }

    /// The key in DER, as a `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    /// When the key cannot be encoded; a fault of this library.
    pub fn to_der(&self) -> Result<Vec<u8>, CryptoError> {
        let der = self.0.to_public_key_der().map_err(unusable)?;
        Ok(der.into_vec())
    }

    /// The modulus, big-endian, without leading zeros.
    pub fn modulus(&self) -> Vec<u8> {
        self.0.n_bytes().into_vec()
    }

    /// The exponent, big-endian, without leading zeros.
    pub fn exponent(&self) -> Vec<u8> {
        self.0.e_bytes().into_vec()
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

fn unusable(error: impl std::error::Error + Send + Sync + 'static) -> CryptoError {
    CryptoError::PublicKey(Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PrivateKey;

    #[test]
    fn a_key_is_the_same_from_its_numbers_and_from_both_forms_of_der() {
        let key = PrivateKey::generate(1024).unwrap().public_key().clone();
        let numbers = PublicKey::from_numbers(&key.modulus(), &key.exponent());
        assert_eq!(numbers.unwrap(), key);
        assert_eq!(key.exponent(), [1, 0, 1]);
        let der = key.to_der().unwrap();
        assert_eq!(PublicKey::from_der(&der).unwrap(), key);
        // The PKCS#1 form is what a SubjectPublicKeyInfo ends with.
        let inner = der.len() - 140;
        assert_eq!(PublicKey::from_der(&der[inner..]).unwrap(), key);
        for damaged in [&der[1..], &der[..der.len() - 1], b"", b"\x30\x00"] {
            assert!(PublicKey::from_der(damaged).is_err());
        }
    }

    #[test]
    fn numbers_that_are_not_those_of_a_key_are_refused() {
        let key = PrivateKey::generate(1024).unwrap().public_key().clone();
        let modulus = key.modulus();
        let mut even = modulus.clone();
        *even.last_mut().unwrap() &= 0xfe;
        for (modulus, exponent) in [
            (&b""[..], &[3][..]),
            (&modulus[..64], &[1, 0, 1]),
            (&even, &[1, 0, 1]),
            (&modulus, &[]),
            (&modulus, &[1]),
            (&modulus, &[255; 9]),
            (&[255; 1025], &[1, 0, 1]),
        ] {
            assert!(PublicKey::from_numbers(modulus, exponent).is_err());
        }
    }
}
