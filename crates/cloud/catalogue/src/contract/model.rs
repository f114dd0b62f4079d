//! What a catalogue has to be: a bucket in the memory of somebody who does one thing after the other.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Content, KeyChange, KeyRef, KeyState, ListedVersion, NULL_VERSION, NewVersion, ObjectVersion,
    Part, UploadChange,
};

/// A decision: what it saw, and what it changed; `None` where it refused.
#[derive(Clone, Debug)]
pub(super) enum Decision {
    /// About a key.
    Key(KeyRef, Box<KeyState>, Option<Box<KeyChange>>),
    /// About the upload to a key, and whether it was there.
    Upload(String, bool, Option<Box<UploadChange>>),
}

/// A decision, and when its unit began and ended.
#[derive(Clone, Debug)]
pub(super) struct Timed {
    /// The decision.
    pub(super) decision: Decision,
    /// When its unit began.
    pub(super) begun: usize,
    /// When its unit ended.
    pub(super) ended: usize,
}

impl Timed {
    fn key(&self) -> &str {
        match &self.decision {
            Decision::Key(at, ..) => &at.key,
            Decision::Upload(key, ..) => key,
        }
    }

    /// Whether it rests on a row, so that it was made behind those before it.
    fn is_in_order(&self) -> bool {
        !matches!(&self.decision, Decision::Key(_, state, _) if state.current.is_none())
    }
}

impl Decision {
    fn changes_nothing(&self) -> bool {
        matches!(self, Self::Key(.., None) | Self::Upload(.., None))
    }

    /// About a key.
    pub(super) fn key(at: KeyRef, state: &KeyState, change: Option<&KeyChange>) -> Self {
        let change = change.cloned().map(Box::new);
        Self::Key(at, Box::new(state.clone()), change)
    }
}

/// A bucket.
#[derive(Debug, Default)]
pub(super) struct Model {
    keys: BTreeMap<String, OfKey>,
    garbage: BTreeSet<String>,
}

#[derive(Clone, Debug, Default)]
struct OfKey {
    /// The newest is the last.
    versions: Vec<NewVersion>,
    /// The blobs of the parts.
    upload: Option<BTreeMap<u32, Part>>,
}

impl Model {
    /// Begins the upload to a key.
    pub(super) fn begin(&mut self, key: &str) {
        let key = self.keys.entry(key.to_owned()).or_default();
        key.upload = Some(BTreeMap::new());
    }

    /// Insists that there is an order in which each decision saw what those before it left, and does what they did.
    pub(super) fn follow(&mut self, decisions: Vec<Timed>) {
        let mut of_keys: BTreeMap<String, Vec<Timed>> = BTreeMap::new();
        for decision in decisions {
            of_keys
                .entry(decision.key().to_owned())
                .or_default()
                .push(decision);
        }
        for (name, decisions) in of_keys {
            let key = self.keys.entry(name).or_default();
            let after = key.after(&decisions);
            let (left, garbage) = after
                .unwrap_or_else(|| panic!("a decision did not see what was left: {decisions:#?}"));
            *key = left;
            self.garbage.extend(garbage);
        }
    }

    /// Insists that the key is as a decision sees it.
    pub(super) fn check(&self, at: &KeyRef, state: &KeyState) {
        let key = &self.keys[at.key.as_str()];
        assert!(key.is_seen(at, state), "{key:?} is not {state:?}");
    }

    /// The names of all blobs that a row names, sorted.
    pub(super) fn blobs(&self) -> Vec<String> {
        let keys = self.keys.values();
        let mut blobs: Vec<_> = keys.flat_map(OfKey::blobs).collect();
        blobs.sort_unstable();
        blobs
    }

    /// The `ETag`s of the versions whose bytes are in the catalogue, sorted.
    pub(super) fn inline(&self) -> Vec<String> {
        let versions = self.keys.values().flat_map(|key| &key.versions);
        let inline = versions.filter(|version| matches!(version.content, Content::Inline(_)));
        let mut etags: Vec<_> = inline.map(|version| version.etag.clone()).collect();
        etags.sort_unstable();
        etags
    }

    /// All garbage, sorted.
    pub(super) fn garbage(&self) -> Vec<String> {
        self.garbage.iter().cloned().collect()
    }

    /// Insists that a listing of all versions is right.
    pub(super) fn check_listing(&self, listed: &[ListedVersion]) {
        let mut listed = listed.iter();
        for (name, key) in &self.keys {
            let newest = key.versions.len().wrapping_sub(1);
            for (index, version) in key.versions.iter().enumerate().rev() {
                let found = listed.next().expect("a version is listed");
                assert_eq!((&found.key, &found.version), (name, &version.version));
                assert_eq!((found.marker, &found.etag), (version.marker, &version.etag));
                assert_eq!(found.current, index == newest);
            }
        }
        assert_eq!(listed.next(), None);
    }

