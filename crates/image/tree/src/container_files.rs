//! The files of a container image: in a directory, or in a tar archive.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use gumnut_types::Progress;
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::error::{TarError, TreeError, printable};
use crate::file_tree::{split, whole};
use crate::limits::TarLimits;
use crate::member::MemberKind;
use crate::reader::TarReader;
use crate::stored::{Stored, StoredArchive};

/// Links in an archive that are followed for one file.
const MAX_LINKS: usize = 8;

/// The files of a container image.
pub enum ContainerFiles {
    /// In a directory.
    Directory(OwnedFd),
    /// In a tar archive.
    Archive(ContainerArchive),
}

/// A tar archive with the places of its files.
pub struct ContainerArchive {
    bytes: Stored,
    members: HashMap<Vec<u8>, Place>,
}

enum Place {
    File(Range<u64>),
    /// What has the content of another member.
    Link(Vec<u8>),
}

/// Whether an archive begins as container images do: with a file of the layout, or one that has a digest for its name.
pub fn is_container_archive(first_member: &[u8]) -> bool {
    const NAMES: [&[u8]; 5] = [
        b"blobs",
        b"index.json",
        b"manifest.json",
        b"oci-layout",
        b"repositories",
    ];
    let first = first_member
        .split(|byte| *byte == b'/')
        .next()
        .unwrap_or_default();
    let is_digest = |name: &[u8]| name.len() == 64 && name.iter().all(u8::is_ascii_hexdigit);
    let stem = first
        .strip_suffix(b".json")
        .or_else(|| first.strip_suffix(b".tar"))
        .unwrap_or(first);
    NAMES.contains(&first) || is_digest(stem)
}

impl ContainerFiles {
    /// A directory; no link in it is followed.
    ///
    /// # Errors
    /// When it cannot be opened or is no directory.
    pub fn directory(path: &Path) -> Result<Self, TreeError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = rustix::fs::open(path, flags, Mode::empty());
        opened
            .map(Self::Directory)
            .map_err(|error| TreeError::Open {
                path: path.to_owned(),
                source: error.into(),
            })
    }

    /// A tar archive. A compressed one is unpacked to a temporary file that has no name.
    ///
    /// # Errors
    /// When it cannot be read, is damaged or exceeds the limits.
    pub fn archive(
        file: File,
        limits: &TarLimits,
        progress: &dyn Progress,
    ) -> Result<Self, TreeError> {
        let mut bytes = Stored::whole(file).map_err(TreeError::Read)?;
        if bytes.compression().map_err(TreeError::Read)?.is_some() {
            bytes = unpacked(bytes, limits, progress)?;
        }
        let mut reader = TarReader::new(bytes.reader(), *limits);
        let mut members = HashMap::new();
        let wrong = |source| TreeError::Archive {
            name: "the container image".to_owned(),
            source,
        };
        while let Some(member) = reader.next_member().map_err(wrong)? {
            let start = reader.position();
            let place = match member.kind {
                MemberKind::File if member.data == whole(member.length) => {
                    Place::File(start..start.saturating_add(member.length))
                }
                MemberKind::HardLink(target) => Place::Link(target),
                MemberKind::Symlink(target) => {
                    let (parent, _) = split(&member.path);
                    let path = [parent, b"/", &target].concat();
                    // A link out of the archive leads to nothing.
                    let Some(path) = within(&path) else {
                        continue;
                    };
                    Place::Link(path)
                }
                _ => continue,
            };
            members.insert(member.path, place);
        }
        Ok(Self::Archive(ContainerArchive { bytes, members }))
    }

    /// Whether there is a file with this path.
    pub(crate) fn has(&self, path: &str) -> Result<bool, TreeError> {
        Ok(self.find(path)?.is_some())
    }

    /// A file, which must be there.
    pub(crate) fn get(&self, path: &str) -> Result<Stored, TreeError> {
        self.find(path)?.ok_or_else(|| {
            let path = printable(path.as_bytes());
            crate::container::refused(format!("{path} is missing, or is not a regular file"))
        })
    }

    fn find(&self, path: &str) -> Result<Option<Stored>, TreeError> {
        match self {
            Self::Directory(root) => open_below(root, path),
            Self::Archive(archive) => Ok(archive.find(path)),
        }
    }
}

