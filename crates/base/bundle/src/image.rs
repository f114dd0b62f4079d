//! The image that is to be bundled.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use fs_err::os::unix::fs::OpenOptionsExt as _;
use gumnut_archive::{
    ArchiveError, BlockSource, FileBlocks, ReaderBlocks, SegmentBlocks, SparseMap, data_map,
};

use crate::data_count::DataCount;
use crate::fingerprint::Pages;
use crate::{BundleError, Fingerprint, Progress};

/// An image and its size: a regular file, whose holes are known and not read, or any reader.
pub struct ImageSource<'a> {
    name: String,
    size: u64,
    origin: Origin<'a>,
}

enum Origin<'a> {
    File { file: File, stamp: Stamp },
    Reader(Box<dyn Read + Send + 'a>),
}

/// What changes when somebody writes to a file.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    size: u64,
    modified: (i64, i64),
}

impl Stamp {
    fn of(metadata: &std::fs::Metadata) -> Self {
        Self {
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

impl ImageSource<'static> {
    /// Opens a file. A link to a regular file will do.
    ///
    /// # Errors
    ///
    /// It cannot be opened, is not a regular file, or is empty.
    pub fn open(path: &Path) -> Result<Self, BundleError> {
        let failed = |source| BundleError::OpenImage {
            path: path.to_owned(),
            source,
        };
        // A pipe opened without `NONBLOCK` would wait for a writer.
        let nonblock = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        let mut options = fs_err::OpenOptions::new();
        options.read(true).custom_flags(nonblock);
        let file = options.open(path).map_err(failed)?.into_parts().0;
        let metadata = file.metadata().map_err(failed)?;
        if let Some(what) = not_a_file(metadata.file_type()) {
            return Err(BundleError::NotAFile {
                path: path.to_owned(),
                what,
            });
        }
        let stamp = Stamp::of(&metadata);
        Self {
            name: path.display().to_string(),
            size: stamp.size,
            origin: Origin::File { file, stamp },
        }
        .not_empty()
    }
}

fn not_a_file(kind: std::fs::FileType) -> Option<&'static str> {
    match kind {
        _ if kind.is_file() => None,
        _ if kind.is_dir() => Some("a directory"),
        _ if kind.is_block_device() => Some("a block device"),
        _ if kind.is_char_device() => Some("a character device"),
        _ if kind.is_fifo() => Some("a pipe"),
        _ => Some("not a regular file"),
    }
}

impl<'a> ImageSource<'a> {
    /// An image that comes from `reader` and has exactly `size` bytes. `name` stands in messages.
    ///
    /// # Errors
    ///
    /// The size is 0.
    pub fn from_reader(
        name: impl Into<String>,
        size: u64,
        reader: impl Read + Send + 'a,
    ) -> Result<Self, BundleError> {
        Self {
            name: name.into(),
            size,
            origin: Origin::Reader(Box::new(reader)),
        }
        .not_empty()
    }

    fn not_empty(self) -> Result<Self, BundleError> {
        match self.size {
            0 => Err(BundleError::EmptyImage { image: self.name }),
            _ => Ok(self),
        }
    }

    /// The size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Bytes that are data, not holes: what progress counts. Of a reader it is the whole size.
    pub fn data_size(&self) -> u64 {
        self.data_count().whole()
    }

    /// Counts the data in the image's blocks.
    pub(crate) fn data_count(&self) -> DataCount {
        DataCount::new(self.data_map().ok(), self.size)
    }

    /// What messages call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The image's blocks, holes as zeros.
    pub(crate) fn blocks(&mut self) -> Box<dyn BlockSource + '_> {
        match &mut self.origin {
            Origin::File { file, .. } => Box::new(FileBlocks::new(file, self.size)),
            Origin::Reader(reader) => Box::new(ReaderBlocks::new(reader)),
        }
    }

    /// Where the image has data; an error for readers.
    pub(crate) fn data_map(&self) -> Result<SparseMap, BundleError> {
        match &self.origin {
            Origin::File { file, .. } => {
                data_map(file, self.size).map_err(|error| unreadable(&self.name, error))
            }
            Origin::Reader(_) => Err(BundleError::SparseReader {
                image: self.name.clone(),
            }),
        }
    }

    /// The blocks of the map's segments only; none for readers, which have no map.
    pub(crate) fn segments(&self, map: &SparseMap) -> Box<dyn BlockSource + '_> {
        match &self.origin {
            Origin::File { file, .. } => Box::new(SegmentBlocks::new(file, map)),
            Origin::Reader(_) => Box::new(ReaderBlocks::new(std::io::empty())),
        }
    }

    /// Reads the image once for its fingerprint. A file can be read again afterwards, a reader cannot.
    ///
    /// # Errors
    ///
    /// The image cannot be read or changes meanwhile; `progress` says that the work is cancelled.
    pub fn fingerprint(&mut self, progress: &dyn Progress) -> Result<Fingerprint, BundleError> {
        let mut pages = Pages::default();
        let name = self.name.clone();
        let mut data = self.data_count();
        let mut blocks = self.blocks();
        loop {
            if progress.cancelled() {
                return Err(BundleError::Cancelled);
            }
            let next = blocks.next_block();
            let Some(block) = next.map_err(|error| unreadable(&name, error))? else {
                break;
            };
            progress.advance(data.count(block.len() as u64));
            pages.add(&block, block.is_zero());
        }
        drop(blocks);
        self.check_unchanged()?;
        Ok(pages.finish())
    }

    /// Fails if somebody has written to the file since it was opened.
    pub(crate) fn check_unchanged(&self) -> Result<(), BundleError> {
        let Origin::File { file, stamp } = &self.origin else {
            return Ok(());
        };
        let metadata = file
            .metadata()
            .map_err(|error| unreadable(&self.name, error))?;
        if Stamp::of(&metadata) == *stamp {
            Ok(())
        } else {
            Err(BundleError::ImageChanged {
                image: self.name.clone(),
            })
        }
    }
}

fn unreadable(image: &str, error: std::io::Error) -> BundleError {
    BundleError::ReadImage {
        image: image.to_owned(),
        source: ArchiveError::from_io(error),
    }
}

impl fmt::Debug for ImageSource<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImageSource")
            .field("name", &self.name)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_image_is_refused_without_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let what = |path: &Path| match ImageSource::open(path) {
            Err(BundleError::NotAFile { what, .. }) => what,
            other => panic!("{other:?}"),
        };
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        let fifo = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, path("pipe"), fifo, mode, 0).unwrap();
        assert_eq!(what(folder.path()), "a directory");
        assert_eq!(what(&path("pipe")), "a pipe");
        assert_eq!(what(Path::new("/dev/null")), "a character device");
        fs_err::write(path("empty"), b"").unwrap();
        let empty = ImageSource::open(&path("empty"));
        assert!(matches!(empty, Err(BundleError::EmptyImage { .. })));
        let missing = ImageSource::open(&path("missing"));
        assert!(matches!(missing, Err(BundleError::OpenImage { .. })));
        let nothing = ImageSource::from_reader("a pipe", 0, std::io::empty());
        assert!(matches!(nothing, Err(BundleError::EmptyImage { .. })));
    }

    #[test]
    fn a_write_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        fs_err::write(&path, b"image").unwrap();
        let image = ImageSource::open(&path).unwrap();
        image.check_unchanged().unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH)
            .unwrap();
        let changed = image.check_unchanged();
        assert!(matches!(changed, Err(BundleError::ImageChanged { .. })));
    }
}
