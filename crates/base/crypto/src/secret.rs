//! The key and iv of one bundle.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::CryptoError;
use crate::wrap::{HexRule, sixteen_bytes};

macro_rules! secret_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
        pub struct $name([u8; 16]);

        impl $name {
            /// 16 new random bytes of the operating system.
            ///
            /// # Errors
            /// When the operating system has none.
            pub fn generate() -> Result<Self, CryptoError> {
                let mut secret = Self([0; 16]);
                getrandom::fill(&mut secret.0).map_err(CryptoError::Random)?;
                Ok(secret)
            }

            /// Takes 16 bytes that are known already.
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// Reads 32 hex digits, in either case, with blanks around them.
            ///
            /// # Errors
            /// [`CryptoError::NotSecret`], which does not contain the text.
            pub fn from_hex(text: &[u8]) -> Result<Self, CryptoError> {
                let secret = sixteen_bytes(text, HexRule::Exact);
                secret.map(Self).ok_or(CryptoError::NotSecret)
            }

            /// The 16 bytes. Every use of them can be found by this name.
            pub fn expose(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

secret_type! {
    /// The AES-128 key of one bundle: zeroed when dropped, never shown by `Debug`.
    BundleKey
}

secret_type! {
    /// The initialisation vector of one bundle, which the format keeps secret like the key.
    BundleIv
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_two_hex_digits_are_a_key() {
        let text = b" 000102030405060708090a0b0c0d0e0F\n";
        assert_eq!(BundleKey::from_hex(text).unwrap().expose()[15], 15);
        for text in [&b""[..], b"00", &[b'0'; 33], &[b'x'; 32]] {
            assert!(matches!(
                BundleIv::from_hex(text),
                Err(CryptoError::NotSecret)
            ));
        }
    }

    #[test]
    fn new_keys_differ_and_are_not_shown() {
        let (one, two) = (
            BundleKey::generate().unwrap(),
            BundleKey::generate().unwrap(),
        );
        assert_ne!(one, two);
        assert_eq!(format!("{one:?}"), "BundleKey(..)");
        assert_eq!(
            format!("{:?}", BundleIv::from_bytes([7; 16])),
            "BundleIv(..)"
        );
    }
}
