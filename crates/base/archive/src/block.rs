//! Stretches of a stream that threads can share without copying.

use std::fmt;
use std::io::{self, BufRead, Read};
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use crate::zero::is_zero;

/// The largest block, in bytes: 1 MiB.
///
/// Blocks are compressed independently of each other, and 1 MiB loses 0.1 % of the ratio to that,
/// where 256 KiB lose 0.6 %. In flight are about three blocks for each compressor thread.
pub const BLOCK_SIZE: usize = 1 << 20;

static ZEROS: [u8; BLOCK_SIZE] = [0; BLOCK_SIZE];

/// A stretch of a stream, at most [`BLOCK_SIZE`] bytes. Cloning it copies no bytes.
///
/// A block of zeros occupies no memory of its own.
#[derive(Clone)]
pub struct Block(Repr);

#[derive(Clone)]
enum Repr {
    Data(Arc<Shared>),
    Zeros(usize),
}

/// A filled buffer that goes back to its pool when the last block of it is dropped.
struct Shared(BlockBuffer);

impl Block {
    /// A block of `len` zeros; `len` is cut to [`BLOCK_SIZE`].
    pub fn zeros(len: usize) -> Self {
        Self(Repr::Zeros(len.min(BLOCK_SIZE)))
    }

    /// Whether the block is known to be all zeros.
    pub fn is_zero(&self) -> bool {
        matches!(self.0, Repr::Zeros(_))
    }
}

impl Deref for Block {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Repr::Data(shared) => shared.0.filled(),
            Repr::Zeros(len) => &ZEROS[..*len],
        }
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block")
            .field("len", &self.len())
            .field("is_zero", &self.is_zero())
            .finish()
    }
}

/// Buffers of one size that are used again.
///
/// A pool never refuses: how many buffers exist is bounded by the queues that the blocks wait in.
#[derive(Clone, Debug)]
pub struct BlockPool(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    size: usize,
    free: Mutex<Vec<Box<[u8]>>>,
}

impl BlockPool {
    /// A pool of buffers of `size` bytes, at least 1 and at most [`BLOCK_SIZE`].
    pub fn new(size: usize) -> Self {
        Self(Arc::new(Pool {
            size: size.clamp(1, BLOCK_SIZE),
            free: Mutex::default(),
        }))
    }

    /// An empty buffer.
    pub fn take(&self) -> BlockBuffer {
        let free = self
            .0
            .free
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        BlockBuffer {
            bytes: free.unwrap_or_else(|| vec![0; self.0.size].into_boxed_slice()),
            len: 0,
            pool: Arc::clone(&self.0),
        }
    }
}

/// A buffer that is being filled; [`BlockBuffer::freeze`] makes a [`Block`] of it.
#[derive(Debug)]
pub struct BlockBuffer {
    bytes: Box<[u8]>,
    len: usize,
    pool: Arc<Pool>,
}

impl BlockBuffer {
    /// The bytes filled so far.
    pub fn filled(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// The room that is left. What it holds is left over from earlier use.
    pub fn room(&mut self) -> &mut [u8] {
        &mut self.bytes[self.len..]
    }

    /// Declares the first `count` bytes of the room filled; `count` is cut to the room.
    pub fn advance(&mut self, count: usize) {
        self.len = self.bytes.len().min(self.len + count);
    }

    /// Whether there is no room left.
    pub fn is_full(&self) -> bool {
        self.len == self.bytes.len()
    }

    /// Whether nothing was filled yet.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Copies as many of `bytes` as there is room for, and returns their number.
    pub fn fill_from(&mut self, bytes: &[u8]) -> usize {
        let room = self.room();
        let count = room.len().min(bytes.len());
        room[..count].copy_from_slice(&bytes[..count]);
        self.advance(count);
        count
    }

    /// The filled bytes as a block. If all are zero, the buffer goes back to its pool at once.
    pub fn freeze(self) -> Block {
        if is_zero(self.filled()) {
            Block::zeros(self.len)
        } else {
            Block(Repr::Data(Arc::new(Shared(self))))
        }
    }
}

impl Drop for BlockBuffer {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        let mut free = self
            .pool
            .free
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        free.push(bytes);
    }
}

/// A stream as a sequence of blocks.
pub trait BlockSource {
    /// The next block, never an empty one; `None` at the end of the stream.
    ///
    /// # Errors
    ///
    /// Whatever the stream beneath fails with. After an error the stream is not to be read again.
    fn next_block(&mut self) -> io::Result<Option<Block>>;
}

impl<S: BlockSource + ?Sized> BlockSource for Box<S> {
    fn next_block(&mut self) -> io::Result<Option<Block>> {
        (**self).next_block()
    }
}

/// Any sequence of blocks as a [`BufRead`]; its buffers are the blocks themselves.
#[derive(Debug)]
pub struct BlockReader<S> {
    source: S,
    block: Block,
    position: usize,
}

impl<S: BlockSource> BlockReader<S> {
    /// Reads the blocks of `source`.
    pub fn new(source: S) -> Self {
        let block = Block::zeros(0);
        Self {
            source,
            block,
            position: 0,
        }
    }
}

impl<S: BlockSource> BufRead for BlockReader<S> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.position == self.block.len() {
            // The old block must not keep its buffer while the source fills the next.
            self.block = Block::zeros(0);
            self.position = 0;
            if let Some(block) = self.source.next_block()? {
                self.block = block;
            }
        }
        Ok(&self.block[self.position..])
    }

    fn consume(&mut self, count: usize) {
        self.position = self.block.len().min(self.position + count);
    }
}

impl<S: BlockSource> Read for BlockReader<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(pool: &BlockPool, bytes: &[u8]) -> Block {
        let mut buffer = pool.take();
        buffer.fill_from(bytes);
        buffer.freeze()
    }

    #[test]
    fn a_buffer_returns_when_the_last_clone_is_gone() {
        let pool = BlockPool::new(4);
        let free = || pool.0.free.lock().unwrap().len();
        let one = block(&pool, b"abcdef");
        let two = one.clone();
        assert_eq!(&*two, b"abcd");
        drop(one);
        assert_eq!(free(), 0);
        drop(two);
        assert_eq!(free(), 1);
        assert!(pool.take().is_empty(), "a used buffer comes back empty");
    }

    #[test]
    fn zeros_keep_no_buffer() {
        let pool = BlockPool::new(4);
        let zeros = block(&pool, &[0; 3]);
        assert!(zeros.is_zero());
        assert_eq!(&*zeros, &[0; 3]);
        assert_eq!(pool.0.free.lock().unwrap().len(), 1);
        assert!(!block(&pool, &[0, 1]).is_zero());
    }

    #[test]
    fn a_reader_gives_the_bytes_of_all_blocks() {
        struct List(Vec<Block>);
        impl BlockSource for List {
            fn next_block(&mut self) -> io::Result<Option<Block>> {
                Ok(self.0.pop())
            }
        }
        let pool = BlockPool::new(8);
        let list = List(vec![
            block(&pool, b"tail"),
            Block::zeros(2),
            block(&pool, b"head"),
        ]);
        let mut bytes = Vec::new();
        BlockReader::new(list).read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, b"head\0\0tail");
    }
}
