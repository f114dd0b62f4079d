//! What is in a tarball of images, or in the directory that it was unpacked to.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::check::Hypervisor;
use crate::content::{Content, Inspection};
use crate::error::DiskImageError;
use crate::inspect::inspect;
use crate::raw::{Layer, RawImage};
use crate::resize::{Quiet, StepProgress};
use crate::tarball::{self, Visitor};

/// Images that belong together.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Collection {
    /// The disks.
    pub disks: Vec<Item>,
    /// Kernels and ramdisks, one pair for each directory that has one of them.
    pub pairs: Vec<Pair>,
    /// Other files.
    pub others: Vec<Item>,
}

/// A file of a collection.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Item {
    /// Its path in the tarball or directory.
    pub path: PathBuf,
    /// What it holds; of a disk that is compressed or virtual, what is inside.
    pub inspection: Inspection,
    /// What a disk is packed in, from the outside to the inside.
    pub layers: Vec<Layer>,
}

impl Item {
    /// A file of which nothing but its length in bytes is known.
    pub fn unseen(path: PathBuf, length: u64) -> Self {
        let inspection = Inspection {
            length,
            allocated: length,
            content: Content::Unknown,
        };
        Self::new(path, inspection)
    }

    /// A file of this name.
    pub fn new(path: PathBuf, inspection: Inspection) -> Self {
        Self {
            path,
            inspection,
            layers: Vec::new(),
        }
    }

    /// The disk inside of these layers.
    #[must_use]
    pub fn packed(mut self, layers: &[Layer]) -> Self {
        self.layers = layers.to_vec();
        self
    }
}

/// A kernel and its ramdisk.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Pair {
    /// The directory that they are in.
    pub folder: PathBuf,
    /// The hypervisor that they are for, by the directory's name.
    pub hypervisor: Option<Hypervisor>,
    /// The kernels; one, unless somebody added another.
    pub kernels: Vec<Item>,
    /// The ramdisks.
    pub ramdisks: Vec<Item>,
}

/// Files of a directory that are looked at, and how deep.
const MAX_FILES: usize = 1000;
const MAX_DEPTH: usize = 3;

impl Collection {
    /// Looks at everything in a tarball. Each file is written to a temporary one in `scratch`, with
    /// holes, and goes again.
    ///
    /// # Errors
    /// When the tarball is damaged or cut short, or reading or writing fails.
    pub fn of_tarball(
        tarball: &Path,
        scratch: &Path,
        progress: &dyn StepProgress,
    ) -> Result<Self, DiskImageError> {
        let mut looker = Looker {
            scratch,
            progress,
            collection: Self::default(),
        };
        tarball::read(tarball, progress, &mut looker)?;
        Ok(looker.collection)
    }

    /// Looks at the files in a directory and the directories in it; symbolic links are not followed.
    ///
    /// # Errors
    /// When something cannot be read.
    pub fn of_folder(folder: &Path) -> Result<Self, DiskImageError> {
        let mut collection = Self::default();
        let mut files = Vec::new();
        gather(folder, MAX_DEPTH, &mut files)?;
        files.sort();
        for path in files {
            let inspection = inspect(&path)?;
            let path = path.strip_prefix(folder).unwrap_or(&path).to_owned();
            collection.add(Item::new(path, inspection));
        }
        Ok(collection)
    }

    pub(crate) fn add(&mut self, item: Item) {
        let content = &item.inspection.content;
        if content.is_old_ramdisk(&item.path) {
            self.pair(&item.path).ramdisks.push(item);
            return;
        }
        match content {
            Content::FileSystem(_) | Content::Disk(_) => self.disks.push(item),
            Content::Volume(volume) if volume.can_be_root() => self.disks.push(item),
            packed if packed.is_packed_disk(&item.path) => self.disks.push(item),
            Content::Kernel(_) => self.pair(&item.path).kernels.push(item),
            Content::Elf { elf, .. } if elf.can_be_kernel() => {
                self.pair(&item.path).kernels.push(item);
            }
            Content::Ramdisk(_) => self.pair(&item.path).ramdisks.push(item),
            _ => self.others.push(item),
        }
    }

    fn pair(&mut self, path: &Path) -> &mut Pair {
        let folder = path.parent().unwrap_or(Path::new(""));
        let known = self.pairs.iter().position(|pair| pair.folder == folder);
        let index = known.unwrap_or_else(|| {
            self.pairs.push(Pair {
                folder: folder.to_owned(),
                hypervisor: tarball::hypervisor(folder),
                ..Pair::default()
            });
            self.pairs.len() - 1
        });
        &mut self.pairs[index]
    }
}

struct Looker<'a> {
    scratch: &'a Path,
    progress: &'a dyn StepProgress,
    collection: Collection,
}

impl Visitor for Looker<'_> {
    fn file(
        &mut self,
        path: &Path,
        _length: u64,
        write: &mut dyn FnMut(&File) -> Result<(), DiskImageError>,
    ) -> Result<(), DiskImageError> {
        let file = tempfile::Builder::new()
            .prefix(".gumnut-")
            .tempfile_in(self.scratch)?;
        write(file.as_file())?;
        let outside = inspect(file.path())?;
        let is_packed = outside.content.is_packed_disk(path);
        // What cannot be made raw can be named anyway.
        let raw = is_packed
            .then(|| RawImage::open(file.path(), self.scratch, &Quiet(self.progress)).ok())
            .flatten();
        self.collection.add(match raw {
            Some(raw) => Item::new(path.to_owned(), inspect(raw.path())?).packed(raw.layers()),
            None => Item::new(path.to_owned(), outside),
        });
        Ok(())
    }
}

fn gather(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), DiskImageError> {
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_file() && files.len() < MAX_FILES {
            files.push(entry.path());
        } else if kind.is_dir() && depth > 1 {
            gather(&entry.path(), depth - 1, files)?;
        }
    }
    Ok(())
}
