//! What the owner of a bucket has set for it.

use serde::{Deserialize, Serialize};

use crate::{LockMode, Retention, Tags};

/// What the owner of a bucket has set for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BucketSettings {
    /// Whether it keeps old versions.
    pub versioning: Versioning,
    /// The location constraint that its maker gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Its tags; `None` when none were ever set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Tags>,
    /// The CORS configuration, rule by rule.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cors: Vec<CorsRule>,
    /// Whether objects can be locked, and how new ones are; set when the bucket is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock: Option<ObjectLock>,
    /// The public access block; `None` when it was never set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_access: Option<PublicAccess>,
}

/// Whether the bucket keeps old versions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Versioning {
    /// It never has.
    #[default]
    Never,
    /// It does.
    Enabled,
    /// It has, and new objects replace those without a version only.
    Suspended,
}

/// Who may do what from pages of which origin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CorsRule {
    /// The id that its maker gave.
    pub id: Option<String>,
    /// Origins of pages, each with at most one `*`.
    pub origins: Vec<String>,
    /// Methods of requests.
    pub methods: Vec<String>,
    /// Headers that requests may have, each with at most one `*`.
    pub headers: Vec<String>,
    /// Headers of answers that pages may see.
    pub expose: Vec<String>,
    /// How long a browser may remember the answer to its preflight request, in seconds.
    pub max_age: Option<i32>,
}

/// That objects of a bucket can be locked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectLock {
    /// Mode and length of the retention that new versions get; `None` for no retention.
    pub default: Option<(LockMode, LockPeriod)>,
}

/// How long new versions are locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LockPeriod {
    /// In days.
    Days(i32),
    /// In years of 365 days.
    Years(i32),
}

/// What is not to be public, whatever ACLs say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the four of the protocol")]
pub struct PublicAccess {
    /// `BlockPublicAcls`: new ACLs that open something to the public are refused.
    pub block_acls: bool,
    /// `IgnorePublicAcls`: what ACLs give to the public does not count.
    pub ignore_acls: bool,
    /// `BlockPublicPolicy`: kept, as there are no bucket policies.
    pub block_policy: bool,
    /// `RestrictPublicBuckets`: kept, as there are no bucket policies.
    pub restrict: bool,
}

impl BucketSettings {
    /// Whether answers about objects of the bucket name versions.
    pub fn has_versions(&self) -> bool {
        self.versioning != Versioning::Never
    }
}

const DAY: i64 = 24 * 60 * 60 * 1000;

/// The longest retention that a bucket gives, as in S3: also where its setting says more.
const MAX_LOCK_DAYS: i64 = 36_500;

impl ObjectLock {
    /// The lock of a version that is made at `now`, in milliseconds since 1970.
    pub fn of_new(self, now: i64) -> Option<Retention> {
        let (mode, period) = self.default?;
        let days = match period {
            LockPeriod::Days(days) => i64::from(days),
            LockPeriod::Years(years) => i64::from(years) * 365,
        };
        let until = now.saturating_add(days.min(MAX_LOCK_DAYS) * DAY);
        Some(Retention { mode, until })
    }
}

impl CorsRule {
    /// Whether the rule is for this origin and method.
    pub fn is_for(&self, origin: &str, method: &str) -> bool {
        self.methods.iter().any(|known| known == method)
            && self.origins.iter().any(|known| matches(known, origin))
    }

    /// Whether requests may have this header.
    pub fn takes(&self, header: &str) -> bool {
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
        let lock = |period| ObjectLock {
            default: Some((LockMode::Governance, period)),
        };
        let until = |period| lock(period).of_new(1).unwrap().until;
        assert_eq!(until(LockPeriod::Days(2)), 1 + 2 * DAY);
        assert_eq!(until(LockPeriod::Years(1)), 1 + 365 * DAY);
        for endless in [LockPeriod::Days(i32::MAX), LockPeriod::Years(i32::MAX)] {
            assert_eq!(until(endless), 1 + MAX_LOCK_DAYS * DAY);
        }
        assert_eq!(ObjectLock::default().of_new(1), None);
    }
}
