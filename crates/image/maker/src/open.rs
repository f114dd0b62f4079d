//! Opens a source and finds out what it is.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use gumnut_compression::{Compression, Decompressed};
use gumnut_tree::{
    ArchiveOptions, ArchiveSource, ContainerConfig, ContainerFiles, DirectoryOptions,
    DirectorySource, FileIdentity, FileTree, Look, NoteKind, Notes, Source, TarLimits, TarReader,
    is_container_archive,
};
use gumnut_types::Progress;

use crate::error::MakeError;
use crate::options::{MakeOptions, SourceForm};

/// Bytes that are copied at once.
const BUFFER: usize = 1 << 20;

/// Names in the root directory of a system.
const OF_A_SYSTEM: [&[u8]; 18] = [
    b".dockerenv",
    b"bin",
    b"boot",
    b"dev",
    b"etc",
    b"home",
    b"lib",
    b"lib64",
    b"media",
    b"opt",
    b"proc",
    b"root",
    b"run",
    b"sbin",
    b"srv",
    b"sys",
    b"usr",
    b"var",
];
/// Members of an archive with other names that are looked at.
const MOST_LOOKED_AT: usize = 16;
/// Length of a member behind which an archive is not looked at, in bytes.
const LONGEST_SKIPPED: u64 = 1 << 20;

/// What an image is made of.
pub enum Input<'a> {
    /// A directory or file.
    Path(&'a Path),
    /// A tar archive that is kept in a temporary file without a name until the image is made.
    Stream(&'a mut dyn Read),
}

/// A source that has been read once.
pub(crate) struct Opened {
    pub(crate) source: Source,
    pub(crate) tree: FileTree,
    pub(crate) notes: Notes,
    /// What a container would run.
    pub(crate) config: Option<ContainerConfig>,
}

pub(crate) fn open(
    input: Input<'_>,
    options: &MakeOptions,
    progress: &dyn Progress,
) -> Result<Opened, MakeError> {
    let (file, name) = match input {
        Input::Stream(stream) => (spool(stream, progress)?, "standard input".to_owned()),
        Input::Path(path) => {
            let failed = |source| MakeError::Read {
                path: path.to_owned(),
                source,
            };
            let metadata = fs_err::metadata(path).map_err(failed)?;
            if metadata.is_dir() {
                return directory(path, options, progress);
            }
            let file = fs_err::File::open(path).map_err(failed)?.into_file();
            let name = path.display().to_string();
            if metadata.is_file() {
                (file, name)
            } else {
                // A pipe can be read only once.
                (spool(&mut &file, progress)?, name)
            }
        }
    };
    let is_container = match options.form {
        Some(form) => form == SourceForm::Container,
        None => has_container(&file, &name)?,
    };
    if is_container {
        let files = ContainerFiles::archive(file, &options.limits, progress)?;
        return container(&files, options, progress);
    }
    archive(ArchiveSource::new(file)?, None, options, progress)
}

/// Keeps a stream in a temporary file without a name.
fn spool(stream: &mut dyn Read, progress: &dyn Progress) -> Result<File, MakeError> {
    let mut file = tempfile::tempfile().map_err(MakeError::Spool)?;
    let mut buffer = vec![0; BUFFER];
    loop {
        if progress.cancelled() {
            return Err(gumnut_tree::TreeError::Cancelled.into());
        }
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                let written = io::Write::write_all(&mut file, &buffer[..count]);
                written.map_err(MakeError::Spool)?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(MakeError::Spool(error)),
        }
    }
    file.rewind().map_err(MakeError::Spool)?;
    Ok(file)
}

/// Whether a path leads to a tree of files, and of which form: a directory with the files of a system, a tar archive of such files, or a
/// container image. `None`: it is something else, such as a disk image or a directory or archive of disk images.
///
/// # Errors
/// When it cannot be read.
pub fn recognise(path: &Path) -> Result<Option<SourceForm>, MakeError> {
    let failed = |source| MakeError::Read {
        path: path.to_owned(),
        source,
    };
    let metadata = fs_err::metadata(path).map_err(failed)?;
    if metadata.is_dir() {
        if is_layout(path) {
            return Ok(Some(SourceForm::Container));
        }
        let has = |name: &str| path.join(name).is_dir();
        let is_system = has("etc") && ["bin", "sbin", "usr"].into_iter().any(has);
        return Ok(is_system.then_some(SourceForm::Directory));
    }
    if !metadata.is_file() {
        return Ok(None);
    }
    let file = fs_err::File::open(path).map_err(failed)?.into_file();
    let mut archive = TarReader::new(unpacked(&file).map_err(failed)?, TarLimits::default());
    let mut looked_at = 0;
    // What is no archive has no members.
    while let Ok(Some(member)) = archive.next_member() {
        let first = member.path.split(|byte| *byte == b'/').next();
        let first = first.unwrap_or_default();
        if first.is_empty() {
            continue;
        }
        if is_container_archive(&member.path) {
            return Ok(Some(SourceForm::Container));
        }
        if OF_A_SYSTEM.contains(&first) {
            return Ok(Some(SourceForm::Tar));
        }
        looked_at += 1;
        if looked_at >= MOST_LOOKED_AT || member.length > LONGEST_SKIPPED {
            break;
        }
    }
    Ok(None)
}

