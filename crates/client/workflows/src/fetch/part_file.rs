//! A part that comes into the directory.

use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use tempfile::TempPath;
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _};

use super::Folder;
use crate::{Observer, PartOutput};

/// A file that goes away unless its part was found right.
pub(super) struct PartFile {
    file: tokio::fs::File,
    path: TempPath,
    observer: Arc<dyn Observer>,
}

impl PartFile {
    pub(super) fn begin(folder: &Folder, observer: Arc<dyn Observer>) -> io::Result<Self> {
        let (file, path) = folder.begin()?.into_parts();
        Ok(Self {
            file: file.into(),
            path,
            observer,
        })
    }

    /// Gives the part its name. It is not brought to the disk: anyone who finds it later looks at every byte.
    pub(super) async fn finish(mut self, path: &Path) -> io::Result<()> {
        self.file.flush().await?;
        self.path.persist(path).map_err(|error| error.error)
    }
}

impl PartOutput for PartFile {
    async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        self.file.write_all(&bytes).await?;
        self.observer.advance(bytes.len() as u64);
        Ok(())
    }

    async fn restart(&mut self) -> io::Result<()> {
        self.file.flush().await?;
        self.file.set_len(0).await?;
        self.file.rewind().await.map(drop)
    }
}
