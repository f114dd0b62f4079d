//! A tree of files in memory: names and attributes, and where the contents are.

use std::collections::{BTreeMap, HashSet, btree_map};
use std::ops::Range;

use crate::error::{TreeError, printable};
use crate::member::Time;

/// Links that are followed on the way to one file, as Linux has it.
const MAX_LINKS: usize = 40;
/// Directories above each other. A path of 4,096 bytes, the longest that Linux takes, has no more.
const MAX_DEPTH: usize = 2048;

/// A file or directory of a [`FileTree`]. Hard links are names of the same file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(u32);

impl FileId {
    fn index(self) -> usize {
        self.0 as usize
    }
}

/// Where the content of a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Here.
    Memory(Vec<u8>),
    /// In an archive.
    Member {
        /// Index of the archive among those of the source; layers of containers are counted from the lowest.
        archive: u32,
        /// Index of the member in the archive.
        member: u64,
    },
    /// In the directory that was read: the path in it.
    Path(Box<[u8]>),
}

/// What is known of the content of a regular file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileContent {
    /// Length in bytes, holes included.
    pub length: u64,
    /// Ranges that are no holes, in order.
    pub data: Vec<Range<u64>>,
    /// Where it is.
    pub origin: Origin,
    /// The content of a file that edits look at; `None` for all others.
    pub text: Option<Box<[u8]>>,
    /// Whether there is a private key in it. `false` if nobody has looked.
    pub has_private_key: bool,
}

impl FileContent {
    /// A content in memory.
    pub fn of(bytes: &[u8]) -> Self {
        let length = bytes.len() as u64;
        Self {
            length,
            data: whole(length),
            origin: Origin::Memory(bytes.to_vec()),
            text: Some(bytes.into()),
            has_private_key: false,
        }
    }
}

/// The ranges of a file without holes.
pub(crate) fn whole(length: u64) -> Vec<Range<u64>> {
    if length == 0 {
        return Vec::new();
    }
    std::iter::once(0..length).collect()
}

/// What a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A directory; [`FileTree::children`] has what is in it.
    Directory,
    /// A regular file.
    File(FileContent),
    /// A symbolic link with its target.
    Symlink(Box<[u8]>),
    /// A named pipe.
    Fifo,
    /// A Unix socket.
    Socket,
    /// A character device.
    CharacterDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
}

/// A file with its attributes, without its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// What it is.
    pub kind: FileKind,
    /// Permissions with setuid, setgid and the sticky bit: 12 bits.
    pub permissions: u16,
    /// Number of the owner.
    pub user: u32,
    /// Number of the group.
    pub group: u32,
    /// Last access.
    pub accessed: Time,
    /// Last change of the content.
    pub modified: Time,
    /// Last change of the content or the attributes.
    pub changed: Time,
    /// Extended attributes by their full names, with values as `getxattr(2)` returns them.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl FileEntry {
    /// A file of root without extended attributes.
    pub fn of_root(kind: FileKind, permissions: u16, time: Time) -> Self {
        Self {
            kind,
            permissions,
            user: 0,
            group: 0,
            accessed: time,
            modified: time,
            changed: time,
            xattrs: Vec::new(),
        }
    }
}

/// What has a name in a directory.
#[derive(Clone, Copy)]
struct Child {
    id: FileId,
    /// The layer that the name came with.
    layer: u32,
}

type Children = BTreeMap<Box<[u8]>, Child>;

struct Node {
    entry: FileEntry,
    /// Of a directory.
    children: Children,
}

/// A tree of files: names, attributes, and where the contents are. About 300 bytes of memory for each file.
///
/// Paths are names from the root, separated by slashes. `.` and empty names are skipped, and `..` and symbolic links lead to
/// where they would if the tree was the root file system: never out of it.
pub struct FileTree {
    nodes: Vec<Node>,
}

impl FileTree {
    /// A tree of one directory.
    pub fn new(root: FileEntry) -> Self {
        let mut tree = Self { nodes: Vec::new() };
        tree.push(root);
        tree
    }

    fn push(&mut self, entry: FileEntry) -> FileId {
        let id = FileId(self.nodes.len() as u32);
        self.nodes.push(Node {
            entry,
            children: Children::new(),
        });
        id
    }