    /// The keys whose newest version is no delete marker.
    pub(super) fn objects(&self) -> Vec<&str> {
        let keys = self.keys.iter();
        keys.filter(|(_, key)| key.versions.last().is_some_and(|newest| !newest.marker))
            .map(|(name, _)| name.as_str())
            .collect()
    }
}

impl OfKey {
    fn blobs(&self) -> Vec<String> {
        let segments = self
            .versions
            .iter()
            .flat_map(|version| version.content.segments());
        let parts = self.upload.iter().flat_map(BTreeMap::values);
        let segments = segments.chain(parts.map(|part| &part.segment));
        segments.map(|segment| segment.blob.clone()).collect()
    }

    /// What the decisions leave, and what becomes garbage; `None` when there is no order in which each saw what was left.
    fn after(&self, decisions: &[Timed]) -> Option<(Self, Vec<String>)> {
        if decisions.is_empty() {
            return Some((self.clone(), Vec::new()));
        }
        for (index, next) in decisions.iter().enumerate() {
            let mut before = decisions[..index].iter();
            let is_later = decisions.iter().any(|other| other.ended < next.begun)
                || next.is_in_order() && before.any(Timed::is_in_order);
            if is_later || !self.is_seen_by(&next.decision) {
                continue;
            }
            let (mut left, mut rest) = (self.clone(), decisions.to_vec());
            rest.remove(index);
            let mut garbage = left.follow(&next.decision);
            let after = left.after(&rest);
            if let Some((left, more)) = after {
                garbage.extend(more);
                return Some((left, garbage));
            }
            // One that changes nothing may as well be made now: the others do not fit.
            if garbage.is_empty() && next.decision.changes_nothing() {
                return None;
            }
        }
        None
    }

    fn is_seen_by(&self, decision: &Decision) -> bool {
        match decision {
            Decision::Key(at, state, _) => self.is_seen(at, state),
            Decision::Upload(_, was_there, _) => *was_there == self.upload.is_some(),
        }
    }

    /// Does what a decision did, and gives the garbage.
    fn follow(&mut self, decision: &Decision) -> Vec<String> {
        match decision {
            Decision::Key(_, state, Some(change)) => self.apply(state, change),
            Decision::Upload(_, _, Some(change)) => self.apply_to_upload(change),
            _ => Vec::new(),
        }
    }

    fn is_seen(&self, at: &KeyRef, state: &KeyState) -> bool {
        let newest = self.versions.last();
        let id = at.version.as_deref().unwrap_or(NULL_VERSION);
        let named = self.versions.iter().find(|version| version.version == id);
        let is_newest = state.current.as_ref().is_none_or(|it| it.current);
        let has_upload = at.upload.is_none() || {
            let seen = state.upload.as_ref().map(|(_, parts)| parts.clone());
            let parts = self
                .upload
                .as_ref()
                .map(|parts| parts.values().cloned().collect());
            let mut versions = self.versions.iter();
            let made = versions.find(|version| version.upload == at.upload);
            seen == parts && is_same(state.completed.as_ref(), made)
        };
        is_same(state.current.as_ref(), newest)
            && is_same(state.named.as_ref(), named)
            && is_newest
            && has_upload
    }

    /// Changes the key, and gives the garbage.
    fn apply(&mut self, state: &KeyState, change: &KeyChange) -> Vec<String> {
        let before = self.blobs();
        // Rows are known by what was seen of them.
        let seen = [&state.current, &state.named, &state.completed];
        let version = |row: i64| {
            let mut seen = seen.into_iter().flatten();
            let found = seen.find(|seen| seen.id == row);
            found.expect("a row that was seen").version.clone()
        };
        for row in &change.delete {
            let gone = version(*row);
            self.versions.retain(|version| version.version != gone);
        }
        self.versions.extend(change.insert.clone());
        if change.end_upload.is_some() {
            self.upload = None;
        }
        if let Some((row, new)) = &change.tags_and_lock {
            let changed = version(*row);
            let mut versions = self.versions.iter_mut();
            let changed = versions.find(|version| version.version == changed);
            changed.expect("the version is there").tags_and_lock = new.clone();
        }
        let after = self.blobs();
        before
            .into_iter()
            .filter(|blob| !after.contains(blob))
            .collect()
    }

    fn apply_to_upload(&mut self, change: &UploadChange) -> Vec<String> {
        let before = self.blobs();
        if let (Some(part), Some(parts)) = (&change.put_part, &mut self.upload) {
            parts.insert(part.number, part.clone());
        }
        if change.abort {
            self.upload = None;
        }
        let after = self.blobs();
        before
            .into_iter()
            .filter(|blob| !after.contains(blob))
            .collect()
    }
}

fn is_same(seen: Option<&ObjectVersion>, known: Option<&NewVersion>) -> bool {
    let seen = seen.map(|it| (&it.version, it.marker, &it.etag, &it.tags_and_lock));
    let known = known.map(|it| (&it.version, it.marker, &it.etag, &it.tags_and_lock));
    seen == known
}
