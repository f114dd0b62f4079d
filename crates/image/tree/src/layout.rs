//! A tree becomes the tree of a file system.

use std::collections::HashMap;
use std::fs::File;

use gumnut_ext::{Attributes, Content, ExtError, FileShape, NodeId, Output, Time, Tree, Writer};
use gumnut_types::Progress;

use crate::archive::ArchiveSource;
use crate::contents::Contents;
use crate::directory::DirectorySource;
use crate::error::{TreeError, printable};
use crate::file_tree::{FileEntry, FileId, FileKind, FileTree, split};
use crate::member::Time as FileTime;
use crate::notes::{NoteKind, Notes};

/// Namespaces of the extended attributes that ext file systems have.
const NAMESPACES: [&[u8]; 3] = [b"user.", b"trusted.", b"security."];
const ACLS: [&[u8]; 2] = [b"system.posix_acl_access", b"system.posix_acl_default"];

/// Where the contents of the files of a tree are read from.
pub enum Source {
    /// A directory of this machine.
    Directory(DirectorySource),
    /// Archives.
    Archives(ArchiveSource),
}

/// The places of the files of a tree in a file system.
pub struct Layout {
    places: HashMap<FileId, NodeId>,
}

impl Layout {
    /// Makes the tree of a file system of a tree. Extended attributes that no ext file system can have are left out and noted.
    ///
    /// # Errors
    /// When no file system can have one of the files.
    pub fn new(tree: &FileTree, notes: &mut Notes) -> Result<(Self, Tree), TreeError> {
        let root = attributes(tree.entry(tree.root()), b"", notes);
        let mut ext = Tree::new(&root)?;
        let mut places = HashMap::from([(tree.root(), ext.root())]);
        // For each open directory, the length of its path.
        let mut parents = vec![(0, ext.root())];
        let mut walk = tree.walk();
        while let Some((path, id)) = walk.next_file() {
            let (parent, name) = split(path);
            while parents
                .last()
                .is_some_and(|(length, _)| *length > parent.len())
            {
                parents.pop();
            }
            let Some((_, directory)) = parents.last().copied() else {
                break;
            };
            let named = |source| TreeError::File {
                path: printable(path),
                source,
            };
            if let Some(node) = places.get(&id) {
                ext.link(directory, name, *node).map_err(named)?;
                continue;
            }
            let entry = tree.entry(id);
            let content = content(entry).map_err(named)?;
            let attributes = attributes(entry, path, notes);
            let node = ext
                .add(directory, name, content, &attributes)
                .map_err(named)?;
            places.insert(id, node);
            if entry.kind == FileKind::Directory {
                parents.push((path.len(), node));
            }
        }
        Ok((Self { places }, ext))
    }

    /// Writes the contents of all files. The files in `copies` also get the content of one each. Returns what happened meanwhile.
    ///
    /// # Errors
    /// When reading or writing fails, and when an archive changed since it was planned.
    pub fn write<O: Output>(
        &self,
        source: &Source,
        tree: &FileTree,
        writer: &mut Writer<O>,
        copies: HashMap<FileId, File>,
        progress: &dyn Progress,
    ) -> Result<Notes, TreeError> {
        let mut contents = Contents::new(writer, &self.places, copies);
        contents.write_memory(tree)?;
        match source {
            Source::Directory(directory) => directory.write(tree, &mut contents, progress)?,
            Source::Archives(archives) => archives.write(tree, &mut contents, progress)?,
        }
        Ok(contents.notes)
    }
}

fn content(entry: &FileEntry) -> Result<Content<'_>, ExtError> {
    Ok(match &entry.kind {
        FileKind::Directory => Content::Directory,
        FileKind::File(content) => {
            let data = content.data.iter().cloned();
            Content::File(FileShape::sparse(content.length, data)?)
        }
        FileKind::Symlink(target) => Content::Symlink(target),
        FileKind::Fifo => Content::Fifo,
        FileKind::Socket => Content::Socket,
        FileKind::CharacterDevice { major, minor } => Content::CharacterDevice {
            major: *major,
            minor: *minor,
        },
        FileKind::BlockDevice { major, minor } => Content::BlockDevice {
            major: *major,
            minor: *minor,
        },
    })
}

fn attributes(entry: &FileEntry, path: &[u8], notes: &mut Notes) -> Attributes {
    let mut xattrs = Vec::with_capacity(entry.xattrs.len());
    for (name, value) in &entry.xattrs {
        if NAMESPACES.iter().any(|start| name.starts_with(start)) || ACLS.contains(&&name[..]) {
            xattrs.push((name.clone(), value.clone()));
        } else {
            notes.add(NoteKind::Xattr, path, printable(name));
        }
    }
    Attributes {
        permissions: entry.permissions,
        user: entry.user,
        group: entry.group,
        accessed: time(entry.accessed),
        modified: time(entry.modified),
        changed: time(entry.changed),
        xattrs,
    }
}

fn time(time: FileTime) -> Time {
    Time {
        seconds: time.seconds,
        nanoseconds: time.nanoseconds,
    }
}