impl ContainerArchive {
    fn find(&self, path: &str) -> Option<Stored> {
        let mut path = within(path.as_bytes())?;
        for _ in 0..MAX_LINKS {
            match self.members.get(&path)? {
                Place::File(range) => return Some(self.bytes.part(range.clone())),
                Place::Link(target) => path.clone_from(target),
            }
        }
        None
    }
}

/// A path without `..` and what means nothing; `None` if it leads out.
fn within(path: &[u8]) -> Option<Vec<u8>> {
    let mut names: Vec<&[u8]> = Vec::new();
    for name in path.split(|byte| *byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." => {
                names.pop()?;
            }
            name => names.push(name),
        }
    }
    Some(names.join(&b'/'))
}

/// Opens a regular file step by step and through no link.
fn open_below(root: &OwnedFd, path: &str) -> Result<Option<Stored>, TreeError> {
    let failed = |error: Errno| TreeError::Open {
        path: path.into(),
        source: error.into(),
    };
    let mut names = path.split('/').peekable();
    let mut here: Option<OwnedFd> = None;
    while let Some(name) = names.next() {
        if matches!(name, "" | "." | "..") {
            return Ok(None);
        }
        let mut flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        if names.peek().is_some() {
            flags |= OFlags::DIRECTORY;
        }
        let parent = here.as_ref().map_or(root.as_fd(), AsFd::as_fd);
        here = match rustix::fs::openat(parent, name, flags, Mode::empty()) {
            Ok(opened) => Some(opened),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NXIO) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
    }
    let Some(file) = here else {
        return Ok(None);
    };
    let status = rustix::fs::fstat(&file).map_err(failed)?;
    if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
        return Ok(None);
    }
    let stored = Stored::whole(File::from(file)).map_err(TreeError::Read)?;
    Ok(Some(stored))
}

/// Unpacks a compressed archive to a file without a name.
fn unpacked(
    bytes: Stored,
    limits: &TarLimits,
    progress: &dyn Progress,
) -> Result<Stored, TreeError> {
    let archive = StoredArchive::new(bytes, "the container image");
    let limit = limits.bytes.saturating_add(1 << 30);
    let mut plain = archive.open(limit)?;
    let mut file = tempfile::tempfile().map_err(TreeError::Copy)?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        if progress.cancelled() {
            return Err(TreeError::Cancelled);
        }
        let count = match plain.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                let name = archive.name.clone();
                let source = TarError::Read(error);
                return Err(TreeError::Archive { name, source });
            }
        };
        io::Write::write_all(&mut file, &buffer[..count]).map_err(TreeError::Copy)?;
    }
    file.rewind().map_err(TreeError::Copy)?;
    Stored::whole(file).map_err(TreeError::Read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_of_containers_are_recognised_by_their_first_member() {
        let digest = "0123456789abcdef".repeat(4);
        for first in [
            "blobs",
            "blobs/sha256",
            "oci-layout",
            &digest,
            &format!("{digest}.tar"),
            &format!("{digest}/layer.tar"),
        ] {
            assert!(is_container_archive(first.as_bytes()), "{first}");
        }
        for first in ["", "bin", "etc/manifest.json", "blobs.txt", &digest[1..]] {
            assert!(!is_container_archive(first.as_bytes()), "{first}");
        }
    }

    #[test]
    fn links_lead_inside_of_the_archive_or_nowhere() {
        assert_eq!(within(b"a/../b/./c"), Some(b"b/c".to_vec()));
        assert_eq!(within(b"a/../../etc/passwd"), None);
    }
}
