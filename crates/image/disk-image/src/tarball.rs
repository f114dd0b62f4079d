//! The tarballs that images are distributed in: one directory with a disk and, for each hypervisor, a
//! kernel and a ramdisk.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use gumnut_archive::{ArchiveError, Entry, ImageOutput, Piece, SparseFile, read_members};
use gumnut_compression::{Compression, Decompressed};
use gumnut_signatures::{Window, printable};

use crate::check::Hypervisor;
use crate::content::{Content, Packed};
use crate::error::DiskImageError;
use crate::inspect;
use crate::resize::{Step, StepProgress};

/// Members of one tarball; the certified ones have seven.
const MAX_MEMBERS: usize = 10_000;
/// Length of all files together, holes included, in bytes.
const MAX_LENGTH: u64 = 16 << 40;
/// Longest path of a member, in bytes, and how deep it may be.
const MAX_PATH: usize = 1024;
const MAX_DEPTH: usize = 16;
/// Bytes of the map of a small sparse member.
const MAP_LIMIT: usize = 1 << 16;

/// What is to be done with the members of a tarball.
pub(crate) trait Visitor {
    /// A file of `length` bytes; the function writes its content into an empty file.
    fn file(
        &mut self,
        path: &Path,
        length: u64,
        write: &mut dyn FnMut(&File) -> Result<(), DiskImageError>,
    ) -> Result<(), DiskImageError>;

    /// A directory.
    fn folder(&mut self, path: &Path) -> Result<(), DiskImageError> {
        let _ = path;
        Ok(())
    }

    /// Something that is neither.
    fn other(&mut self, path: &Path, kind: char) {
        let _ = (path, kind);
    }

    /// Whether a member is wanted at all.
    fn wants(&self, path: &Path) -> bool {
        let _ = path;
        true
    }
}

/// Shows every member of the tarball to `visitor`.
pub(crate) fn read(
    tarball: &Path,
    progress: &dyn StepProgress,
    visitor: &mut dyn Visitor,
) -> Result<(), DiskImageError> {
    let (file, length) = inspect::open(tarball)?;
    let head = Window::whole(&file, length)?.read_up_to(0, 16)?;
    progress.step(Step::Copy { bytes: length });
    let counted = BufReader::with_capacity(1 << 17, Counted { file, progress });
    let stream: Box<dyn Read> = match Compression::recognise(&head) {
        Some(compression) => Box::new(Decompressed::new(compression, counted)?),
        None => Box::new(counted),
    };
    let mut budget = Budget {
        members: MAX_MEMBERS,
        length: MAX_LENGTH,
    };
    let stream = BufReader::with_capacity(1 << 17, stream);
    let done = read_members(stream, MAP_LIMIT, |entry| {
        one(entry, visitor, &mut budget).map_err(Failure::Visit)
    });
    done.map_err(|failure| match failure {
        _ if progress.cancelled() => DiskImageError::Cancelled,
        Failure::Visit(error) => error.within(tarball),
        Failure::Tar(source) => other_file(tarball).unwrap_or(DiskImageError::Tarball {
            path: tarball.to_owned(),
            source,
        }),
    })
}

/// Names what is known to be something else; `None` for a tarball that is damaged.
fn other_file(tarball: &Path) -> Option<DiskImageError> {
    let content = inspect(tarball).ok()?.content;
    let found = match &content {
        Content::Tarball(_)
        | Content::Unknown
        | Content::Compressed {
            inside: Packed::Unknown,
            ..
        } => return None,
        Content::Empty => "empty".to_owned(),
        known => known.to_string(),
    };
    Some(DiskImageError::NotATarball {
        path: tarball.to_owned(),
        found,
    })
}

enum Failure {
    Tar(ArchiveError),
    Visit(DiskImageError),
}

impl From<ArchiveError> for Failure {
    fn from(error: ArchiveError) -> Self {
        Self::Tar(error)
    }
}

struct Budget {
    members: usize,
    length: u64,
}

