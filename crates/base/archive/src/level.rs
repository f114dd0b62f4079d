//! How hard to compress.

use std::fmt;
use std::str::FromStr;

/// How hard to compress: `0` stores, `9` tries hardest.
///
/// The numbers are those of libdeflate, which at the same number is smaller and faster than gzip. The names are aliases:
/// `fast` is 1, which takes two thirds of the time for some 9 % more output; `default` is 5, with which the output has the
/// size of gzip's and pigz's own default; `best` is 9. Every level is read by every reader, at about the same speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Level(u8);

/// The text names no level.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown compression level {0:?}: use fast, default, best or a number from 0 to 9")]
pub struct LevelError(String);

impl Level {
    /// Level 1.
    pub const FAST: Self = Self(1);
    /// Level 5.
    pub const DEFAULT: Self = Self(5);
    /// Level 9.
    pub const BEST: Self = Self(9);

    /// The level as a number, 0 to 9.
    pub fn get(self) -> u8 {
        self.0
    }
}

impl Default for Level {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl FromStr for Level {
    type Err = LevelError;

    fn from_str(text: &str) -> Result<Self, LevelError> {
        match text.as_bytes() {
            b"fast" => Ok(Self::FAST),
            b"default" => Ok(Self::DEFAULT),
            b"best" => Ok(Self::BEST),
            &[digit @ b'0'..=b'9'] => Ok(Self(digit - b'0')),
            _ => Err(LevelError(text.chars().take(32).collect())),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_digits_are_levels() {
        for number in 0..=9_u8 {
            assert_eq!(
                number.to_string().parse::<Level>().map(Level::get),
                Ok(number)
            );
        }
        assert_eq!("fast".parse(), Ok(Level::FAST));
        assert_eq!("default".parse(), Ok(Level::default()));
        assert_eq!("best".parse(), Ok(Level::BEST));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "10", "-1", "Fast", "6 "] {
            assert!(text.parse::<Level>().is_err(), "{text}");
        }
    }
}
