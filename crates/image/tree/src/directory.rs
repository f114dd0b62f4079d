//! A directory of this machine becomes a tree. Others may change it meanwhile.
//!
//! No path is looked up twice from the root: each file is opened relative to its directory and never through a link, so that
//! nobody can lead a process of root out of the tree by swapping a directory for a link.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read as _;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use gumnut_ext::Output;
use gumnut_types::Progress;
use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, SeekFrom, Stat, StatxAttributes, StatxFlags,
};
use rustix::io::Errno;

use crate::contents::Contents;
use crate::error::{TreeError, printable};
use crate::file_tree::{FileContent, FileEntry, FileId, FileKind, FileTree, Origin, split, whole};
use crate::glob::Patterns;
use crate::look::{Look, wants_text};
use crate::member::Time;
use crate::notes::{NoteKind, Notes};
use crate::private_key::{MAX_KEY_FILE, has_private_key};

/// Longest target of a link, and longest name.
const MAX_PATH: usize = 4096;
/// Data segments of one sparse file.
const MAX_SEGMENTS: usize = 1 << 20;

/// Bytes that are copied at once.
const BUFFER: usize = 256 << 10;
/// A file that is not larger is read again if it changed while it was read. It is in memory meanwhile.
const MAX_REPEATED: u64 = 4 << 20;
/// How often such a file is read.
const ATTEMPTS: usize = 4;

/// What to read of a directory.
#[derive(Clone, Debug, Default)]
pub struct DirectoryOptions {
    /// Paths in the directory that are left out, with all that is below.
    pub exclude: Patterns,
    /// Whether to read what is mounted below the directory, too.
    pub other_file_systems: bool,
    /// Paths in the directory of mounted file systems that are read, although others are not.
    pub mounts: Vec<Vec<u8>>,
    /// Directories whose contents are left out, by their paths in the directory.
    pub volatile: Vec<Vec<u8>>,
    /// Files that are left out, by device and inode: those that are being written, and swap space.
    pub skip: Vec<(FileIdentity, NoteKind)>,
    /// What to look at in the contents.
    pub look: Look,
    /// Largest number of files.
    pub max_files: u64,
    /// Largest sum of the lengths of all files in bytes, holes included.
    pub max_bytes: u64,
}

/// A file of this machine, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileIdentity {
    /// Number of the device.
    pub device: u64,
    /// Number of the inode.
    pub inode: u64,
}

/// A directory of this machine as the source of a tree.
pub struct DirectorySource {
    path: PathBuf,
    root: OwnedFd,
    /// What has been planned of each file, to find out whether it is still the one.
    planned: HashMap<FileId, FileIdentity>,
}

