//! Threads that inflate stretches of deflate data which depend on nothing before them.

use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::num::NonZeroUsize;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use libdeflater::Decompressor;

use crate::zero::is_zero;
use crate::{ArchiveError, Block, BlockPool};

/// A stored block with the final bit set, of as many bytes as [`Seal`] has.
const FINAL_HEADER: [u8; 5] = [0x01, 0x08, 0x00, 0xf7, 0xff];

/// Bytes that nobody foresees.
///
/// The inflater wants a whole stream, so a final block is added to each stretch, and says nothing of bytes that it did not
/// reach, so the added block holds these: if they come out last, everything before them was used.
type Seal = [u8; 8];

/// A stretch of data, and what it means if that could be found out.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) data: Vec<u8>,
    pub(super) inflated: Option<Inflated>,
}

#[derive(Debug)]
pub(super) struct Inflated {
    pub(super) block: Block,
    pub(super) crc: crc32fast::Hasher,
}

struct Work {
    data: Vec<u8>,
    answer: Sender<Answer>,
}

/// The threads. They are joined when this is dropped.
#[derive(Debug)]
pub(super) struct Inflaters {
    work: Sender<Work>,
    threads: Vec<JoinHandle<()>>,
}

impl Inflaters {
    /// Starts `jobs` threads, for stretches that mean up to `most` bytes each.
    pub(super) fn start(jobs: NonZeroUsize, most: usize) -> io::Result<Self> {
        // How many stretches wait is for the caller to bound.
        let (work, queue) = unbounded();
        let mut inflaters = Self {
            work,
            threads: Vec::new(),
        };
        let pool = BlockPool::new(most);
        let seal = RandomState::new().hash_one(0).to_le_bytes();
        for number in 0..jobs.get() {
            let (queue, pool) = (queue.clone(), pool.clone());
            let thread = thread::Builder::new()
                .name(format!("inflate-{number}"))
                .spawn(move || run(&queue, Inflater::new(most, seal, pool)))?;
            inflaters.threads.push(thread);
        }
        Ok(inflaters)
    }

    /// Has `data` inflated.
    pub(super) fn inflate(&self, data: Vec<u8>) -> io::Result<Receiver<Answer>> {
        let (answer, result) = bounded(1);
        let sent = self.work.send(Work { data, answer });
        sent.map_err(|_| ArchiveError::WorkerDied)?;
        Ok(result)
    }
}

impl Drop for Inflaters {
    fn drop(&mut self) {
        // Without a sender the threads come to their end.
        let (nobody, _) = bounded(0);
        self.work = nobody;
        for thread in self.threads.drain(..) {
            // A panic was reported to the reader as `WorkerDied` already.
            let _ = thread.join();
        }
    }
}

fn run(queue: &Receiver<Work>, mut inflater: Inflater) {
    while let Ok(Work { mut data, answer }) = queue.recv() {
        let meaning = inflater.inflate(&mut data);
        // Nobody waits for the answer any more after a failure elsewhere.
        let _ = answer.send(Answer {
            data,
            inflated: meaning,
        });
    }
}

struct Inflater {
    decompressor: Decompressor,
    bytes: Vec<u8>,
    seal: Seal,
    pool: BlockPool,
}

impl Inflater {
    fn new(most: usize, seal: Seal, pool: BlockPool) -> Self {
        Self {
            decompressor: Decompressor::new(),
            bytes: vec![0; most + seal.len()],
            seal,
            pool,
        }
    }

    /// What `data` means; `None` if it is damaged, refers to what was before it, or means too much.
    fn inflate(&mut self, data: &mut Vec<u8>) -> Option<Inflated> {
        let size = data.len();
        data.extend_from_slice(&FINAL_HEADER);
        data.extend_from_slice(&self.seal);
        let made = self.decompressor.deflate_decompress(data, &mut self.bytes);
        data.truncate(size);
        let (bytes, seal) = self.bytes.get(..made.ok()?)?.split_last_chunk()?;
        if *seal != self.seal {
            return None;
        }
        let mut crc = crc32fast::Hasher::new();
        crc.update(bytes);
        let block = if is_zero(bytes) {
            Block::zeros(bytes.len())
        } else {
            let mut buffer = self.pool.take();
            buffer.fill_from(bytes);
            buffer.freeze()
        };
        Some(Inflated { block, crc })
    }
}
