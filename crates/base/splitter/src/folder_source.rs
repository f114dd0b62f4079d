//! Reading parts from a directory.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::Path;

use gumnut_types::{PartIndex, PartName};
use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;

use crate::{PartSource, SplitterError};

/// The parts in a directory. Only regular files directly in it are read: no link is followed, and
/// nothing that blocks, such as a pipe, is opened.
#[derive(Debug)]
pub struct FolderSource {
    folder: OwnedFd,
}

impl FolderSource {
    /// Opens the directory. Should it be moved later, the parts are still found.
    ///
    /// # Errors
    ///
    /// [`SplitterError::Folder`] if it is no directory or may not be opened.
    pub fn open(path: &Path) -> Result<Self, SplitterError> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(folder) => Ok(Self { folder }),
            Err(error) => Err(SplitterError::Folder {
                path: path.to_owned(),
                source: error.into(),
            }),
        }
    }

    fn file(&self, name: &PartName) -> io::Result<(File, u64)> {
        let not_regular = || SplitterError::NotRegular { name: name.clone() };
        // A pipe opened without `NONBLOCK` would wait for a writer.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(&self.folder, name.as_str(), flags, Mode::empty()) {
            Ok(file) => File::from(file),
            // What `NOFOLLOW` says of a link, and `NONBLOCK` of a socket.
            Err(Errno::LOOP | Errno::NXIO) => return Err(not_regular().into()),
            Err(error) => return Err(error.into()),
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(not_regular().into());
        }
        Ok((file, metadata.len()))
    }
}

impl PartSource for FolderSource {
    fn size(&mut self, _index: PartIndex, name: &PartName) -> io::Result<Option<u64>> {
        self.file(name).map(|(_, size)| Some(size))
    }

    fn open(&mut self, _index: PartIndex, name: &PartName) -> io::Result<Box<dyn Read + Send>> {
        let (file, _) = self.file(name)?;
        Ok(Box::new(file))
    }
}