impl DirectorySource {
    /// Opens a directory; a link is followed.
    ///
    /// # Errors
    /// When it cannot be opened or is no directory.
    pub fn open(path: &Path) -> Result<Self, TreeError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root =
            rustix::fs::open(path, flags, Mode::empty()).map_err(|error| TreeError::Open {
                path: path.to_owned(),
                source: error.into(),
            })?;
        Ok(Self {
            path: path.to_owned(),
            root,
            planned: HashMap::new(),
        })
    }

    /// Reads names and attributes of all files, and the contents of those that are looked at.
    ///
    /// # Errors
    /// When a file cannot be read, and when there are too many. What is removed meanwhile is noted.
    pub fn plan(
        &mut self,
        options: &DirectoryOptions,
        progress: &dyn Progress,
    ) -> Result<(FileTree, Notes), TreeError> {
        let status = rustix::fs::fstat(&self.root).map_err(|error| self.failed(b"", error))?;
        let xattrs = self.xattrs(&self.root, b"", b".")?;
        let tree = FileTree::new(entry(&status, FileKind::Directory, xattrs));
        let mut reading = Reading {
            source: self,
            options,
            progress,
            device: status.st_dev,
            directories: vec![(tree.root(), Vec::new())],
            tree,
            notes: Notes::default(),
            linked: HashMap::new(),
            planned: HashMap::new(),
            bytes: 0,
        };
        while let Some((id, path)) = reading.directories.pop() {
            reading.directory(id, &path)?;
        }
        let (tree, notes, planned) = (reading.tree, reading.notes, reading.planned);
        self.planned = planned;
        Ok((tree, notes))
    }

    /// Writes the contents of all files that are left in the tree. What happened to them meanwhile is noted.
    pub(crate) fn write<O: Output>(
        &self,
        tree: &FileTree,
        contents: &mut Contents<'_, O>,
        progress: &dyn Progress,
    ) -> Result<(), TreeError> {
        let mut writing = Writing {
            source: self,
            progress,
            buffer: vec![0; BUFFER],
        };
        let mut done = HashSet::new();
        let mut walk = tree.walk();
        while let Some((_, id)) = walk.next_file() {
            if let FileKind::File(content) = &tree.entry(id).kind
                && let Origin::Path(path) = &content.origin
                && done.insert(id)
            {
                writing.file(id, content, path, contents)?;
            }
        }
        Ok(())
    }

    /// Opens a file that was planned. `None` if it is gone, or something else has its name.
    pub(crate) fn open_file(&self, id: FileId, path: &[u8]) -> Result<Option<File>, TreeError> {
        let (parent, name) = split(path);
        let Some(directory) = self.open_directory(parent)? else {
            return Ok(None);
        };
        let Some(file) = self.open_in(&directory, name, path)? else {
            return Ok(None);
        };
        let status = rustix::fs::fstat(&file).map_err(|error| self.failed(path, error))?;
        let same = self.planned.get(&id) == Some(&identity(&status));
        Ok((same && is_file(&status)).then(|| File::from(file)))
    }

    /// A directory, step by step and through no link. `None` if it is gone.
    fn open_directory(&self, path: &[u8]) -> Result<Option<OwnedFd>, TreeError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut here: Option<OwnedFd> = None;
        let names = path.split(|byte| *byte == b'/');
        for name in std::iter::once(&b"."[..]).chain(names.filter(|name| !name.is_empty())) {
            let parent = here.as_ref().map_or(self.root.as_fd(), AsFd::as_fd);
            let opened = rustix::fs::openat(parent, OsStr::from_bytes(name), flags, Mode::empty());
            here = match opened {
                Ok(directory) => Some(directory),
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
                Err(error) => return Err(self.failed(path, error)),
            };
        }
        Ok(here)
    }

    /// Opens a regular file without changing the time of its last access, if the system allows. `None` if it is gone.
    fn open_in(
        &self,
        directory: &OwnedFd,
        name: &[u8],
        path: &[u8],
    ) -> Result<Option<OwnedFd>, TreeError> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let name = OsStr::from_bytes(name);
        let open = |flags| rustix::fs::openat(directory, name, flags, Mode::empty());
        // Only the owner and root may ask for that.
        let opened = match open(flags | OFlags::NOATIME) {
            Err(Errno::PERM) => open(flags),
            opened => opened,
        };
        match opened {
            Ok(file) => Ok(Some(file)),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NXIO) => Ok(None),
            Err(error) => Err(self.failed(path, error)),
        }
    }

    /// Extended attributes of a file in an open directory; a link is not followed.
    fn xattrs(&self, directory: &OwnedFd, path: &[u8], name: &[u8]) -> Result<Xattrs, TreeError> {
        // There is no call for a name in a directory, but the kernel knows open directories by paths.
        let mut at = format!("/proc/self/fd/{}/", directory.as_raw_fd()).into_bytes();
        at.extend_from_slice(name);
        let file = OsStr::from_bytes(&at);
        let list = match sized(
            || rustix::fs::llistxattr_query(file),
            |buffer| rustix::fs::llistxattr(file, buffer),
        ) {
            Ok(list) => list,
            Err(Errno::NOENT) if !Path::new("/proc/self/fd").exists() => {
                return Err(TreeError::NoProc);
            }
            // Removed meanwhile, or a file system without attributes.
            Err(Errno::NOENT | Errno::NOTSUP) => return Ok(Vec::new()),
            Err(error) => return Err(self.failed(path, error)),
        };
        let mut xattrs = Vec::new();
        for attribute in list
            .split(|byte| *byte == 0)
            .filter(|name| !name.is_empty())
        {
            let attribute_name = OsStr::from_bytes(attribute);
            let value = sized(
                || rustix::fs::lgetxattr_query(file, attribute_name),
                |buffer| rustix::fs::lgetxattr(file, attribute_name, buffer),
            );
            match value {
                Ok(value) => xattrs.push((attribute.to_vec(), value)),
                // Removed meanwhile, or invented by the file system for listing.
                Err(Errno::NODATA | Errno::NOTSUP | Errno::NOENT) => {}
                Err(error) => return Err(self.failed(path, error)),
            }
        }
        Ok(xattrs)
    }

    fn failed(&self, path: &[u8], error: Errno) -> TreeError {
        TreeError::Open {
            path: self.path.join(OsStr::from_bytes(path)),
            source: error.into(),
        }
    }
}