    /// The root directory.
    pub fn root(&self) -> FileId {
        FileId(0)
    }

    /// A file.
    pub fn entry(&self, id: FileId) -> &FileEntry {
        &self.nodes[id.index()].entry
    }

    /// A file, to change it. A directory must remain one, and nothing else can become one.
    pub fn entry_mut(&mut self, id: FileId) -> &mut FileEntry {
        &mut self.nodes[id.index()].entry
    }

    /// What is in a directory, sorted by name.
    pub fn children(&self, directory: FileId) -> impl DoubleEndedIterator<Item = (&[u8], FileId)> {
        let children = self.nodes[directory.index()].children.iter();
        children.map(|(name, child)| (&name[..], child.id))
    }

    /// What has this name in a directory.
    pub fn child(&self, directory: FileId, name: &[u8]) -> Option<FileId> {
        let child = self.nodes[directory.index()].children.get(name)?;
        Some(child.id)
    }

    /// Whether a file is a directory.
    pub fn is_directory(&self, id: FileId) -> bool {
        matches!(self.entry(id).kind, FileKind::Directory)
    }

    /// Content of a regular file.
    pub fn content(&self, id: FileId) -> Option<&FileContent> {
        match &self.entry(id).kind {
            FileKind::File(content) => Some(content),
            _ => None,
        }
    }

    /// The file to which a path leads; links are followed, also the last one. `None` if there is none.
    pub fn find(&self, path: &[u8]) -> Option<FileId> {
        let mut steps = Steps::new(self.root(), path);
        while let Some(name) = steps.next_name() {
            let child = self.child(steps.here(), &name)?;
            steps.enter(self, child)?;
        }
        Some(steps.here())
    }

    /// The file with this path; links are followed, but not if the last name is one. `None` if there is none.
    pub fn find_name(&self, path: &[u8]) -> Option<FileId> {
        let (parent, name) = split(path);
        if name.is_empty() {
            return Some(self.root());
        }
        self.child(self.find(parent)?, name)
    }

    /// Text of a file that was kept, see [`FileContent::text`].
    pub fn text(&self, path: &[u8]) -> Option<&[u8]> {
        self.content(self.find(path)?)?.text.as_deref()
    }

