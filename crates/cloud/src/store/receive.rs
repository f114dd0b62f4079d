//! Taking the bytes of an object from a client.

use std::io::Read;

use bytes::Bytes;
use futures::{Stream, StreamExt as _};

use super::{BlobWriter, ObjectReader, Store, StoreError};

/// Bytes that are gathered before they go to the disk together.
const BATCH: usize = 1 << 20;

impl Store {
    /// Writes a body to a new file; nothing of it counts before the file has a row.
    pub(crate) async fn receive(
        &self,
        mut body: impl Stream<Item = Result<Bytes, StoreError>> + Unpin,
    ) -> Result<BlobWriter, StoreError> {
        let blobs = self.blobs.clone();
        let create = move || BlobWriter::create(&blobs).map_err(StoreError::writing);
        let mut writer = tokio::task::spawn_blocking(create).await??;
        let (mut batch, mut size) = (Vec::new(), 0);
        loop {
            let piece = body.next().await.transpose()?;
            let last = piece.is_none();
            if let Some(piece) = piece {
                size += piece.len();
                batch.push(piece);
            }
            if writer.size() + size as u64 > self.limits.put_bytes {
                return Err(StoreError::EntityTooLarge);
            }
            if last || size >= BATCH {
                writer = write(writer, std::mem::take(&mut batch)).await?;
                size = 0;
            }
            if last {
                return Ok(writer);
            }
        }
    }

    /// Writes what a reader gives to a new file.
    pub(crate) async fn receive_copy(
        &self,
        mut reader: ObjectReader,
    ) -> Result<BlobWriter, StoreError> {
        if reader.left() > self.limits.put_bytes {
            return Err(StoreError::EntityTooLarge);
        }
        let blobs = self.blobs.clone();
        let copy = move || {
            let mut writer = BlobWriter::create(&blobs).map_err(StoreError::writing)?;
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
        tokio::task::spawn_blocking(copy).await?
    }
}

async fn write(mut writer: BlobWriter, batch: Vec<Bytes>) -> Result<BlobWriter, StoreError> {
    let write = move || {
        for piece in batch {
            writer.write(&piece).map_err(StoreError::writing)?;
        }
        Ok(writer)
    };
    tokio::task::spawn_blocking(write).await?
}