type Xattrs = Vec<(Vec<u8>, Vec<u8>)>;

/// What a call returns whose length is asked for first. Others may make it longer meanwhile.
fn sized(
    query: impl Fn() -> rustix::io::Result<usize>,
    mut get: impl FnMut(&mut [u8]) -> rustix::io::Result<usize>,
) -> rustix::io::Result<Vec<u8>> {
    loop {
        let length = query()?;
        let mut buffer = vec![0; length];
        if length == 0 {
            return Ok(buffer);
        }
        match get(&mut buffer) {
            Ok(length) => {
                buffer.truncate(length);
                return Ok(buffer);
            }
            Err(Errno::RANGE) => {}
            Err(error) => return Err(error),
        }
    }
}

fn identity(status: &Stat) -> FileIdentity {
    FileIdentity {
        device: status.st_dev,
        inode: status.st_ino,
    }
}

fn file_type(status: &Stat) -> FileType {
    FileType::from_raw_mode(status.st_mode)
}

fn is_file(status: &Stat) -> bool {
    file_type(status) == FileType::RegularFile
}

/// A directory while it is read.
struct Reading<'a> {
    source: &'a DirectorySource,
    options: &'a DirectoryOptions,
    progress: &'a dyn Progress,
    /// Of the file system on which the directory is.
    device: u64,
    tree: FileTree,
    notes: Notes,
    /// Directories to be read, with their paths.
    directories: Vec<(FileId, Vec<u8>)>,
    /// Files with several names.
    linked: HashMap<FileIdentity, FileId>,
    planned: HashMap<FileId, FileIdentity>,
    bytes: u64,
}