    /// All files but the root in order of their paths: directories before what is in them. Files with several names come
    /// several times.
    pub fn walk(&self) -> Walk<'_> {
        let mut walk = Walk {
            tree: self,
            path: Vec::new(),
            stack: Vec::new(),
        };
        walk.enter(self.root());
        walk
    }

    /// Puts a file into a directory, in place of what has its name there. What has been in a directory remains in the directory
    /// that takes its place.
    pub(crate) fn put(
        &mut self,
        parent: FileId,
        name: &[u8],
        entry: FileEntry,
        layer: u32,
    ) -> FileId {
        if let (Some(old), FileKind::Directory) = (self.child(parent, name), &entry.kind)
            && self.is_directory(old)
        {
            *self.entry_mut(old) = entry;
            self.link(parent, name, old, layer);
            return old;
        }
        let id = self.push(entry);
        self.link(parent, name, id, layer);
        id
    }

    /// Gives a file a name, in place of what has it.
    pub(crate) fn link(&mut self, parent: FileId, name: &[u8], id: FileId, layer: u32) {
        let child = Child { id, layer };
        let children = &mut self.nodes[parent.index()].children;
        children.insert(name.into(), child);
    }

    /// Removes a name. `false` if nothing has it.
    pub(crate) fn unlink(&mut self, parent: FileId, name: &[u8]) -> bool {
        let children = &mut self.nodes[parent.index()].children;
        children.remove(name).is_some()
    }

    /// Removes what a path leads to; links are followed, but not the last name. `false` if there is no such file.
    pub fn remove(&mut self, path: &[u8]) -> bool {
        let (parent, name) = split(path);
        let Some(parent) = self.find(parent) else {
            return false;
        };
        self.unlink(parent, name)
    }

    /// Puts a file where a path leads; directories that are missing are made. Links are followed, also the last one, so that
    /// `/etc/resolv.conf` is replaced where it is.
    ///
    /// # Errors
    /// When the path leads to a directory or through a file, through too many links or directories, or is the root.
    pub fn set(&mut self, path: &[u8], entry: FileEntry) -> Result<FileId, TreeError> {
        let time = entry.modified;
        let mut here = path.to_vec();
        for _ in 0..MAX_LINKS {
            let (parent, name) = split(&here);
            if name.is_empty() {
                break;
            }
            let layer = u32::MAX;
            let directory = self.directory(parent, time, layer)?.id;
            match self.child(directory, name).map(|old| &self.entry(old).kind) {
                Some(FileKind::Symlink(target)) => here = join(parent, target),
                Some(FileKind::Directory) if entry.kind != FileKind::Directory => {
                    return Err(TreeError::IsADirectory(printable(path)));
                }
                _ => {
                    let name = name.to_vec();
                    return Ok(self.put(directory, &name, entry, layer));
                }
            }
        }
        Err(TreeError::Links(printable(path)))
    }

    /// The directory to which a path leads. What is missing is made: of root, 0755. What is no directory is replaced if it came
    /// with another layer.
    pub(crate) fn directory(
        &mut self,
        path: &[u8],
        time: Time,
        layer: u32,
    ) -> Result<Reached, TreeError> {
        let mut steps = Steps::new(self.root(), path);
        let mut made = 0;
        while let Some(name) = steps.next_name() {
            let here = steps.here();
            let id = match self.nodes[here.index()].children.get(&name).copied() {
                Some(child) if self.leads_on(child, layer, path)? => child.id,
                _ => {
                    made += 1;
                    let entry = FileEntry::of_root(FileKind::Directory, 0o755, time);
                    self.put(here, &name, entry, layer)
                }
            };
            steps
                .enter(self, id)
                .ok_or_else(|| TreeError::Links(printable(path)))?;
        }
        let id = steps.here();
        Ok(Reached { id, made })
    }

    /// Whether a path can continue with this file; `false` if a directory replaces it.
    fn leads_on(&self, child: Child, layer: u32, path: &[u8]) -> Result<bool, TreeError> {
        match self.entry(child.id).kind {
            FileKind::Directory | FileKind::Symlink(_) => Ok(true),
            _ if child.layer == layer => Err(TreeError::NotADirectory(printable(path))),
            _ => Ok(false),
        }
    }

    /// Removes what a directory has from layers before this one. `hidden` are the directories where this layer has done so: there
    /// is nothing left to remove in them.
    pub(crate) fn hide_lower(
        &mut self,
        directory: FileId,
        layer: u32,
        hidden: &mut HashSet<FileId>,
    ) {
        let mut pending = vec![directory];
        let mut order = Vec::new();
        while let Some(here) = pending.pop() {
            if !hidden.insert(here) {
                continue;
            }
            order.push(here);
            let children = self.children(here).map(|(_, child)| child);
            pending.extend(children.filter(|child| self.is_directory(*child)));
        }
        // From the bottom, so that it is known which directories have become empty.
        for here in order.into_iter().rev() {
            let mut children = std::mem::take(&mut self.nodes[here.index()].children);
            children.retain(|_, child| self.is_kept(*child, layer));
            self.nodes[here.index()].children = children;
        }
    }

    /// Whether a name came with this layer, or contains something that did.
    fn is_kept(&self, child: Child, layer: u32) -> bool {
        child.layer == layer || !self.nodes[child.id.index()].children.is_empty()
    }

    /// Removes a name if it came with a layer before this one, or at least what is below it and came with one.
    pub(crate) fn white_out(
        &mut self,
        directory: FileId,
        name: &[u8],
        layer: u32,
        hidden: &mut HashSet<FileId>,
    ) {
        let Some(child) = self.nodes[directory.index()].children.get(name).copied() else {
            return;
        };
        if self.is_directory(child.id) {
            self.hide_lower(child.id, layer, hidden);
        }
        if !self.is_kept(child, layer) {
            self.unlink(directory, name);
        }
    }

    /// How many files have been in the tree, removed ones included.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }
}

/// A directory to which a path leads.
pub(crate) struct Reached {
    pub(crate) id: FileId,
    /// How many directories were made.
    pub(crate) made: u64,
}

