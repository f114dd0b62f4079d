//! Taking a tarball of images apart for use at once: what is small is kept in memory.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use rustix::fs::MemfdFlags;

use crate::check::Hypervisor;
use crate::collection::{Collection, Item};
use crate::error::DiskImageError;
use crate::inspect::inspect;
use crate::raw::RawImage;
use crate::resize::{Quiet, StepProgress};
use crate::tarball::{self, Visitor};

/// The largest file that is kept in memory, in bytes: kernels and ramdisks are smaller, disks are not.
const SMALL: u64 = 64 << 20;
/// All files that are kept in memory, in bytes.
const MEMORY: u64 = 256 << 20;

/// A tarball that was taken apart.
#[derive(Debug)]
#[non_exhaustive]
pub struct Loaded {
    /// What is in it.
    pub collection: Collection,
    /// Large files that were left out, with their lengths in bytes.
    pub left_out: Vec<(PathBuf, u64)>,
    files: BTreeMap<PathBuf, Place>,
}

/// Where a file of a tarball is.
#[derive(Debug)]
enum Place {
    /// Without a name, and gone when it is closed.
    Memory(File),
    Disk(PathBuf),
    /// Made of a compressed or virtual disk.
    Raw(RawImage),
}

/// Takes a tarball apart: files up to 64 MiB are kept in memory, larger ones are written into `folder` under the last part of
/// their names, with holes; without a directory they are left out. A disk that is compressed or virtual is made raw in the
/// directory. Of directories for hypervisors only the one for `hypervisor` is read. What was there under such a name is replaced.
///
/// # Errors
/// When the file is no tarball, is damaged or cut short, or reading or writing fails.
pub fn load(
    tarball: &Path,
    folder: Option<&Path>,
    hypervisor: Hypervisor,
    progress: &dyn StepProgress,
) -> Result<Loaded, DiskImageError> {
    let mut loader = Loader {
        folder,
        hypervisor,
        progress,
        memory: MEMORY,
        loaded: Loaded {
            collection: Collection::default(),
            left_out: Vec::new(),
            files: BTreeMap::new(),
        },
    };
    tarball::read(tarball, progress, &mut loader)?;
    Ok(loader.loaded)
}

impl Loaded {
    /// A path to the file of this name in the tarball, good as long as this value lives.
    pub fn path(&self, name: &Path) -> Option<PathBuf> {
        self.files.get(name).map(Place::path)
    }

    /// The files on disk.
    pub fn on_disk(&self) -> impl Iterator<Item = &Path> {
        self.files.values().filter_map(|place| match place {
            Place::Memory(_) => None,
            Place::Disk(path) => Some(path.as_path()),
            Place::Raw(raw) => Some(raw.path()),
        })
    }
}

/// A file without a name has one here anyway, for other programs too.
fn in_memory(file: &File) -> PathBuf {
    PathBuf::from(format!(
        "/proc/{}/fd/{}",
        std::process::id(),
        file.as_raw_fd()
    ))
}

impl Place {
    fn path(&self) -> PathBuf {
        match self {
            Self::Memory(file) => in_memory(file),
            Self::Disk(path) => path.clone(),
            Self::Raw(raw) => raw.path().to_owned(),
        }
    }
}

struct Loader<'a> {
    folder: Option<&'a Path>,
    hypervisor: Hypervisor,
    progress: &'a dyn StepProgress,
    /// Bytes that may still be kept in memory.
    memory: u64,
    loaded: Loaded,
}

impl Visitor for Loader<'_> {
    fn file(
        &mut self,
        path: &Path,
        length: u64,
        write: &mut dyn FnMut(&File) -> Result<(), DiskImageError>,
    ) -> Result<(), DiskImageError> {
        let place = if length <= SMALL.min(self.memory) {
            self.memory -= length;
            let memory = rustix::fs::memfd_create("gumnut", MemfdFlags::CLOEXEC)
                .map_err(std::io::Error::from)?;
            let file = File::from(memory);
            write(&file)?;
            Place::Memory(file)
        } else {
            let Some(folder) = self.folder else {
                self.loaded.left_out.push((path.to_owned(), length));
                return Ok(());
            };
            let name = path.file_name().unwrap_or_default();
            let target = folder.join(name);
            if self.loaded.on_disk().any(|path| path == target) {
                return Err(DiskImageError::Member {
                    path: PathBuf::new(),
                    member: path.display().to_string(),
                    reason: "another large file of this name is in it",
                });
            }
            let file = fs_err::File::create(&target)?;
            write(file.file()).map_err(|error| match error {
                DiskImageError::Io(source) => DiskImageError::System {
                    doing: "write",
                    path: target.clone(),
                    source,
                },
                error => error,
            })?;
            Place::Disk(target)
        };
        let outside = inspect(&place.path())?;
        let folder = self.folder.filter(|_| outside.content.is_packed_disk(path));
        let (place, item) = match folder {
            Some(folder) => {
                let raw = RawImage::open(&place.path(), folder, &Quiet(self.progress))
                    .map_err(|error| error.of_member(path))?;
                if let Place::Disk(packed) = &place {
                    fs_err::remove_file(packed)?;
                }
                let inside = inspect(raw.path())?;
                let item = Item::new(path.to_owned(), inside).packed(raw.layers());
                (Place::Raw(raw), item)
            }
            None => (place, Item::new(path.to_owned(), outside)),
        };
        self.loaded.collection.add(item);
        self.loaded.files.insert(path.to_owned(), place);
        Ok(())
    }

    fn wants(&self, path: &Path) -> bool {
        tarball::for_hypervisor(path, Some(self.hypervisor))
    }
}