impl Reading<'_> {
    fn directory(&mut self, id: FileId, path: &[u8]) -> Result<(), TreeError> {
        let Some(directory) = self.source.open_directory(path)? else {
            self.notes.add(NoteKind::Vanished, path, "");
            return Ok(());
        };
        let failed = |error| self.source.failed(path, error);
        let mut names = Vec::new();
        for found in Dir::read_from(&directory).map_err(failed)? {
            let found = found.map_err(failed)?;
            let name = found.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push(name.to_vec());
            }
        }
        names.sort_unstable();
        if self
            .options
            .volatile
            .iter()
            .any(|volatile| volatile == path)
        {
            if !names.is_empty() {
                self.notes
                    .add(NoteKind::Volatile, path, format!("{} names", names.len()));
            }
            return Ok(());
        }
        for name in names {
            if self.progress.cancelled() {
                return Err(TreeError::Cancelled);
            }
            let mut below = path.to_vec();
            if !below.is_empty() {
                below.push(b'/');
            }
            below.extend_from_slice(&name);
            if self.options.exclude.fits(&below) {
                self.notes.add(NoteKind::Excluded, &below, "");
            } else {
                self.file(id, &directory, &name, below)?;
            }
        }
        Ok(())
    }

    fn file(
        &mut self,
        parent: FileId,
        directory: &OwnedFd,
        name: &[u8],
        path: Vec<u8>,
    ) -> Result<(), TreeError> {
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
        let status = match rustix::fs::statat(directory, OsStr::from_bytes(name), flags) {
            Ok(status) => status,
            Err(Errno::NOENT) => {
                self.notes.add(NoteKind::Vanished, &path, "");
                return Ok(());
            }
            Err(error) => return Err(self.source.failed(&path, error)),
        };
        let identity = identity(&status);
        let mut skipped = self.options.skip.iter();
        if let Some((_, kind)) = skipped.find(|(skipped, _)| *skipped == identity) {
            self.notes.add(*kind, &path, "");
            return Ok(());
        }
        let is_directory = file_type(&status) == FileType::Directory;
        if !is_directory
            && status.st_nlink > 1
            && let Some(first) = self.linked.get(&identity)
        {
            self.tree.link(parent, name, *first, 0);
            return Ok(());
        }
        let Some(kind) = self.kind(directory, name, &path, &status)? else {
            self.notes.add(NoteKind::Vanished, &path, "");
            return Ok(());
        };
        let is_file = matches!(kind, FileKind::File(_));
        let xattrs = self.source.xattrs(directory, &path, name)?;
        let id = self.tree.put(parent, name, entry(&status, kind, xattrs), 0);
        if self.tree.len() as u64 > self.options.max_files {
            return Err(TreeError::TooManyFiles(self.options.max_files));
        }
        if is_directory {
            if self.is_mounted(directory, name, &path, &status) {
                self.notes.add(NoteKind::OtherFileSystem, &path, "");
            } else {
                self.directories.push((id, path));
            }
        } else if status.st_nlink > 1 {
            self.linked.insert(identity, id);
        }
        if is_file {
            self.planned.insert(id, identity);
        }
        Ok(())
    }

    /// Whether a directory is where something is mounted that is not to be read.
    fn is_mounted(&self, directory: &OwnedFd, name: &[u8], path: &[u8], status: &Stat) -> bool {
        if self.options.other_file_systems || self.options.mounts.iter().any(|it| it == path) {
            return false;
        }
        // What is below a mounted file system that is read may be of that one.
        let parent = rustix::fs::fstat(directory).map_or(self.device, |parent| parent.st_dev);
        if status.st_dev != parent {
            return true;
        }
        // A directory of the same file system may be mounted; Linux before 5.8 does not say.
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
        let asked = StatxFlags::BASIC_STATS;
        rustix::fs::statx(directory, OsStr::from_bytes(name), flags, asked)
            .is_ok_and(|status| status.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
    }

    /// `None` if the file is gone.
    fn kind(
        &mut self,
        directory: &OwnedFd,
        name: &[u8],
        path: &[u8],
        status: &Stat,
    ) -> Result<Option<FileKind>, TreeError> {
        let (major, minor) = (
            rustix::fs::major(status.st_rdev),
            rustix::fs::minor(status.st_rdev),
        );
        Ok(Some(match file_type(status) {
            FileType::Directory => FileKind::Directory,
            FileType::RegularFile => match self.content(directory, name, path, status)? {
                Some(content) => FileKind::File(content),
                None => return Ok(None),
            },
            FileType::Symlink => {
                let buffer = Vec::with_capacity(MAX_PATH);
                match rustix::fs::readlinkat(directory, OsStr::from_bytes(name), buffer) {
                    Ok(target) => FileKind::Symlink(target.into_bytes().into()),
                    Err(Errno::NOENT | Errno::INVAL) => return Ok(None),
                    Err(error) => return Err(self.source.failed(path, error)),
                }
            }
            FileType::Fifo => FileKind::Fifo,
            FileType::Socket => FileKind::Socket,
            FileType::CharacterDevice => FileKind::CharacterDevice { major, minor },
            FileType::BlockDevice => FileKind::BlockDevice { major, minor },
            FileType::Unknown => return Err(TreeError::Unknown(printable(path))),
        }))
    }

    /// What is known of the content of a file before it is read. `None` if the file is gone.
    fn content(
        &mut self,
        directory: &OwnedFd,
        name: &[u8],
        path: &[u8],
        status: &Stat,
    ) -> Result<Option<FileContent>, TreeError> {
        let length = status.st_size.cast_unsigned();
        self.bytes = self.bytes.saturating_add(length);
        if self.bytes > self.options.max_bytes {
            return Err(TreeError::TooManyBytes {
                path: printable(path),
                limit: self.options.max_bytes,
            });
        }
        let mut content = FileContent {
            length,
            data: whole(length),
            origin: Origin::Path(path.into()),
            text: None,
            has_private_key: false,
        };
        let is_sparse = (status.st_blocks.cast_unsigned()).saturating_mul(512) < length;
        let look = self.options.look;
        let is_text = wants_text(path, length);
        let wants_key = look.private_keys && length <= MAX_KEY_FILE && length > 0;
        if !is_sparse && !is_text && !wants_key {
            return Ok(Some(content));
        }
        let Some(opened) = self.source.open_in(directory, name, path)? else {
            return Ok(None);
        };
        let file = File::from(opened);
        if is_sparse {
            content.data =
                segments(&file, length).map_err(|error| self.source.failed(path, error))?;
        }
        if is_text || wants_key {
            let mut bytes = Vec::new();
            let read = (&file).take(length).read_to_end(&mut bytes);
            read.map_err(|source| TreeError::Open {
                path: self.source.path.join(OsStr::from_bytes(path)),
                source,
            })?;
            content.has_private_key = wants_key && has_private_key(&bytes);
            content.text = is_text.then(|| bytes.into());
        }
        Ok(Some(content))
    }
}