/// The walk along a path.
struct Steps {
    /// The directories from the root on.
    stack: Vec<FileId>,
    /// Names to come, the next one last.
    names: Vec<Box<[u8]>>,
    links: usize,
}

impl Steps {
    fn new(root: FileId, path: &[u8]) -> Self {
        let mut steps = Self {
            stack: vec![root],
            names: Vec::new(),
            links: 0,
        };
        steps.push(path);
        steps
    }

    fn push(&mut self, path: &[u8]) {
        let names = path.split(|byte| *byte == b'/').rev();
        let real = names.filter(|name| !matches!(*name, b"" | b"."));
        self.names.extend(real.map(Box::from));
    }

    fn here(&self) -> FileId {
        self.stack.last().copied().unwrap_or(FileId(0))
    }

    /// The next name that is no `..`.
    fn next_name(&mut self) -> Option<Box<[u8]>> {
        loop {
            let name = self.names.pop()?;
            if *name != *b".." {
                return Some(name);
            }
            if self.stack.len() > 1 {
                self.stack.pop();
            }
        }
    }

    /// Continues with a file. `None` if that is impossible: too many links or directories, or a file with names to come.
    fn enter(&mut self, tree: &FileTree, id: FileId) -> Option<()> {
        if let FileKind::Symlink(target) = &tree.entry(id).kind {
            self.links += 1;
            if self.links > MAX_LINKS {
                return None;
            }
            if target.starts_with(b"/") {
                self.stack.truncate(1);
            }
            self.push(target);
            return Some(());
        }
        let can_continue = self.names.is_empty() || tree.is_directory(id);
        if !can_continue || self.stack.len() > MAX_DEPTH {
            return None;
        }
        self.stack.push(id);
        Some(())
    }
}

/// Directory and last name of a path.
pub(crate) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let end = path
        .iter()
        .rposition(|byte| *byte != b'/')
        .map_or(0, |at| at + 1);
    let path = &path[..end];
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (b"", path),
    }
}

/// A path from a directory on.
fn join(directory: &[u8], path: &[u8]) -> Vec<u8> {
    if path.starts_with(b"/") {
        return path.to_vec();
    }
    [directory, b"/", path].concat()
}

type Names<'a> = btree_map::Iter<'a, Box<[u8]>, Child>;

/// Goes through a tree, see [`FileTree::walk`].
pub struct Walk<'a> {
    tree: &'a FileTree,
    path: Vec<u8>,
    /// For each open directory, the length of its path and what is still to come.
    stack: Vec<(usize, Names<'a>)>,
}

