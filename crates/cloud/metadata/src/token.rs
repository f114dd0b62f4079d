//! Session tokens: an end and an HMAC over it and the instance. Nothing is stored, so nothing can be filled.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use data_encoding::BASE64URL;
use gumnut_types::Fault;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

/// The system gives no random numbers.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the system gives no random numbers: {0}")]
pub struct RandomError(getrandom::Error);

impl RandomError {
    /// Always [`Fault::System`].
    pub fn fault(&self) -> Fault {
        Fault::System
    }
}

/// Longest life of a token in seconds: six hours.
const LONGEST: u64 = 21_600;
/// A block of SHA-256 in bytes: a key that the HMAC takes as it is.
const KEY: usize = 64;
const END: usize = 8;
const TAG: usize = 32;

/// The key of all tokens of a service.
pub(crate) struct Tokens(Zeroizing<[u8; KEY]>);

impl Tokens {
    pub(crate) fn new() -> Result<Self, RandomError> {
        let mut key = Zeroizing::new([0; KEY]);
        getrandom::fill(&mut *key).map_err(RandomError)?;
        Ok(Self(key))
    }

    /// A token for an instance that lives so many seconds.
    pub(crate) fn grant(&self, instance: &str, seconds: u64, now: SystemTime) -> String {
        let end = (since_epoch(now).as_secs() + seconds).to_be_bytes();
        let tag = self.authenticator(instance, end).finalize().into_bytes();
        BASE64URL.encode(&[&end[..], &tag[..]].concat())
    }

    /// Whether a token was made for this instance and still lives.
    pub(crate) fn accepts(&self, token: &[u8], instance: &str, now: SystemTime) -> bool {
        let Ok(bytes) = BASE64URL.decode(token) else {
            return false;
        };
        let (Some(end), Some(tag)) = (bytes.first_chunk::<END>(), bytes.get(END..)) else {
            return false;
        };
        let lives = u64::from_be_bytes(*end) > since_epoch(now).as_secs();
        let is_ours =
            tag.len() == TAG && self.authenticator(instance, *end).verify_slice(tag).is_ok();
        lives && is_ours
    }

    fn authenticator(&self, instance: &str, end: [u8; END]) -> Hmac<Sha256> {
        let key = (*self.0).into();
        Hmac::<Sha256>::new(&key)
            .chain_update(end)
            .chain_update(instance)
    }
}

/// The life that a client asks for, in seconds; `None` for what the service does not grant.
pub(crate) fn life(text: &[u8]) -> Option<u64> {
    // `parse` would take a sign.
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let text = str::from_utf8(text).ok().filter(|_| digits)?;
    let seconds = text.parse().ok()?;
    (1..=LONGEST).contains(&seconds).then_some(seconds)
}

fn since_epoch(now: SystemTime) -> Duration {
    now.duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_is_a_number_of_seconds_up_to_six_hours() {
        for (text, seconds) in [("1", 1), ("21600", 21_600), ("0060", 60)] {
            assert_eq!(life(text.as_bytes()), Some(seconds));
        }
        for text in [
            "",
            "0",
            "21601",
            "-1",
            "+60",
            " 60",
            "6e1",
            "99999999999999999999",
            "\u{661}",
        ] {
            assert_eq!(life(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn a_token_is_for_one_instance_and_one_service_and_a_while() {
        let (tokens, others) = (Tokens::new().unwrap(), Tokens::new().unwrap());
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let token = tokens.grant("i-1", 60, now);
        assert_eq!(token.len(), 56);
        let accepts = |token: &str, instance, after| {
            tokens.accepts(token.as_bytes(), instance, now + Duration::from_secs(after))
        };
        assert!(accepts(&token, "i-1", 59));
        assert!(!accepts(&token, "i-1", 60), "it has ended");
        assert!(!accepts(&token, "i-2", 0), "of another instance");
        assert!(!others.accepts(token.as_bytes(), "i-1", now));
        for at in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert!(!tokens.accepts(&changed, "i-1", now), "byte {at}");
            assert!(!accepts(&token[..at], "i-1", 0), "{at} bytes");
        }
    }
}
