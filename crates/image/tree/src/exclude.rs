//! Leaves out files that patterns fit, or that are devices.

use crate::file_tree::{FileId, FileKind, FileTree, split};
use crate::glob::Patterns;
use crate::notes::{NoteKind, Notes};

impl FileTree {
    /// Removes the files that a pattern fits, and what is in such directories. Each of them is noted, but not what is below.
    pub fn exclude(&mut self, patterns: &Patterns, notes: &mut Notes) {
        if patterns.is_empty() {
            return;
        }
        let found = self.select(|path, _| patterns.fits(path));
        for path in found {
            self.unlink_path(&path);
            notes.add(NoteKind::Excluded, &path, "");
        }
    }

    /// Removes what `names` fits, and of what `keys` fits the files with a private key. What a pattern of `keep` covers is kept.
    ///
    /// The source must have been read with [`crate::Look::private_keys`].
    pub fn filter(
        &mut self,
        names: &Patterns,
        keys: &Patterns,
        keep: &Patterns,
        notes: &mut Notes,
    ) {
        let has_key = |id| {
            self.content(id)
                .is_some_and(|content| content.has_private_key)
        };
        let found = self.select(|path, id| {
            let is_unwanted = names.fits(path) || keys.fits(path) && has_key(id);
            is_unwanted && !keep.covers(path)
        });
        for path in found {
            let reason = if names.fits(&path) {
                "its name"
            } else {
                "private key"
            };
            self.unlink_path(&path);
            notes.add(NoteKind::Removed, &path, reason);
        }
    }

    /// Removes all character and block devices.
    pub fn remove_devices(&mut self, notes: &mut Notes) {
        let is_device = |kind: &FileKind| {
            matches!(
                kind,
                FileKind::CharacterDevice { .. } | FileKind::BlockDevice { .. }
            )
        };
        for path in self.select(|_, id| is_device(&self.entry(id).kind)) {
            self.unlink_path(&path);
            notes.add(NoteKind::Device, &path, "");
        }
    }

    /// The paths that fit. Of a directory that fits, only its own.
    pub(crate) fn select(&self, fits: impl Fn(&[u8], FileId) -> bool) -> Vec<Vec<u8>> {
        let mut found: Vec<Vec<u8>> = Vec::new();
        let mut walk = self.walk();
        while let Some((path, id)) = walk.next_file() {
            let is_below = found.last().is_some_and(|above| {
                path.strip_prefix(&above[..])
                    .is_some_and(|rest| rest.starts_with(b"/"))
            });
            if !is_below && fits(path, id) {
                found.push(path.to_vec());
            }
        }
        found
    }

    /// Removes what has exactly this path, as [`FileTree::walk`] gives it: no link is followed.
    pub(crate) fn unlink_path(&mut self, path: &[u8]) -> bool {
        let (parent, name) = split(path);
        let mut here = self.root();
        for step in parent.split(|byte| *byte == b'/') {
            if !step.is_empty() {
                let Some(child) = self.child(here, step) else {
                    return false;
                };
                here = child;
            }
        }
        self.unlink(here, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file_tree::{FileContent, FileEntry};
    use crate::member::Time;

    #[test]
    fn of_names_that_may_have_keys_only_those_with_keys_are_removed() {
        let entry = |kind| FileEntry::of_root(kind, 0o755, Time::default());
        let mut tree = FileTree::new(entry(FileKind::Directory));
        for (path, has_private_key) in [
            (&b"etc/ssl/ca.pem"[..], false),
            (b"etc/ssl/own.pem", true),
            (b"etc/ssl/own.key", true),
            (b"home/a~", false),
            (b"srv/kept.pem", true),
        ] {
            let mut content = FileContent::of(b"x");
            content.has_private_key = has_private_key;
            tree.set(path, entry(FileKind::File(content))).unwrap();
        }
        let patterns = |text: &str| Patterns::new([text]).unwrap();
        let mut notes = Notes::default();
        let (names, keys, keep) = (patterns("*~"), patterns("*.pem"), patterns("/srv"));
        tree.filter(&names, &keys, &keep, &mut notes);
        let left = tree.select(|_, id| !tree.is_directory(id));
        assert_eq!(
            left,
            [&b"etc/ssl/ca.pem"[..], b"etc/ssl/own.key", b"srv/kept.pem"]
        );
        let removed: Vec<_> = notes.list().iter().map(|note| &note.reason[..]).collect();
        assert_eq!(removed, ["private key", "its name"]);
    }

    #[test]
    fn what_fits_is_removed_with_what_is_below() {
        let entry = |kind| FileEntry::of_root(kind, 0o755, Time::default());
        let mut tree = FileTree::new(entry(FileKind::Directory));
        for path in [
            &b"var/cache/apt/x"[..],
            b"var/cachet",
            b"home/a.bak",
            b"a.bak/b",
        ] {
            let file = FileKind::File(FileContent::of(b"x"));
            tree.set(path, entry(file)).unwrap();
        }
        let device = FileKind::CharacterDevice { major: 1, minor: 3 };
        tree.set(b"dev/null", entry(device)).unwrap();
        let mut notes = Notes::default();
        let patterns = Patterns::new(["/var/cache", "*.bak"]).unwrap();
        tree.exclude(&patterns, &mut notes);
        tree.remove_devices(&mut notes);
        let left = tree.select(|_, id| !tree.is_directory(id));
        assert_eq!(left, [b"var/cachet"]);
        assert_eq!(notes.number(NoteKind::Excluded), 3);
        assert_eq!(notes.number(NoteKind::Device), 1);
        let listed: Vec<_> = notes.list().iter().map(|note| &note.path[..]).collect();
        assert_eq!(
            listed,
            [&b"a.bak"[..], b"home/a.bak", b"var/cache", b"dev/null"]
        );
    }
}
