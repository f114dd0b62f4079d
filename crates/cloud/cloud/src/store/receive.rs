//! Taking the bytes of an object from a client.

use std::io::Read;

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use tokio::task::{JoinHandle, spawn_blocking};

use super::{BlobWriter, ObjectReader, Store, StoreError};
use crate::checksum::Algorithm;

/// A file with a task that is about to add to it.
type Writing = JoinHandle<Result<BlobWriter, StoreError>>;

/// Bytes that are gathered before they go to the disk together. A body takes twice as many of memory.
const BATCH: usize = 512 << 10;

impl Store {
    /// Writes a body to a new file; nothing of it counts before the file has a row.
    ///
    /// A batch is hashed and written while the next is received. `checksum` is of a checksum that is wanted beside the
    /// MD5.
    pub(crate) async fn receive(
        &self,
        mut body: impl Stream<Item = Result<Bytes, StoreError>> + Unpin,
        checksum: Option<Algorithm>,
    ) -> Result<BlobWriter, StoreError> {
        let mut behind = self.create(checksum);
        let (mut batch, mut size, mut left) = (Vec::new(), 0, self.limits.put_bytes);
        let received = loop {
            match body.next().await {
                None => break Ok(()),
                Some(Err(error)) => break Err(error),
                Some(Ok(piece)) => match left.checked_sub(piece.len() as u64) {
                    None => break Err(StoreError::EntityTooLarge),
                    Some(rest) => {
                        left = rest;
                        size += piece.len();
                        batch.push(piece);
                    }
                },
            }
            if size >= BATCH {
                behind = write(behind.await??, std::mem::take(&mut batch), true);
                size = 0;
            }
        };
        // The file of a body that is refused is gone when the client hears of it.
        let writer = behind.await??;
        received?;
        write(writer, batch, false).await?
    }

    fn create(&self, checksum: Option<Algorithm>) -> Writing {
        let blobs = self.blobs.clone();
        spawn_blocking(move || BlobWriter::create(&blobs, checksum).map_err(StoreError::writing))
    }

    /// Writes what a reader gives to a new file.
    pub(crate) async fn receive_copy(
        &self,
        mut reader: ObjectReader,
        checksum: Option<Algorithm>,
    ) -> Result<BlobWriter, StoreError> {
        if reader.left() > self.limits.put_bytes {
            return Err(StoreError::EntityTooLarge);
        }
        let blobs = self.blobs.clone();
        let copy = move || {
            let mut writer = BlobWriter::create(&blobs, checksum).map_err(StoreError::writing)?;
            let mut buffer = vec![0; BATCH];
            loop {
                match reader.read(&mut buffer)? {
                    0 => return Ok(writer),
                    count => writer
                        .write(&buffer[..count])
                        .map_err(StoreError::writing)?,
                }
            }
        };
        spawn_blocking(copy).await?
    }
}

fn write(mut writer: BlobWriter, batch: Vec<Bytes>, more: bool) -> Writing {
    spawn_blocking(move || {
        for piece in batch {
            writer.write(&piece).map_err(StoreError::writing)?;
        }
        if more {
            writer.begin_sync();
        }
        Ok(writer)
    })
}