/// The ranges of a file that are no holes, as far as its file system says.
fn segments(file: &File, length: u64) -> rustix::io::Result<Vec<Range<u64>>> {
    let mut data: Vec<Range<u64>> = Vec::new();
    let mut position = 0;
    while position < length {
        let start = match rustix::fs::seek(file, SeekFrom::Data(position)) {
            Ok(start) => start.min(length),
            // There are only holes from here on.
            Err(Errno::NXIO) => break,
            Err(Errno::INVAL) => position,
            Err(error) => return Err(error),
        };
        let end = match rustix::fs::seek(file, SeekFrom::Hole(start)) {
            Ok(end) => end.min(length),
            Err(Errno::NXIO) => break,
            Err(Errno::INVAL) => length,
            Err(error) => return Err(error),
        };
        let is_full = data.len() >= MAX_SEGMENTS;
        match data.last_mut() {
            // More pieces than anyone needs are taken together.
            Some(last) if is_full => last.end = end,
            _ if start < end => data.push(start..end),
            _ => {}
        }
        position = end.max(start);
    }
    Ok(data)
}

fn entry(status: &Stat, kind: FileKind, xattrs: Xattrs) -> FileEntry {
    FileEntry {
        kind,
        permissions: (status.st_mode & 0o7777) as u16,
        user: status.st_uid,
        group: status.st_gid,
        accessed: time(status.st_atime, status.st_atime_nsec),
        modified: time(status.st_mtime, status.st_mtime_nsec),
        changed: time(status.st_ctime, status.st_ctime_nsec),
        xattrs,
    }
}

fn time(seconds: i64, nanoseconds: u64) -> Time {
    Time {
        seconds,
        nanoseconds: nanoseconds as u32,
    }
}

/// The contents of a directory on their way.
struct Writing<'a> {
    source: &'a DirectorySource,
    progress: &'a dyn Progress,
    buffer: Vec<u8>,
}

