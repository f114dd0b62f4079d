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

impl Decision {
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

#[derive(Debug, Default)]
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

    /// Insists that a decision saw what those before it left, and does what it did.
    pub(super) fn follow(&mut self, decision: &Decision) {
        match decision {
            Decision::Key(at, state, change) => {
                let key = self.keys.entry(at.key.to_string()).or_default();
                key.check(at, state);
                if let Some(change) = change {
                    self.garbage.extend(key.apply(state, change));
                }
            }
            Decision::Upload(key, was_there, change) => {
                let key = self.keys.entry(key.clone()).or_default();
                assert_eq!(*was_there, key.upload.is_some());
                if let Some(change) = change {
                    self.garbage.extend(key.apply_to_upload(change));
                }
            }
        }
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

    fn check(&self, at: &KeyRef, state: &KeyState) {
        let newest = self.versions.last();
        assert_same(state.current.as_ref(), newest);
        let id = at.version.as_deref().unwrap_or(NULL_VERSION);
        let named = self.versions.iter().find(|version| version.version == id);
        assert_same(state.named.as_ref(), named);
        assert!(state.current.as_ref().is_none_or(|it| it.current));
        if at.upload.is_some() {
            let seen = state.upload.as_ref().map(|(_, parts)| parts.clone());
            let parts = self
                .upload
                .as_ref()
                .map(|parts| parts.values().cloned().collect());
            assert_eq!(seen, parts);
            let made = self
                .versions
                .iter()
                .find(|version| version.upload == at.upload);
            assert_same(state.completed.as_ref(), made);
        }
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

fn assert_same(seen: Option<&ObjectVersion>, known: Option<&NewVersion>) {
    let seen = seen.map(|it| (&it.version, it.marker, &it.etag, &it.tags_and_lock));
    let known = known.map(|it| (&it.version, it.marker, &it.etag, &it.tags_and_lock));
    assert_eq!(seen, known, "a decision sees what was left");
}
