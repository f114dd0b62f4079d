//! The image while it is written: blocks are collected to long writes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::allocator::Allocator;
use crate::checksum::Seed;
use crate::error::ExtError;
use crate::geometry::{BLOCK_SIZE, Geometry};

/// Bytes that are collected before they are written.
const RUN: usize = 256 << 10;

/// Where an image is written to: a file, or anything else with positions. What is not written must read as zeros.
pub trait Output {
    /// Makes the image `bytes` long. Called once, before anything is written.
    ///
    /// # Errors
    /// When there is no room.
    fn set_size(&mut self, bytes: u64) -> io::Result<()>;

    /// Writes all `bytes`, the first one at `offset`.
    ///
    /// # Errors
    /// When not all of them can be written.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;
}

impl Output for File {
    fn set_size(&mut self, bytes: u64) -> io::Result<()> {
        self.set_len(bytes)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }
}

impl<T: Output> Output for &mut T {
    fn set_size(&mut self, bytes: u64) -> io::Result<()> {
        (**self).set_size(bytes)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        (**self).write_at(offset, bytes)
    }
}

/// An image in memory.
impl Output for Vec<u8> {
    fn set_size(&mut self, bytes: u64) -> io::Result<()> {
        let length = usize::try_from(bytes).map_err(io::Error::other)?;
        self.resize(length, 0);
        Ok(())
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let room = self
            .get_mut(start..)
            .and_then(|rest| rest.get_mut(..bytes.len()));
        let room = room.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        room.copy_from_slice(bytes);
        Ok(())
    }
}

/// Bytes that belong one behind the other.
#[derive(Default)]
struct Run {
    start: u64,
    bytes: Vec<u8>,
}

impl Run {
    fn put<O: Output>(&mut self, output: &mut O, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let end = self.start + self.bytes.len() as u64;
        if offset != end || self.bytes.len() + bytes.len() > RUN {
            self.flush(output)?;
            self.start = offset;
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn flush<O: Output>(&mut self, output: &mut O) -> io::Result<()> {
        if !self.bytes.is_empty() {
            output.write_at(self.start, &self.bytes)?;
            self.bytes.clear();
        }
        Ok(())
    }
}

/// The output, what is free in it, and what is still to be written to it.
pub(crate) struct Disk<O> {
    output: O,
    allocator: Allocator,
    data: Run,
    inodes: Run,
    pub(crate) seed: Seed,
}

impl<O: Output> Disk<O> {
    pub(crate) fn new(
        mut output: O,
        size: u64,
        geometry: Geometry,
        seed: Seed,
    ) -> Result<Self, ExtError> {
        output.set_size(size).map_err(ExtError::Write)?;
        Ok(Self {
            output,
            allocator: Allocator::new(geometry),
            data: Run::default(),
            inodes: Run::default(),
            seed,
        })
    }

    pub(crate) fn allocator(&self) -> &Allocator {
        &self.allocator
    }

    pub(crate) fn geometry(&self) -> &Geometry {
        self.allocator.geometry()
    }

    /// A block that nothing else uses.
    pub(crate) fn take(&mut self) -> Result<u32, ExtError> {
        self.allocator.take()
    }

    pub(crate) fn write_block(&mut self, block: u32, bytes: &[u8]) -> Result<(), ExtError> {
        let offset = u64::from(block) * BLOCK_SIZE;
        self.data
            .put(&mut self.output, offset, bytes)
            .map_err(ExtError::Write)
    }

    pub(crate) fn write_inode(&mut self, number: u32, bytes: &[u8]) -> Result<(), ExtError> {
        let offset = self.geometry().inode(number);
        self.inodes
            .put(&mut self.output, offset, bytes)
            .map_err(ExtError::Write)
    }

    /// Writes what is collected, then `bytes`.
    pub(crate) fn write_last(&mut self, offset: u64, bytes: &[u8]) -> Result<(), ExtError> {
        self.flush()?;
        self.output.write_at(offset, bytes).map_err(ExtError::Write)
    }

    fn flush(&mut self) -> Result<(), ExtError> {
        self.data.flush(&mut self.output).map_err(ExtError::Write)?;
        self.inodes.flush(&mut self.output).map_err(ExtError::Write)
    }

    pub(crate) fn into_output(self) -> O {
        self.output
    }
}
