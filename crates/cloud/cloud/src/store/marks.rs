//! What may change of an object while its bytes stay: tags and locks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::StoreError;

/// Most tags of an object, as in S3.
const MAX_OBJECT_TAGS: usize = 10;
/// Most tags of a bucket, as in S3.
const MAX_BUCKET_TAGS: usize = 50;
/// Longest name of a tag, in characters.
const MAX_TAG_KEY: usize = 128;
/// Longest value of a tag, in characters.
const MAX_TAG_VALUE: usize = 256;

/// Names and values, in the order of the names.
pub(crate) type Tags = BTreeMap<String, String>;

/// What may change of an object while its bytes stay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Marks {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) tags: Tags,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retention: Option<Retention>,
    /// The legal hold; nothing when it was never set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hold: Option<bool>,
}

/// Until when a version may not be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Retention {
    pub(crate) mode: LockMode,
    /// Milliseconds since 1970.
    pub(crate) until: i64,
}

/// How strong a lock is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum LockMode {
    /// The owner of the bucket may pass it by, when the request says so.
    Governance,
    /// Nobody may.
    Compliance,
}

/// Whether a request passes governance locks by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Governance {
    #[default]
    Obey,
    Bypass,
}

impl Marks {
    /// Whether the version may be deleted at `now`, in milliseconds since 1970.
    pub(crate) fn may_delete(&self, now: i64, governance: Governance) -> Result<(), StoreError> {
        let held = self.hold == Some(true);
        let kept = self
            .retention
            .is_some_and(|kept| kept.binds(now, governance));
        if held || kept {
            return Err(StoreError::Locked);
        }
        Ok(())
    }
}

impl Retention {
    fn binds(self, now: i64, governance: Governance) -> bool {
        now < self.until && (self.mode == LockMode::Compliance || governance == Governance::Obey)
    }

    /// Whether `new` may take the place of this: longer always, anything else only when this does not bind.
    pub(crate) fn may_become(
        self,
        new: Option<Self>,
        now: i64,
        governance: Governance,
    ) -> Result<(), StoreError> {
        let same_or_longer =
            new.is_some_and(|new| new.mode == self.mode && new.until >= self.until);
        if same_or_longer || !self.binds(now, governance) {
            Ok(())
        } else {
            Err(StoreError::Locked)
        }
    }
}

/// Tags of an object, within the bounds.
pub(crate) fn object_tags(
    tags: impl IntoIterator<Item = (String, String)>,
) -> Result<Tags, StoreError> {
    check_tags(tags, MAX_OBJECT_TAGS)
}

/// Tags of a bucket, within the bounds.
pub(crate) fn bucket_tags(
    tags: impl IntoIterator<Item = (String, String)>,
) -> Result<Tags, StoreError> {
    check_tags(tags, MAX_BUCKET_TAGS)
}

fn check_tags(
    tags: impl IntoIterator<Item = (String, String)>,
    most: usize,
) -> Result<Tags, StoreError> {
    let mut checked = Tags::new();
    for (key, value) in tags {
        let fits = (1..=MAX_TAG_KEY).contains(&key.chars().count())
            && value.chars().count() <= MAX_TAG_VALUE;
        if !fits || checked.insert(key, value).is_some() {
            return Err(StoreError::InvalidTag);
        }
        if checked.len() > most {
            return Err(StoreError::TooManyTags);
        }
    }
    Ok(checked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(mode: LockMode, until: i64) -> Retention {
        Retention { mode, until }
    }

    #[test]
    fn locks_bind_until_their_time() {
        use Governance::{Bypass, Obey};
        for (mode, now, governance, free) in [
            (LockMode::Governance, 9, Obey, false),
            (LockMode::Governance, 9, Bypass, true),
            (LockMode::Governance, 10, Obey, true),
            (LockMode::Compliance, 9, Bypass, false),
            (LockMode::Compliance, 10, Obey, true),
        ] {
            let marks = Marks {
                retention: Some(kept(mode, 10)),
                ..Marks::default()
            };
            let may = marks.may_delete(now, governance);
            assert_eq!(may.is_ok(), free, "{mode:?} {now} {governance:?}");
        }
        let held = Marks {
            hold: Some(true),
            ..Marks::default()
        };
        assert!(held.may_delete(0, Bypass).is_err());
    }

    #[test]
    fn locks_grow_and_do_not_shrink() {
        let old = kept(LockMode::Governance, 10);
        let may = |new, governance| old.may_become(new, 5, governance).is_ok();
        assert!(may(Some(kept(LockMode::Governance, 11)), Governance::Obey));
        assert!(!may(Some(kept(LockMode::Governance, 9)), Governance::Obey));
        assert!(!may(Some(kept(LockMode::Compliance, 20)), Governance::Obey));
        assert!(may(
            Some(kept(LockMode::Compliance, 20)),
            Governance::Bypass
        ));
        assert!(!may(None, Governance::Obey));
        let strict = kept(LockMode::Compliance, 10);
        assert!(strict.may_become(None, 5, Governance::Bypass).is_err());
        assert!(strict.may_become(None, 10, Governance::Obey).is_ok());
    }

    #[test]
    fn tags_have_bounds() {
        let many = |count: usize| (0..count).map(|n| (n.to_string(), String::new()));
        assert!(object_tags(many(10)).is_ok());
        assert_eq!(object_tags(many(11)).unwrap_err().code(), "BadRequest");
        assert!(bucket_tags(many(50)).is_ok());
        let long = |key: usize, value: usize| [("k".repeat(key), "v".repeat(value))];
        assert!(object_tags(long(128, 256)).is_ok());
        for (key, value) in [(0, 1), (129, 1), (1, 257)] {
            let refused = object_tags(long(key, value)).unwrap_err();
            assert_eq!(refused.code(), "InvalidTag");
        }
    }
}