impl Budget {
    fn spend(&mut self, length: u64) -> Result<(), DiskImageError> {
        let members = self.members.checked_sub(1);
        let length = self.length.checked_sub(length);
        match (members, length) {
            (Some(members), Some(length)) => {
                *self = Self { members, length };
                Ok(())
            }
            _ => Err(DiskImageError::Member {
                path: PathBuf::new(),
                member: "all of them".to_owned(),
                reason: "they are too many or too large to be images",
            }),
        }
    }
}

fn one<R: io::BufRead>(
    entry: Entry<'_, R>,
    visitor: &mut dyn Visitor,
    budget: &mut Budget,
) -> Result<(), DiskImageError> {
    match entry {
        Entry::File(reader) => {
            budget.spend(reader.size())?;
            let path = safe_path(reader.name())?;
            if !visitor.wants(&path) {
                return Ok(());
            }
            let length = reader.size();
            visitor.file(&path, length, &mut |file| {
                let mut output = SparseFile::new(file);
                while let Some(piece) =
                    reader
                        .next_piece()
                        .map_err(|source| DiskImageError::Tarball {
                            path: path.clone(),
                            source,
                        })?
                {
                    match piece {
                        Piece::Data(bytes) => output.data(bytes)?,
                        Piece::Hole(len) => output.hole(len)?,
                    }
                }
                Ok(output.finish()?)
            })
        }
        Entry::Other { name, kind } => {
            budget.spend(0)?;
            // A comment or a volume label is no path.
            if !matches!(kind, '1'..='6') {
                return Ok(());
            }
            let path = safe_path(name)?;
            match kind {
                _ if path.as_os_str().is_empty() => {}
                '5' if visitor.wants(&path) => visitor.folder(&path)?,
                '5' => {}
                kind => visitor.other(&path, kind),
            }
            Ok(())
        }
    }
}

/// The path of a member inside the directory that it is unpacked to; nothing else is one.
fn safe_path(name: &[u8]) -> Result<PathBuf, DiskImageError> {
    let refused = |reason| DiskImageError::Member {
        path: PathBuf::new(),
        member: printable(name, 256),
        reason,
    };
    if name.len() > MAX_PATH {
        return Err(refused("its name is too long"));
    }
    let mut path = PathBuf::new();
    for component in Path::new(std::ffi::OsStr::from_bytes(name)).components() {
        match component {
            Component::CurDir => {}
            Component::Normal(name) => path.push(name),
            _ => return Err(refused("its name leads outside of the directory")),
        }
    }
    if path.components().count() > MAX_DEPTH {
        return Err(refused("it has too many parent directories"));
    }
    Ok(path)
}

/// The hypervisor that a directory of kernels is for, by its name.
pub(crate) fn hypervisor(folder: &Path) -> Option<Hypervisor> {
    match folder.file_name()?.to_str()? {
        "kvm-kernel" => Some(Hypervisor::Kvm),
        "xen-kernel" => Some(Hypervisor::Xen),
        _ => None,
    }
}

/// Whether a file is for this hypervisor, or for any; `None`: all files are.
pub(crate) fn for_hypervisor(path: &Path, wanted: Option<Hypervisor>) -> bool {
    wanted.is_none()
        || path
            .ancestors()
            .filter_map(hypervisor)
            .all(|found| Some(found) == wanted)
}

/// Reports how much of the file was read, and stops when asked to.
pub(crate) struct Counted<'a> {
    pub(crate) file: fs_err::File,
    pub(crate) progress: &'a dyn StepProgress,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.progress.cancelled() {
            return Err(io::Error::other("stopped"));
        }
        let count = self.file.read(buffer)?;
        self.progress.advance(count as u64);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_inside_are_paths() {
        let path = |name: &str| safe_path(name.as_bytes()).ok();
        assert_eq!(path("a/b"), Some("a/b".into()));
        assert_eq!(path("./a//b/./c/"), Some("a/b/c".into()));
        assert_eq!(path("./"), Some(PathBuf::new()));
        let long = "n/".repeat(600);
        let deep = "n/".repeat(17);
        for evil in ["/etc/passwd", "../x", "a/../../x", "a/..", &long, &deep] {
            assert_eq!(path(evil), None, "{evil}");
        }
    }
}
