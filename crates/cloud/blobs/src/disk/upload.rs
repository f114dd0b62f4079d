//! A file on its way into the store.

use std::io::{self, Read, Write as _};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt as _;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use rustix::fs::{Advice, fadvise};
use tokio::task::{JoinHandle, spawn_blocking};

use super::shared::Disk;
use crate::store::{blocking, joined};
use crate::{BlobError, BlobName, BoxError, Fate, PendingBlob, PutError, Tap};

/// Bytes that are gathered before they go to the disk together.
const BATCH: usize = 512 << 10;

/// A blob that is being received. Its file comes with the first batch, and is removed when this is dropped before
/// [`Upload::finish`].
pub(super) struct Upload {
    // Fields are dropped in this order: the end of the tap shows its owner that the file is gone.
    file: Option<Temporary>,
    tap: Box<dyn Tap>,
    disk: Arc<Disk>,
    name: BlobName,
    size: u64,
    /// How many bytes the disk was told to begin with.
    handed: u64,
}

/// A file in the directory of what is not kept yet.
struct Temporary {
    file: fs::File,
    begun: Instant,
    name: BlobName,
    /// Where the file is removed when this is dropped. `None` once a [`PendingBlob`] sees to it.
    disk: Option<Arc<Disk>>,
}

/// An upload, or the task that is about to add to it.
enum Behind {
    Idle(Upload),
    Writing(JoinHandle<Result<Upload, PutError>>),
}

impl Upload {
    pub(super) fn new(disk: Arc<Disk>, name: BlobName, tap: Box<dyn Tap>) -> Self {
        Self {
            file: None,
            tap,
            disk,
            name,
            size: 0,
            handed: 0,
        }
    }

    /// Takes a body as it arrives. A batch is written while the next is received.
    pub(super) async fn receive(
        self,
        mut pieces: BoxStream<'static, Result<Bytes, BoxError>>,
    ) -> Result<(PendingBlob, Box<dyn Tap>), PutError> {
        let mut behind = Behind::Idle(self);
        let (mut batch, mut size) = (Vec::new(), 0);
        let received = loop {
            match pieces.next().await {
                None => break Ok(()),
                Some(Err(error)) => break Err(PutError::Refused(error)),
                Some(Ok(piece)) => {
                    size += piece.len();
                    batch.push(piece);
                }
            }
            if size >= BATCH {
                let upload = behind.upload().await?;
                behind = Behind::Writing(upload.write_behind(std::mem::take(&mut batch)));
                size = 0;
            }
        };
        let mut upload = behind.upload().await?;
        // The file of a body that is refused is gone when its owner hears of it.
        blocking(move || {
            received?;
            upload.write(&batch)?;
            upload.finish()
        })
        .await
    }

    /// Takes what a reader gives.
    pub(super) fn copy(
        mut self,
        mut reader: Box<dyn Read + Send>,
    ) -> Result<(PendingBlob, Box<dyn Tap>), PutError> {
        let mut buffer = vec![0; BATCH];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return self.finish(),
                Ok(count) => self.write_piece(&buffer[..count])?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(PutError::Refused(error.into())),
            }
        }
    }

    fn write_behind(mut self, batch: Vec<Bytes>) -> JoinHandle<Result<Self, PutError>> {
        spawn_blocking(move || {
            self.write(&batch)?;
            self.begin_sync();
            Ok(self)
        })
    }

    fn write(&mut self, batch: &[Bytes]) -> Result<(), PutError> {
        for piece in batch {
            self.write_piece(piece)?;
        }
        Ok(())
    }

    fn write_piece(&mut self, piece: &[u8]) -> Result<(), PutError> {
        self.open()
            .and_then(|temporary| temporary.file.write_all(piece))
            .map_err(BlobError::writing)?;
        self.tap.bytes(piece);
        self.size += piece.len() as u64;
        Ok(())
    }

    fn open(&mut self) -> io::Result<&mut Temporary> {
        match &mut self.file {
            Some(temporary) => Ok(temporary),
            none @ None => Ok(none.insert(Temporary::create(&self.disk, self.name)?)),
        }
    }

    /// Lets the disk begin with what it has not got yet, so that [`Upload::finish`] has less to wait for.
    fn begin_sync(&mut self) {
        let Some(temporary) = &self.file else {
            return;
        };
        let length = NonZeroU64::new(self.size - self.handed);
        // This advice makes Linux begin to write; what is not written yet remains in memory.
        if let Err(error) = fadvise(&temporary.file, self.handed, length, Advice::DontNeed) {
            tracing::debug!(%error, "the disk was not told to begin");
        }
        self.handed = self.size;
    }

    fn finish(mut self) -> Result<(PendingBlob, Box<dyn Tap>), PutError> {
        self.tap.finish().map_err(PutError::Refused)?;
        let blob = self.settle().map_err(BlobError::writing)?;
        Ok((blob, self.tap))
    }

    /// Brings the file to the disk. It is not moved until a row names it.
    fn settle(&mut self) -> io::Result<PendingBlob> {
        let (disk, size) = (Arc::clone(&self.disk), self.size);
        let temporary = self.open()?;
        temporary.file.sync_all()?;
        disk.folders.sync_temporary()?;
        temporary.disk = None;
        let (name, begun) = (temporary.name, temporary.begun);
        Ok(PendingBlob::new(name, size, begun, move |fate| {
            disk.settle(name, fate);
        }))
    }
}

impl Temporary {
    fn create(disk: &Arc<Disk>, name: BlobName) -> io::Result<Self> {
        let mut options = fs::OpenOptions::new();
        // What is stored is for nobody but the store, whatever the umask is.
        options.write(true).create_new(true).mode(0o600);
        let file = options.open(disk.folders.temporary_path(name))?;
        Ok(Self {
            file,
            begun: Instant::now(),
            name,
            disk: Some(Arc::clone(disk)),
        })
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(disk) = &self.disk {
            disk.settle(self.name, Fate::Discard);
        }
    }
}

impl Behind {
    async fn upload(self) -> Result<Upload, PutError> {
        match self {
            Self::Idle(upload) => Ok(upload),
            Self::Writing(task) => joined(task).await,
        }
    }
}