impl Writing<'_> {
    fn file<O: Output>(
        &mut self,
        id: FileId,
        content: &FileContent,
        path: &[u8],
        contents: &mut Contents<'_, O>,
    ) -> Result<(), TreeError> {
        let Some(file) = self.source.open_file(id, path)? else {
            contents.notes.add(NoteKind::Vanished, path, "");
            return contents.leave_out(id);
        };
        if content.length == 0 {
            return Ok(());
        }
        let (changed, missing) = self
            .copy(id, content, &file, contents)
            .map_err(|error| self.with_path(path, error))?;
        if missing > 0 {
            let reason = format!("{missing} of {} bytes are zeros", content.length);
            contents.notes.add(NoteKind::Shortened, path, reason);
        } else if changed {
            contents.notes.add(NoteKind::Changed, path, "");
        }
        Ok(())
    }

    fn with_path(&self, path: &[u8], error: TreeError) -> TreeError {
        match error {
            TreeError::Read(source) => TreeError::Open {
                path: self.source.path.join(OsStr::from_bytes(path)),
                source,
            },
            error => error,
        }
    }

    /// Whether the file changed meanwhile, and how many bytes it is too short.
    fn copy<O: Output>(
        &mut self,
        id: FileId,
        content: &FileContent,
        file: &File,
        contents: &mut Contents<'_, O>,
    ) -> Result<(bool, u64), TreeError> {
        let stored: u64 = content
            .data
            .iter()
            .map(|range| range.end - range.start)
            .sum();
        if stored <= MAX_REPEATED {
            return self.copy_at_once(id, content, file, contents);
        }
        let before = Stamp::of(file).map_err(TreeError::Read)?;
        let mut missing = 0;
        let mut writer = contents.begin(id)?;
        let mut position = 0;
        for range in &content.data {
            writer.hole(range.start - position)?;
            position = range.start;
            while position < range.end {
                if self.progress.cancelled() {
                    return Err(TreeError::Cancelled);
                }
                let count = (range.end - position).min(BUFFER as u64) as usize;
                let buffer = &mut self.buffer[..count];
                let read = read_at(file, buffer, position).map_err(TreeError::Read)?;
                missing += (count - read) as u64;
                writer.data(buffer)?;
                self.progress.advance(count as u64);
                position += count as u64;
            }
        }
        writer.hole(content.length - position)?;
        writer.finish()?;
        let after = Stamp::of(file).map_err(TreeError::Read)?;
        let changed = before != after || after.length != content.length;
        Ok((changed, missing))
    }

    /// Reads a file that is not large until it is as it was before.
    fn copy_at_once<O: Output>(
        &mut self,
        id: FileId,
        content: &FileContent,
        file: &File,
        contents: &mut Contents<'_, O>,
    ) -> Result<(bool, u64), TreeError> {
        if self.progress.cancelled() {
            return Err(TreeError::Cancelled);
        }
        let mut bytes = Vec::new();
        let (mut changed, mut missing) = (true, 0);
        for _ in 0..ATTEMPTS {
            let before = Stamp::of(file).map_err(TreeError::Read)?;
            bytes.clear();
            missing = 0;
            for range in &content.data {
                let start = bytes.len();
                bytes.resize(start + (range.end - range.start) as usize, 0);
                let read = read_at(file, &mut bytes[start..], range.start);
                missing += (bytes.len() - start - read.map_err(TreeError::Read)?) as u64;
            }
            let after = Stamp::of(file).map_err(TreeError::Read)?;
            // A file that has become longer than planned is a change that reading again does not help.
            changed = before != after;
            if !changed {
                changed = after.length != content.length;
                break;
            }
        }
        let mut writer = contents.begin(id)?;
        let (mut position, mut rest) = (0, &bytes[..]);
        for range in &content.data {
            writer.hole(range.start - position)?;
            let (piece, others) = rest.split_at((range.end - range.start) as usize);
            writer.data(piece)?;
            (position, rest) = (range.end, others);
        }
        writer.hole(content.length - position)?;
        writer.finish()?;
        self.progress.advance(bytes.len() as u64);
        Ok((changed, missing))
    }
}

/// Reads a part of a file; what is behind its end is zeros. Returns how many bytes there were.
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    buffer[filled..].fill(0);
    Ok(filled)
}

/// What changes when a file is written to.
#[derive(PartialEq, Eq)]
pub(crate) struct Stamp {
    length: u64,
    modified: (i64, u64),
    changed: (i64, u64),
}

impl Stamp {
    pub(crate) fn of(file: &File) -> std::io::Result<Self> {
        let status = rustix::fs::fstat(file)?;
        Ok(Self {
            length: status.st_size.cast_unsigned(),
            modified: (status.st_mtime, status.st_mtime_nsec),
            changed: (status.st_ctime, status.st_ctime_nsec),
        })
    }
}
