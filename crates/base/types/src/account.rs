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

/// The owner that a manifest names: the number of an account, in as many digits as its cloud has given.
///
/// EC2 and Eucalyptus since 3.0 have 12 digits, which [`AccountId`] is; older clouds numbered their users as they liked. Hyphens are
/// dropped when parsing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImageOwner(String);

/// Why a text is no owner of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the owner of an image has 1 to 20 digits")]
pub struct ImageOwnerError;

impl ImageOwner {
    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ImageOwner {
    type Err = ImageOwnerError;

    fn from_str(text: &str) -> Result<Self, ImageOwnerError> {
        let digits: String = text.chars().filter(|c| *c != '-').collect();
        if (1..=20).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(digits))
        } else {
            Err(ImageOwnerError)
        }
    }
}

impl From<AccountId> for ImageOwner {
    fn from(account: AccountId) -> Self {
        Self(account.0)
    }
}

impl fmt::Display for ImageOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_of_images_are_numbers_of_any_length() {
        for (text, digits) in [
            ("1", "1"),
            ("0007", "0007"),
            ("1234-5678-9012", "123456789012"),
            ("00010072935400010072", "00010072935400010072"),
        ] {
            assert_eq!(text.parse::<ImageOwner>().unwrap().as_str(), digits);
        }
        for text in ["", "-", "admin", "1 2", "+1", "123456789012345678901", "١"] {
            assert_eq!(text.parse::<ImageOwner>(), Err(ImageOwnerError), "{text}");
        }
        let account: AccountId = "123456789012".parse().unwrap();
        assert_eq!(ImageOwner::from(account).as_str(), "123456789012");
    }

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
