//! What is in the directory of a run.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;

use gumnut_workflows::WorkflowError;

/// The directory of one run: its journal, its lock, and the copy of a disk or the images of a tree while they are needed.
#[derive(Clone, Debug)]
pub(crate) struct RunFolder(PathBuf);

impl RunFolder {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Makes the directory, for this user alone.
    pub(crate) fn create(&self) -> Result<(), WorkflowError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.0)
            .map_err(|source| self.failed(source))
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.0.join("journal.jsonl")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }

    /// The copy of the disk.
    pub(crate) fn disk(&self) -> PathBuf {
        self.0.join("disk.img")
    }

    /// The directory of the images of a tree, once all of them are complete.
    pub(crate) fn images(&self) -> PathBuf {
        self.0.join("images")
    }

    /// The directory of what is being made, which nobody misses.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.0.join("scratch")
    }

    /// Brings the names in the directory to the disk.
    pub(crate) fn sync(&self) -> Result<(), WorkflowError> {
        fs_err::File::open(&self.0)
            .and_then(|folder| folder.sync_all())
            .map_err(|source| self.failed(source))
    }

    /// Removes an empty scratch directory, or a full one.
    pub(crate) fn clear_scratch(&self) -> Result<(), WorkflowError> {
        remove(fs_err::remove_dir_all(self.scratch())).map_err(|source| self.failed(source))
    }

    /// Removes the copy of the disk and the images of a tree, once nobody needs them.
    pub(crate) fn drop_images(&self) -> Result<(), WorkflowError> {
        self.clear_scratch()?;
        remove(fs_err::remove_dir_all(self.images())).map_err(|source| self.failed(source))?;
        remove(fs_err::remove_file(self.disk())).map_err(|source| self.failed(source))
    }

    /// Removes everything that is known of the run.
    pub(crate) fn remove(&self) -> Result<(), WorkflowError> {
        remove(fs_err::remove_dir_all(&self.0)).map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> WorkflowError {
        WorkflowError::Journal {
            path: self.0.clone(),
            source,
        }
    }
}

/// What is not there is removed.
fn remove(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
