//! The key that is derived for one day, region and service.

use std::fmt;

use data_encoding::HEXLOWER;
use gumnut_types::SecretString;
use zeroize::Zeroizing;

use crate::mac::hmac_sha256;

/// A derived key: signs requests and chunks of one day, region and service. Zeroed when dropped.
#[derive(Clone)]
pub struct SigningKey(Zeroizing<[u8; 32]>);

impl SigningKey {
    /// Derives the key. `date` is `YYYYMMDD`.
    pub fn derive(secret: &SecretString, date: &str, region: &str, service: &str) -> Self {
        let start = Zeroizing::new(format!("AWS4{}", secret.expose()));
        let mut key = hmac_sha256(start.as_bytes(), &[date.as_bytes()]);
        for step in [region, service, "aws4_request"] {
            key = hmac_sha256(&key[..], &[step.as_bytes()]);
        }
        Self(key)
    }

    /// The signature of a text, in lower-case hex.
    pub fn sign(&self, text: &str) -> String {
        HEXLOWER.encode(&hmac_sha256(&self.0[..], &[text.as_bytes()])[..])
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}
