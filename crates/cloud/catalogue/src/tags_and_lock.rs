//! What may change of an object while its bytes do not: tags and locks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Names and values, in the order of the names.
pub type Tags = BTreeMap<String, String>;

/// What may change of an object while its bytes do not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TagsAndLock {
    /// The object tags.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: Tags,
    /// The retention; `None` when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention: Option<Retention>,
    /// The legal hold, on or off; `None` when it was never set.
    #[serde(rename = "hold", skip_serializing_if = "Option::is_none")]
    pub legal_hold: Option<bool>,
}

/// Until when a version may not be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention {
    /// Who may pass it by.
    pub mode: LockMode,
    /// Milliseconds since 1970.
    pub until: i64,
}

/// How strong a lock is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LockMode {
    /// The owner of the bucket may pass it by, when the request says so.
    Governance,
    /// Nobody may.
    Compliance,
}

/// Whether a request passes governance locks by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Governance {
    /// It does not.
    #[default]
    Obey,
    /// It does, by `x-amz-bypass-governance-retention`.
    Bypass,
}

impl TagsAndLock {
    /// Whether retention or legal hold forbids to delete the version at `now`, in milliseconds since 1970.
    pub fn forbids_deletion(&self, now: i64, governance: Governance) -> bool {
        self.legal_hold == Some(true)
            || self
                .retention
                .is_some_and(|retention| retention.binds(now, governance))
    }

    /// Whether it has what only objects of buckets with object lock may have.
    pub fn has_lock(&self) -> bool {
        self.retention.is_some() || self.legal_hold.is_some()
    }
}

impl Retention {
    fn binds(self, now: i64, governance: Governance) -> bool {
        now < self.until && (self.mode == LockMode::Compliance || governance == Governance::Obey)
    }

    /// Whether `new` may take its place at `now`, in milliseconds since 1970: longer always, anything else only when
    /// this one does not bind.
    pub fn may_become(self, new: Option<Self>, now: i64, governance: Governance) -> bool {
        let same_or_longer =
            new.is_some_and(|new| new.mode == self.mode && new.until >= self.until);
        same_or_longer || !self.binds(now, governance)
    }
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
            let locked = TagsAndLock {
                retention: Some(kept(mode, 10)),
                ..TagsAndLock::default()
            };
            let forbidden = locked.forbids_deletion(now, governance);
            assert_eq!(forbidden, !free, "{mode:?} {now} {governance:?}");
        }
        let held = TagsAndLock {
            legal_hold: Some(true),
            ..TagsAndLock::default()
        };
        assert!(held.forbids_deletion(0, Bypass));
    }

    #[test]
    fn locks_grow_and_do_not_shrink() {
        let old = kept(LockMode::Governance, 10);
        let may = |new, governance| old.may_become(new, 5, governance);
        assert!(may(Some(kept(LockMode::Governance, 11)), Governance::Obey));
        assert!(!may(Some(kept(LockMode::Governance, 9)), Governance::Obey));
        assert!(!may(Some(kept(LockMode::Compliance, 20)), Governance::Obey));
        assert!(may(
            Some(kept(LockMode::Compliance, 20)),
            Governance::Bypass
        ));
        assert!(!may(None, Governance::Obey));
        let strict = kept(LockMode::Compliance, 10);
        assert!(!strict.may_become(None, 5, Governance::Bypass));
        assert!(strict.may_become(None, 10, Governance::Obey));
    }
}
