//! The names of runs.

use std::fmt;
use std::str::FromStr;

/// The name of a run, in which images are published with a journal: the first 12 hex digits of its identity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(String);

/// Why a text names no run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name of a run has 12 hex digits; `gumnut runs` lists all runs")]
pub struct RunIdError;

const DIGITS: usize = 12;

impl RunId {
    /// The name of the run with this identity, a SHA-256 in 64 lower-case hex digits: the first 12 of them.
    ///
    /// # Errors
    /// When it does not begin with 12 such digits.
    pub fn of(identity: &str) -> Result<Self, RunIdError> {
        identity.get(..DIGITS).unwrap_or_default().parse()
    }
}

impl FromStr for RunId {
    type Err = RunIdError;

    fn from_str(text: &str) -> Result<Self, RunIdError> {
        let is_lower_hex = text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if text.len() == DIGITS && is_lower_hex {
            Ok(Self(text.to_owned()))
        } else {
            Err(RunIdError)
        }
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
