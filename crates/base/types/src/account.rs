//! Account numbers.

use std::fmt;
use std::str::FromStr;

/// A cloud account number: exactly 12 decimal digits.
///
/// Hyphens, which people and old consoles write (`1234-5678-9012`), are dropped when parsing: EC2
/// answers `InvalidManifest` to a manifest that keeps them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(String);

/// Why a text is no account number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an account number has 12 digits")]
pub struct AccountIdError;

impl AccountId {
    /// The 12 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccountId {
    type Err = AccountIdError;

    fn from_str(text: &str) -> Result<Self, AccountIdError> {
        let digits: String = text.chars().filter(|c| *c != '-').collect();
        if digits.len() == 12 && digits.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(digits))
        } else {
            Err(AccountIdError)
        }
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hyphens_are_dropped() {
        let account: AccountId = "1234-5678-9012".parse().unwrap();
        assert_eq!(account.as_str(), "123456789012");
    }

    #[test]
    fn anything_but_twelve_digits_is_refused() {
        for text in [
            "",
            "12345678901",
            "1234567890123",
            "12345678901x",
            "١٢٣٤٥٦٧٨٩٠١٢",
        ] {
            assert_eq!(text.parse::<AccountId>(), Err(AccountIdError), "{text}");
        }
    }
}