/// Whether the archive in a file is one of a container image; an error if it is no archive.
fn has_container(file: &File, name: &str) -> Result<bool, MakeError> {
    let failed = |source| MakeError::NotATree {
        name: name.to_owned(),
        source,
    };
    let plain = unpacked(file).map_err(|error| failed(gumnut_tree::TarError::Read(error)))?;
    let mut archive = TarReader::new(plain, TarLimits::default());
    // The first member can be the root itself.
    while let Some(member) = archive.next_member().map_err(failed)? {
        if !member.path.is_empty() {
            return Ok(is_container_archive(&member.path));
        }
    }
    Ok(false)
}

/// The bytes of a file, without its compression.
fn unpacked(file: &File) -> io::Result<Box<dyn Read + '_>> {
    let mut head = vec![0; 4096];
    let length = file.read_at(&mut head, 0)?;
    let raw = BufReader::new(At { file, position: 0 });
    Ok(match Compression::recognise(&head[..length]) {
        None => Box::new(raw),
        Some(compression) => Box::new(Decompressed::new(compression, raw)?),
    })
}

/// Whether a directory is an OCI layout.
fn is_layout(path: &Path) -> bool {
    let has = |name: &str| path.join(name).is_file();
    has("oci-layout") && has("index.json")
}

/// Reads a file without moving its position.
struct At<'a> {
    file: &'a File,
    position: u64,
}

impl Read for At<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}

fn directory(
    path: &Path,
    options: &MakeOptions,
    progress: &dyn Progress,
) -> Result<Opened, MakeError> {
    let is_container = match options.form {
        Some(form) => form == SourceForm::Container,
        None => is_layout(path),
    };
    if is_container {
        let files = ContainerFiles::directory(path)?;
        return container(&files, options, progress);
    }
    let mut source = DirectorySource::open(path)?;
    let running = options.running.as_ref();
    let swaps = running.map_or(&[][..], |running| &running.swap_files);
    let mut skip: Vec<_> = identities(swaps, NoteKind::Swap);
    skip.extend(identities(&options.outputs, NoteKind::Output));
    let volatile = running.map_or_else(Vec::new, |_| crate::running::volatile());
    let directory_options = DirectoryOptions {
        exclude: options.exclude.clone(),
        other_file_systems: options.other_file_systems,
        mounts: options.mounts.clone(),
        volatile,
        skip,
        look: look(options),
        max_files: options.limits.members,
        max_bytes: options.limits.bytes,
    };
    let (tree, notes) = source.plan(&directory_options, progress)?;
    if !options.owner_root
        && let Some(user) = only_owner(&tree)
    {
        let path = path.to_owned();
        return Err(MakeError::OneOwner { path, user });
    }
    Ok(Opened {
        source: Source::Directory(source),
        tree,
        notes,
        config: None,
    })
}

/// Files that are there, whatever their names are later.
fn identities(paths: &[PathBuf], kind: NoteKind) -> Vec<(FileIdentity, NoteKind)> {
    let found = paths.iter().filter_map(|path| fs_err::metadata(path).ok());
    found
        .map(|metadata| {
            let identity = FileIdentity {
                device: metadata.dev(),
                inode: metadata.ino(),
            };
            (identity, kind)
        })
        .collect()
}

/// The user to whom all files belong, unless that is root.
fn only_owner(tree: &FileTree) -> Option<u32> {
    let user = tree.entry(tree.root()).user;
    let mut walk = tree.walk();
    while let Some((_, id)) = walk.next_file() {
        if tree.entry(id).user != user {
            return None;
        }
    }
    (user != 0).then_some(user)
}

fn look(options: &MakeOptions) -> Look {
    Look {
        private_keys: options.seal || options.filter.is_some(),
    }
}

fn container(
    files: &ContainerFiles,
    options: &MakeOptions,
    progress: &dyn Progress,
) -> Result<Opened, MakeError> {
    let (source, config) = files.image(&options.container)?;
    archive(source, Some(config), options, progress)
}

fn archive(
    source: ArchiveSource,
    config: Option<ContainerConfig>,
    options: &MakeOptions,
    progress: &dyn Progress,
) -> Result<Opened, MakeError> {
    let archive_options = ArchiveOptions {
        limits: options.limits,
        look: look(options),
    };
    let (mut tree, mut notes) = source.plan(&archive_options, progress)?;
    tree.exclude(&options.exclude, &mut notes);
    Ok(Opened {
        source: Source::Archives(source),
        tree,
        notes,
        config,
    })
}
