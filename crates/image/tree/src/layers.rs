//! Members of archives become a tree: those of one archive, or of the layers of a container.

use std::collections::HashSet;

use crate::acl;
use crate::error::{TreeError, printable};
use crate::file_tree::{FileContent, FileEntry, FileId, FileKind, FileTree, Origin, split};
use crate::member::{Member, MemberKind, Time};
use crate::notes::{NoteKind, Notes};

/// Beginning of the name of a whiteout: the rest is the name to be removed.
const WHITEOUT: &[u8] = b".wh.";
/// Removes all that a directory has from lower layers.
const OPAQUE: &[u8] = b".wh..wh..opq";
/// Other names that begin so are for the programs that make layers.
const INTERNAL: &[u8] = b".wh..wh.";

/// What names of whiteouts mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whiteouts {
    /// They are files like others.
    Kept,
    /// They remove files of lower layers.
    Applied,
}

/// A tree that grows by the members of archives.
pub struct Layers {
    tree: FileTree,
    notes: Notes,
    whiteouts: Whiteouts,
    layer: u32,
    members: u64,
    max_files: u64,
    has_root: bool,
    /// Directories in which the layer has removed what came with lower ones.
    hidden: HashSet<FileId>,
}

/// What was looked at in the content of a member.
#[derive(Debug, Default)]
pub struct Seen {
    /// See [`FileContent::text`].
    pub text: Option<Box<[u8]>>,
    /// See [`FileContent::has_private_key`].
    pub has_private_key: bool,
}

impl Layers {
    /// No archive yet. There may be `max_files` files in all archives together, replaced ones included.
    pub fn new(whiteouts: Whiteouts, max_files: u64) -> Self {
        let root = FileEntry::of_root(FileKind::Directory, 0o755, Time::default());
        Self {
            tree: FileTree::new(root),
            notes: Notes::default(),
            whiteouts,
            layer: 0,
            members: 0,
            max_files,
            has_root: false,
            hidden: HashSet::new(),
        }
    }

    /// Begins the next archive.
    pub fn next_archive(&mut self) {
        self.layer += 1;
        self.members = 0;
        self.hidden.clear();
    }

    /// Adds the next member of the archive, with what its content showed.
    ///
    /// # Errors
    /// When a path leads through a file, a hard link to nothing, to a directory or to itself, and when there are too many files.
    pub fn add(&mut self, member: Member, seen: Seen) -> Result<(), TreeError> {
        let number = self.members;
        self.members += 1;
        let (parent, name) = split(&member.path);
        if name.is_empty() {
            return self.set_root(member);
        }
        if self.whiteouts == Whiteouts::Applied && name.starts_with(WHITEOUT) {
            self.white_out(parent, name);
            return Ok(());
        }
        let time = member.modified;
        let reached = self.tree.directory(parent, time, self.layer)?;
        if reached.made > 0 {
            self.notes.count(NoteKind::MadeDirectory, reached.made);
        }
        if self.tree.len() as u64 > self.max_files {
            return Err(TreeError::TooManyFiles(self.max_files));
        }
        let path = member.path.clone();
        let (_, name) = split(&path);
        if let MemberKind::HardLink(target) = &member.kind {
            return self.hard_link(reached.id, &path, target);
        }
        self.note_duplicate(reached.id, &path, member.kind == MemberKind::Directory);
        let origin = Origin::Member {
            archive: self.layer,
            member: number,
        };
        let entry = entry(member, seen, origin);
        self.tree.put(reached.id, name, entry, self.layer);
        Ok(())
    }

    /// The tree and what is to be known of it.
    pub fn finish(mut self) -> (FileTree, Notes) {
        if !self.has_root {
            // An archive without an entry for the root says nothing of its time: that of the youngest file in it is taken.
            let root = self.tree.root();
            let children = self.tree.children(root);
            let newest = children
                .map(|(_, child)| self.tree.entry(child).modified)
                .max();
            let entry = FileEntry::of_root(FileKind::Directory, 0o755, newest.unwrap_or_default());
            *self.tree.entry_mut(root) = entry;
        }
        (self.tree, self.notes)
    }

    fn set_root(&mut self, member: Member) -> Result<(), TreeError> {
        if member.kind != MemberKind::Directory {
            return Err(TreeError::NotADirectory("/".to_owned()));
        }
        self.has_root = true;
        let origin = Origin::Memory(Vec::new());
        *self.tree.entry_mut(self.tree.root()) = entry(member, Seen::default(), origin);
        Ok(())
    }

    fn white_out(&mut self, parent: &[u8], name: &[u8]) {
        // A whiteout of what is not there removes nothing.
        let Some(directory) = self.tree.find(parent) else {
            return;
        };
        if name == OPAQUE {
            self.tree
                .hide_lower(directory, self.layer, &mut self.hidden);
        } else if !name.starts_with(INTERNAL) {
            let name = &name[WHITEOUT.len()..];
            self.tree
                .white_out(directory, name, self.layer, &mut self.hidden);
        }
    }

    fn hard_link(
        &mut self,
        directory: FileId,
        path: &[u8],
        target: &[u8],
    ) -> Result<(), TreeError> {
        let (_, name) = split(path);
        let link = || (printable(path), printable(target));
        let Some(file) = self.tree.find_name(target) else {
            let (path, target) = link();
            return Err(TreeError::LinkToNothing { path, target });
        };
        if self.tree.is_directory(file) {
            let (path, target) = link();
            return Err(TreeError::LinkToDirectory { path, target });
        }
        if path == target {
            return Err(TreeError::LinkToItself(printable(path)));
        }
        if self.tree.child(directory, name) != Some(file) {
            self.note_duplicate(directory, path, false);
            self.tree.link(directory, name, file, self.layer);
        }
        Ok(())
    }

    /// Archives may have a directory twice; for layers, replacing is what they are for.
    fn note_duplicate(&mut self, directory: FileId, path: &[u8], is_directory: bool) {
        let (_, name) = split(path);
        let old = self.tree.child(directory, name);
        let same = old.is_some_and(|old| is_directory && self.tree.is_directory(old));
        if self.whiteouts == Whiteouts::Kept && old.is_some() && !same {
            self.notes.add(NoteKind::Duplicate, path, "");
        }
    }
}

fn entry(member: Member, seen: Seen, origin: Origin) -> FileEntry {
    let kind = match member.kind {
        MemberKind::File => FileKind::File(FileContent {
            length: member.length,
            data: member.data,
            origin,
            text: seen.text,
            has_private_key: seen.has_private_key,
        }),
        // Hard links are no entries, see `Layers::hard_link`.
        MemberKind::Directory | MemberKind::HardLink(_) => FileKind::Directory,
        MemberKind::Symlink(target) => FileKind::Symlink(target.into()),
        MemberKind::Fifo => FileKind::Fifo,
        MemberKind::CharacterDevice { major, minor } => FileKind::CharacterDevice { major, minor },
        MemberKind::BlockDevice { major, minor } => FileKind::BlockDevice { major, minor },
    };
    let mut xattrs = member.xattrs.iter();
    let acl = xattrs.find(|(name, _)| name == b"system.posix_acl_access");
    let permissions = acl.map_or(member.permissions, |(_, acl)| {
        acl::agreed(member.permissions, acl)
    });
    FileEntry {
        kind,
        permissions,
        user: member.user,
        group: member.group,
        accessed: member.accessed.unwrap_or(member.modified),
        modified: member.modified,
        changed: member.changed.unwrap_or(member.modified),
        xattrs: member.xattrs,
    }
}
