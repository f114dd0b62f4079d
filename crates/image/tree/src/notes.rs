//! What a user should know of the way from a source to a tree.

use std::collections::BTreeMap;

/// Why a file is not in the tree as it is in the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum NoteKind {
    /// Left out: a pattern fits.
    Excluded,
    /// Left out: it is on another file system. The directory where that is mounted is kept, empty.
    OtherFileSystem,
    /// Left out: the kernel makes it new at every start.
    Volatile,
    /// Left out: swap space.
    Swap,
    /// Left out: the image that is being made.
    Output,
    /// Left out: a device, as was asked for.
    Device,
    /// Left out: it was removed while the source was read.
    Vanished,
    /// It changed while it was read.
    Changed,
    /// It became shorter while it was read; the rest was filled with zeros.
    Shortened,
    /// It is in the archive several times; the last one counts.
    Duplicate,
    /// A directory that the archive does not have, made for what is in it.
    MadeDirectory,
    /// An extended attribute that no ext file system can have was left out.
    Xattr,
    /// Removed, because it is secret or only true for one machine.
    Removed,
    /// Replaced by an empty file, or by one without passwords.
    Emptied,
    /// Replaced by one that fits the image.
    Edited,
    /// Kept, although a copy of it might not be wanted.
    Reported,
}

impl NoteKind {
    /// A word for it, as JSON has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Excluded => "excluded",
            Self::OtherFileSystem => "other-file-system",
            Self::Volatile => "volatile",
            Self::Swap => "swap",
            Self::Output => "output",
            Self::Device => "device",
            Self::Vanished => "vanished",
            Self::Changed => "changed",
            Self::Shortened => "shortened",
            Self::Duplicate => "duplicate",
            Self::MadeDirectory => "made-directory",
            Self::Xattr => "xattr",
            Self::Removed => "removed",
            Self::Emptied => "emptied",
            Self::Edited => "edited",
            Self::Reported => "reported",
        }
    }

    /// What a number of such files is, in words: `3 changed while they were read`.
    pub fn words(self) -> &'static str {
        match self {
            Self::Excluded => "excluded by patterns",
            Self::OtherFileSystem => "left out because another file system is mounted there",
            Self::Volatile => "directories left empty",
            Self::Swap => "left out because they are swap space",
            Self::Output => "left out because they are being written",
            Self::Device => "devices left out",
            Self::Vanished => "removed by others while the source was read",
            Self::Changed => "changed while they were read",
            Self::Shortened => "became shorter while they were read; the rest is zeros",
            Self::Duplicate => "several times in the archive; the last one counts",
            Self::MadeDirectory => "directories made that the archive does not have",
            Self::Xattr => "extended attributes left out that ext file systems do not have",
            Self::Removed => "removed because they are secret or of one machine",
            Self::Emptied => "emptied because they are secret or of one machine",
            Self::Edited => "changed to fit the image",
            Self::Reported => "to be looked at",
        }
    }
}

/// One file, and what is to be known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What happened.
    pub kind: NoteKind,
    /// Path in the tree, without a slash at the beginning.
    pub path: Vec<u8>,
    /// Details; empty if there are none.
    pub reason: String,
}

/// Longest list of files of one kind. All of them are counted.
const MAX_LISTED: u64 = 10_000;

/// All that is to be known, in the order in which it came up.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    list: Vec<Note>,
    counts: BTreeMap<NoteKind, u64>,
}

impl Notes {
    /// Notes a file.
    pub fn add(&mut self, kind: NoteKind, path: &[u8], reason: impl Into<String>) {
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        if *count <= MAX_LISTED {
            let (path, reason) = (path.to_vec(), reason.into());
            self.list.push(Note { kind, path, reason });
        }
    }

    /// Counts files that are not listed.
    pub fn count(&mut self, kind: NoteKind, files: u64) {
        if files > 0 {
            *self.counts.entry(kind).or_default() += files;
        }
    }

    /// Number of files of a kind.
    pub fn number(&self, kind: NoteKind) -> u64 {
        self.counts.get(&kind).copied().unwrap_or_default()
    }

    /// The kinds that came up, with their numbers.
    pub fn counts(&self) -> impl Iterator<Item = (NoteKind, u64)> {
        self.counts.iter().map(|(kind, count)| (*kind, *count))
    }

    /// The files; at most 10,000 of each kind.
    pub fn list(&self) -> &[Note] {
        &self.list
    }

    /// Adds other notes.
    pub fn extend(&mut self, others: Self) {
        self.list.extend(others.list);
        for (kind, count) in others.counts {
            self.count(kind, count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_counted_and_some_are_listed() {
        let mut notes = Notes::default();
        for _ in 0..MAX_LISTED + 5 {
            notes.add(NoteKind::Vanished, b"x", "");
        }
        let mut more = Notes::default();
        more.add(NoteKind::Changed, b"y", "twice");
        more.count(NoteKind::MadeDirectory, 3);
        more.count(NoteKind::Swap, 0);
        notes.extend(more);
        assert_eq!(notes.number(NoteKind::Vanished), MAX_LISTED + 5);
        assert_eq!(notes.list().len() as u64, MAX_LISTED + 1);
        let kinds: Vec<_> = notes.counts().map(|(kind, _)| kind.as_str()).collect();
        assert_eq!(kinds, ["vanished", "changed", "made-directory"]);
    }
}
