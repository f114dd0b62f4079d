//! The content of one file while it is written.

use std::io;

use crate::block_map::BlockMap;
use crate::disk::Output;
use crate::error::ExtError;
use crate::geometry::BLOCK_SIZE;
use crate::tree::NodeId;
use crate::writer::Writer;

const BLOCK: usize = BLOCK_SIZE as usize;
static ZEROS: [u8; BLOCK] = [0; BLOCK];

/// Takes the content of a file from its beginning to its end, with [`io::Write`] or [`FileWriter::hole`]. Blocks of zeros become
/// holes. The file is written only after [`FileWriter::finish`].
pub struct FileWriter<'a, O> {
    writer: &'a mut Writer<O>,
    node: NodeId,
    length: u64,
    map: BlockMap,
    position: u64,
    /// The beginning of a block.
    pending: Vec<u8>,
}

impl<'a, O: Output> FileWriter<'a, O> {
    pub(crate) fn new(writer: &'a mut Writer<O>, node: NodeId, length: u64, map: BlockMap) -> Self {
        let pending = Vec::with_capacity(BLOCK);
        Self {
            writer,
            node,
            length,
            map,
            position: 0,
            pending,
        }
    }

    /// Bytes that are still missing.
    pub fn missing(&self) -> u64 {
        self.length - self.position
    }

    /// Leaves out `bytes` bytes, which read as zeros.
    ///
    /// # Errors
    /// When that is more than is missing, and when writing fails.
    pub fn hole(&mut self, bytes: u64) -> Result<(), ExtError> {
        self.check(bytes)?;
        let first = (BLOCK - self.pending.len()) as u64;
        if !self.pending.is_empty() && bytes < first {
            return self.append(&ZEROS[..bytes as usize]);
        }
        let mut left = bytes;
        if !self.pending.is_empty() {
            self.append(&ZEROS[..first as usize])?;
            left -= first;
        }
        self.position += left - left % BLOCK_SIZE;
        self.append(&ZEROS[..(left % BLOCK_SIZE) as usize])
    }

    /// Writes the next bytes of the content.
    ///
    /// # Errors
    /// When they are more than is missing, and when writing fails.
    pub fn data(&mut self, bytes: &[u8]) -> Result<(), ExtError> {
        self.check(bytes.len() as u64)?;
        self.append(bytes)
    }

    /// Refuses what does not fit into the length of the file.
    fn check(&self, bytes: u64) -> Result<(), ExtError> {
        if bytes > self.missing() {
            return Err(self.wrong_length(self.position.saturating_add(bytes)));
        }
        Ok(())
    }

    fn wrong_length(&self, found: u64) -> ExtError {
        let path = self.path();
        ExtError::Length {
            path,
            expected: self.length,
            found,
        }
    }

    pub(crate) fn path(&self) -> String {
        self.writer.path(self.node)
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), ExtError> {
        let mut rest = bytes;
        if !self.pending.is_empty() {
            let count = rest.len().min(BLOCK - self.pending.len());
            let (first, others) = rest.split_at(count);
            self.pending.extend_from_slice(first);
            self.position += count as u64;
            rest = others;
            self.write_pending(BLOCK)?;
        }
        let (blocks, end) = rest.as_chunks::<BLOCK>();
        for block in blocks {
            let logical = self.position / BLOCK_SIZE;
            self.write_block(logical, block)?;
            self.position += BLOCK_SIZE;
        }
        self.pending.extend_from_slice(end);
        self.position += end.len() as u64;
        Ok(())
    }

    /// Writes the block that has begun, if it has at least `enough` bytes.
    fn write_pending(&mut self, enough: usize) -> Result<(), ExtError> {
        if self.pending.len() < enough {
            return Ok(());
        }
        let mut block = std::mem::take(&mut self.pending);
        let logical = (self.position - 1) / BLOCK_SIZE;
        block.resize(BLOCK, 0);
        self.write_block(logical, &block)?;
        block.clear();
        self.pending = block;
        Ok(())
    }

    fn write_block(&mut self, logical: u64, block: &[u8]) -> Result<(), ExtError> {
        if block == ZEROS {
            return Ok(());
        }
        let disk = &mut self.writer.disk;
        let physical = self.map.place(logical, disk)?;
        disk.write_block(physical, block)
    }

    /// Ends the file, which must be as long as planned.
    ///
    /// # Errors
    /// When bytes are missing, and when writing fails.
    pub fn finish(mut self) -> Result<(), ExtError> {
        if self.position != self.length {
            return Err(self.wrong_length(self.position));
        }
        self.write_pending(1)?;
        let mapped = self.map.finish(&mut self.writer.disk)?;
        self.writer.file_written(self.node, self.length, &mapped)
    }
}

/// Errors contain an [`ExtError`].
impl<O: Output> io::Write for FileWriter<'_, O> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.data(bytes).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
