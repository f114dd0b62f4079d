//! What the owner of a bucket has set for it.

use serde::{Deserialize, Serialize};

use super::marks::{LockMode, Retention, Tags};

/// What the owner of a bucket has set for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) versioning: Versioning,
    /// What its maker called its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) location: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tags: Option<Tags>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) cors: Vec<CorsRule>,
    /// Whether objects can be locked, and how new ones are; set when the bucket is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lock: Option<Lock>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) public_access: Option<PublicAccess>,
}

/// Whether the bucket keeps old versions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Versioning {
    /// It never has.
    #[default]
    Never,
    Enabled,
    /// It has, and new objects replace those without a version only.
    Suspended,
}

/// Who may do what from pages of which origin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct CorsRule {
    pub(crate) id: Option<String>,
    pub(crate) origins: Vec<String>,
    pub(crate) methods: Vec<String>,
    pub(crate) headers: Vec<String>,
    pub(crate) expose: Vec<String>,
    pub(crate) max_age: Option<i32>,
}

/// That objects of a bucket can be locked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lock {
    /// How new versions are locked.
    pub(crate) default: Option<(LockMode, LockPeriod)>,
}

/// How long new versions are locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum LockPeriod {
    Days(i32),
    Years(i32),
}

/// What is not to be public, whatever ACLs say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the four of the protocol")]
pub(crate) struct PublicAccess {
    pub(crate) block_acls: bool,
    pub(crate) ignore_acls: bool,
    pub(crate) block_policy: bool,
    pub(crate) restrict: bool,
}

impl Settings {
    /// Whether answers about objects of the bucket name versions.
    pub(crate) fn has_versions(&self) -> bool {
        self.versioning != Versioning::Never
    }
}

const DAY: i64 = 24 * 60 * 60 * 1000;

impl Lock {
    /// The lock of a version that is made at `now`, in milliseconds since 1970.
    pub(crate) fn of_new(self, now: i64) -> Option<Retention> {
        let (mode, period) = self.default?;
        let days = match period {
            LockPeriod::Days(days) => i64::from(days),
            LockPeriod::Years(years) => i64::from(years) * 365,
        };
        let until = now.saturating_add(days * DAY);
        Some(Retention { mode, until })
    }
}

impl CorsRule {
    /// Whether the rule is for this origin and method.
    pub(crate) fn is_for(&self, origin: &str, method: &str) -> bool {
        self.methods.iter().any(|known| known == method)
            && self.origins.iter().any(|known| matches(known, origin))
    }

    /// Whether requests may have this header.
    pub(crate) fn takes(&self, header: &str) -> bool {
        let header = header.to_ascii_lowercase();
        let mut known = self.headers.iter();
        known.any(|known| matches(&known.to_ascii_lowercase(), &header))
    }
}

/// Whether `text` is `pattern`, in which one `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, end)) => {
            text.len() >= start.len() + end.len() && text.starts_with(start) && text.ends_with(end)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_star_stands_for_anything() {
        for (pattern, text, same) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("*suffix", "foo.suffix", true),
            ("*suffix", "foo.suffix.no", false),
            ("start*end", "startend", true),
            ("start*end", "start1end", true),
            ("start*end", "0start12end", false),
            ("prefix*", "prefix.suffix", true),
            ("aa*aa", "aaa", false),
        ] {
            assert_eq!(matches(pattern, text), same, "{pattern} {text}");
        }
    }

    #[test]
    fn a_year_has_365_days() {
        let lock = |period| Lock {
            default: Some((LockMode::Governance, period)),
        };
        let until = |period| lock(period).of_new(1).unwrap().until;
        assert_eq!(until(LockPeriod::Days(2)), 1 + 2 * DAY);
        assert_eq!(until(LockPeriod::Years(1)), 1 + 365 * DAY);
        assert_eq!(Lock::default().of_new(1), None);
    }
}
