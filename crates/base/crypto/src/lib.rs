#![doc = include_str!("../README.md")]

mod cbc;
mod certificate;
mod error;
mod hash;
mod pem;
mod private_key;
mod public_key;
mod secret;
mod wrap;

pub use cbc::{CbcDecryptor, CbcEncryptor};
pub use certificate::{Certificate, CertificateSpec};
pub use error::CryptoError;
pub use private_key::PrivateKey;
pub use public_key::PublicKey;
pub use secret::{BundleIv, BundleKey};
pub use wrap::{HexRule, WrappedSecret};
