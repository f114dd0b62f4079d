//! Key and iv, wrapped for one recipient.
//!
//! What is encrypted is not the 16 bytes but their text: 32 lower-case hex digits.

use std::fmt;

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use zeroize::{Zeroize as _, Zeroizing};

use crate::{BundleIv, BundleKey, CryptoError, PrivateKey, PublicKey};

/// A key or iv, encrypted with RSA PKCS#1 v1.5 for the owner of one private key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WrappedSecret(Vec<u8>);

/// How many hex digits an unwrapped text must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HexRule {
    /// 32, as the format says.
    Exact,
    /// 32, or 30 with one zero byte missing at the end. euca2ools 1.0 to 1.3.1 wrote such a key in 3 of
    /// 10,000 bundles.
    Legacy,
}

impl WrappedSecret {
    /// Reads the hex text of a manifest, in either case.
    ///
    /// # Errors
    /// [`CryptoError::NotHex`].
    pub fn from_hex(text: &str) -> Result<Self, CryptoError> {
        let decoded = HEXLOWER_PERMISSIVE.decode(text.as_bytes());
        decoded.map(Self).map_err(|_| CryptoError::NotHex)
    }

    /// Wraps the key of a bundle for the owner of `recipient`.
    ///
    /// # Errors
    /// When the operating system has no random numbers.
    pub fn wrap_key(recipient: &PublicKey, key: &BundleKey) -> Result<Self, CryptoError> {
        Self::wrap(recipient, key.expose())
    }

    /// Wraps the iv of a bundle for the owner of `recipient`.
    ///
    /// # Errors
    /// When the operating system has no random numbers.
    pub fn wrap_iv(recipient: &PublicKey, iv: &BundleIv) -> Result<Self, CryptoError> {
        Self::wrap(recipient, iv.expose())
    }

    fn wrap(recipient: &PublicKey, secret: &[u8; 16]) -> Result<Self, CryptoError> {
        let text = Zeroizing::new(HEXLOWER.encode(secret));
        recipient.encrypt(text.as_bytes()).map(Self)
    }

    /// Opens a wrapped key.
    ///
    /// # Errors
    /// [`CryptoError::Unwrap`], whatever the reason.
    pub fn unwrap_key(&self, key: &PrivateKey, rule: HexRule) -> Result<BundleKey, CryptoError> {
        self.open(key, rule).map(BundleKey::from_bytes)
    }

    /// Opens a wrapped iv.
    ///
    /// # Errors
    /// [`CryptoError::Unwrap`], whatever the reason.
    pub fn unwrap_iv(&self, key: &PrivateKey, rule: HexRule) -> Result<BundleIv, CryptoError> {
        self.open(key, rule).map(BundleIv::from_bytes)
    }

    fn open(&self, key: &PrivateKey, rule: HexRule) -> Result<[u8; 16], CryptoError> {
        let text = key.decrypt(&self.0).ok_or(CryptoError::Unwrap)?;
        sixteen_bytes(&text, rule).ok_or(CryptoError::Unwrap)
    }

    /// Length in bytes, which is the length of the recipient's modulus.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for WrappedSecret {
    /// The lower-case hex text of a manifest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

/// The 16 bytes that an unwrapped text stands for.
pub(crate) fn sixteen_bytes(text: &[u8], rule: HexRule) -> Option<[u8; 16]> {
    let digits = text.trim_ascii();
    let missing = rule == HexRule::Legacy && digits.len() == 30;
    if digits.len() != 32 && !missing {
        return None;
    }
    let mut secret = [0; 16];
    let decoded = HEXLOWER_PERMISSIVE.decode_mut(digits, &mut secret[..digits.len() / 2]);
    if decoded.is_err() {
        secret.zeroize();
        return None;
    }
    Some(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_thirty_two_digits_are_a_key() {
        let exact = |text: &str| sixteen_bytes(text.as_bytes(), HexRule::Exact);
        assert_eq!(
            exact("000102030405060708090a0b0c0d0e0F").map(|key| key[15]),
            Some(15)
        );
        assert!(exact(" 000102030405060708090a0b0c0d0e0f\n").is_some());
        for text in [
            "",
            "00",
            &"0".repeat(30),
            &"0".repeat(31),
            &"0".repeat(33),
            &"g".repeat(32),
        ] {
            assert_eq!(exact(text), None, "{text}");
        }
    }

    #[test]
    fn the_legacy_rule_adds_one_zero_byte() {
        let text = "ff".repeat(15);
        let key = sixteen_bytes(text.as_bytes(), HexRule::Legacy).unwrap();
        assert_eq!((key[14], key[15]), (0xff, 0));
        assert_eq!(sixteen_bytes(&text.as_bytes()[..29], HexRule::Legacy), None);
    }
}