impl Walk<'_> {
    fn enter(&mut self, directory: FileId) {
        let children = self.tree.nodes[directory.index()].children.iter();
        self.stack.push((self.path.len(), children));
    }

    /// The next file with its path, which has no slash at the beginning.
    pub fn next_file(&mut self) -> Option<(&[u8], FileId)> {
        loop {
            let (length, children) = self.stack.last_mut()?;
            self.path.truncate(*length);
            let Some((name, child)) = children.next() else {
                self.stack.pop();
                continue;
            };
            if !self.path.is_empty() {
                self.path.push(b'/');
            }
            self.path.extend_from_slice(name);
            if self.tree.is_directory(child.id) {
                self.enter(child.id);
            }
            return Some((&self.path, child.id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> FileEntry {
        FileEntry::of_root(FileKind::Directory, 0o755, Time::default())
    }

    fn link(target: &str) -> FileEntry {
        let target = target.as_bytes().into();
        FileEntry::of_root(FileKind::Symlink(target), 0o777, Time::default())
    }

    fn file(content: &str) -> FileEntry {
        let kind = FileKind::File(FileContent::of(content.as_bytes()));
        FileEntry::of_root(kind, 0o644, Time::default())
    }

    fn paths(tree: &FileTree) -> Vec<String> {
        let mut walk = tree.walk();
        let mut paths = Vec::new();
        while let Some((path, _)) = walk.next_file() {
            paths.push(String::from_utf8_lossy(path).into_owned());
        }
        paths
    }

    #[test]
    fn links_lead_to_files_inside_of_the_tree() {
        let mut tree = FileTree::new(directory());
        tree.set(b"usr/lib/x", file("x")).unwrap();
        tree.set(b"lib", link("usr/lib")).unwrap();
        tree.set(b"up", link("../../../usr")).unwrap();
        tree.set(b"usr/absolute", link("/lib/x")).unwrap();
        let x = tree.find(b"/usr/lib/x").unwrap();
        for path in [
            &b"lib/x"[..],
            b"up/lib/x",
            b"usr/absolute",
            b"usr/../lib/./x",
            b"../lib/x",
        ] {
            assert_eq!(tree.find(path), Some(x), "{}", path.escape_ascii());
        }
        assert_eq!(tree.find(b"lib/x/y"), None);
        assert_ne!(tree.find_name(b"usr/absolute"), Some(x));
    }

    #[test]
    fn circles_of_links_and_deep_directories_end() {
        let mut tree = FileTree::new(directory());
        tree.set(b"a", link("b")).unwrap();
        tree.put(tree.root(), b"b", link("a"), 0);
        assert_eq!(tree.find(b"a"), None);
        let through = tree.directory(b"a/x", Time::default(), 0).map(|_| ());
        assert!(matches!(through, Err(TreeError::Links(_))));
        assert!(matches!(tree.set(b"a", file("")), Err(TreeError::Links(_))));
        let deep = b"d/".repeat(1500);
        assert!(tree.directory(&deep, Time::default(), 0).is_ok());
        tree.put(
            tree.root(),
            b"deep",
            link(str::from_utf8(&deep).unwrap()),
            0,
        );
        let deeper = [&b"deep/"[..], &deep].concat();
        assert!(tree.directory(&deeper, Time::default(), 0).is_err());
    }

    #[test]
    fn a_walk_is_in_order_of_paths() {
        let mut tree = FileTree::new(directory());
        for path in [&b"b/y"[..], b"b/x/1", b"a", b"b.c"] {
            tree.set(path, file("")).unwrap();
        }
        assert_eq!(paths(&tree), ["a", "b", "b/x", "b/x/1", "b/y", "b.c"]);
        assert!(tree.remove(b"b/x/"));
        assert!(!tree.remove(b"b/z"));
        assert!(!tree.remove(b"c/z"));
        assert_eq!(paths(&tree), ["a", "b", "b/y", "b.c"]);
    }

    #[test]
    fn files_are_set_where_links_lead() {
        let mut tree = FileTree::new(directory());
        tree.set(b"etc/resolv.conf", link("../run/resolv.conf"))
            .unwrap();
        tree.set(b"etc/resolv.conf", file("new")).unwrap();
        assert_eq!(tree.text(b"run/resolv.conf").unwrap(), b"new");
        let blocked = tree.set(b"etc", file("")).map(|_| ());
        assert!(matches!(blocked, Err(TreeError::IsADirectory(_))));
        let through = tree.set(b"run/resolv.conf/x", file("")).map(|_| ());
        assert!(matches!(through, Err(TreeError::NotADirectory(_))));
    }

    #[test]
    fn an_opaque_directory_hides_lower_layers_only() {
        let mut tree = FileTree::new(directory());
        let root = tree.root();
        let top = tree.put(root, b"top", directory(), 0);
        let both = tree.put(top, b"both", directory(), 0);
        tree.put(both, b"old", file(""), 0);
        tree.put(both, b"new", file(""), 1);
        tree.put(top, b"old", file(""), 0);
        // A file of a lower layer with a name of this one.
        let x = tree.put(root, b"x", file(""), 0);
        tree.link(top, b"x", x, 1);
        let mut hidden = HashSet::new();
        tree.hide_lower(top, 1, &mut hidden);
        let new = ["top", "top/both", "top/both/new", "top/x", "x"];
        assert_eq!(paths(&tree), new);
        tree.white_out(root, b"top", 1, &mut hidden);
        assert_eq!(paths(&tree), new);
        tree.white_out(root, b"top", 2, &mut HashSet::new());
        tree.white_out(root, b"none", 2, &mut HashSet::new());
        assert_eq!(paths(&tree), ["x"]);
    }
}
