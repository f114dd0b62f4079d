//! Instance ids: `i-4DA90A12`.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

/// The id of an instance: `i-` and 8 or 17 hex digits. Compared without regard to case, shown as it was made.
#[derive(Clone, Debug)]
pub struct InstanceId(String);

/// A text that is not an instance id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an instance id: an id looks like i-4DA90A12")]
pub struct InstanceIdError(String);

impl InstanceId {
    /// The id with the case of its maker.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl FromStr for InstanceId {
    type Err = InstanceIdError;

    fn from_str(text: &str) -> Result<Self, InstanceIdError> {
        let digits = text.strip_prefix("i-").unwrap_or_default();
        let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if [8, 17].contains(&digits.len()) && is_hex {
            Ok(Self(text.to_owned()))
        } else {
            Err(InstanceIdError(text.to_owned()))
        }
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl PartialEq for InstanceId {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for InstanceId {}

impl Hash for InstanceId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded().hash(state);
    }
}

impl PartialOrd for InstanceId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for InstanceId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.folded().cmp(&other.folded())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_compared_without_regard_to_case() {
        let ids = ["i-4DA90A12", "i-4da90a12"].map(|text| text.parse::<InstanceId>().unwrap());
        assert_eq!(ids[0], ids[1]);
        assert_eq!(ids[0].cmp(&ids[1]), Ordering::Equal);
        assert_eq!(ids[0].to_string(), "i-4DA90A12");
        assert!("i-0123456789abcdef0".parse::<InstanceId>().is_ok());
        for text in [
            "",
            "i-",
            "I-4DA90A12",
            "i-4DA90A1",
            "i-4DA90A1g",
            "emi-4DA90A12",
            "i-4DA90A12\n",
        ] {
            assert!(text.parse::<InstanceId>().is_err(), "{text:?}");
        }
    }
}
