//! Taking a tarball of images apart for use at once: what is small stays in memory.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use rustix::fs::MemfdFlags;

use crate::check::Hypervisor;
use crate::collection::Collection;
use crate::error::DiskImageError;
use crate::inspect::inspect;
use crate::resize::StepProgress;
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
}

/// Takes a tarball apart: files up to 64 MiB are kept in memory, larger ones are written into `folder` under the last part of
/// their names, with holes; without a folder they are left out. Of folders for hypervisors only the one for `hypervisor` is
/// read. What was there under such a name is replaced.
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
        Some(match self.files.get(name)? {
            Place::Memory(file) => in_memory(file),
            Place::Disk(path) => path.clone(),
        })
    }

    /// The files on disk.
    pub fn on_disk(&self) -> impl Iterator<Item = &Path> {
        self.files.values().filter_map(|place| match place {
            Place::Memory(_) => None,
            Place::Disk(path) => Some(path.as_path()),
        })
    }
}

/// A file without a name has one here all the same.
fn in_memory(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

struct Loader<'a> {
    folder: Option<&'a Path>,
    hypervisor: Hypervisor,
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
        let inspection = match &place {
            Place::Memory(file) => inspect(&in_memory(file))?,
            Place::Disk(path) => inspect(path)?,
        };
        self.loaded.collection.add(path.to_owned(), inspection);
        self.loaded.files.insert(path.to_owned(), place);
        Ok(())
    }

    fn wants(&self, path: &Path) -> bool {
        tarball::for_hypervisor(path, Some(self.hypervisor))
    }
}
