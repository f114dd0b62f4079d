//! Gzip as blocks, inflated on many threads where the stream allows it.

use std::collections::VecDeque;
use std::io::{self, BufRead, Read};
use std::num::NonZeroUsize;

use crossbeam_channel::Receiver;
use memchr::memmem;

use super::frame::MARK;
use super::gunzip::{GunzipReader, read_header};
use super::inflaters::{Answer, Inflaters};
use crate::{ArchiveError, BLOCK_SIZE, Block, BlockSource, ReaderBlocks};

/// The most compressed bytes of a block, its mark included. A block that does not compress is stored, with 5 bytes for
/// each 64 KiB.
const MAX_SECTION: usize = BLOCK_SIZE + (64 << 10);
/// Sections that may wait or be in work for each thread.
const QUEUED_PER_JOB: usize = 2;
/// Size of the blocks that come from a single inflater.
const SERIAL_BLOCK: usize = 256 << 10;

/// What the gzip members of a stream hold, joined, as blocks.
///
/// As strict as [`GunzipReader`], and the same bytes come out. What a [`crate::Compressor`] has written carries marks
/// between its blocks, and is inflated on several threads; whatever has no marks, or has them by chance, is inflated by
/// one. About two blocks for each thread are in memory.
#[derive(Debug)]
pub struct GunzipBlocks<R> {
    state: State<R>,
    limit: u64,
    jobs: NonZeroUsize,
}

#[derive(Debug)]
enum State<R> {
    Start(R),
    Parallel(Parallel<R>),
    Serial(ReaderBlocks<GunzipReader<Rejoined<R>>>),
    Failed,
}

impl<R: BufRead> GunzipBlocks<R> {
    /// Inflates the members of `inner`, which may hold `limit` bytes in all, on up to `jobs` threads.
    pub fn new(inner: R, limit: u64, jobs: NonZeroUsize) -> Self {
        Self {
            state: State::Start(inner),
            limit,
            jobs,
        }
    }

    fn start(&self, mut inner: R) -> io::Result<State<R>> {
        read_header(&mut inner, ArchiveError::NotGzip)?;
        let first = read_section(&mut inner)?;
        if !first.marked {
            let crc = crc32fast::Hasher::new();
            return Ok(serial(inner, [first.data].into(), self.limit, crc, 0));
        }
        let mut parallel = Parallel {
            inner,
            inflaters: Inflaters::start(self.jobs, BLOCK_SIZE)?,
            most: self.jobs.get() * QUEUED_PER_JOB,
            waiting: VecDeque::new(),
            rest: None,
            crc: crc32fast::Hasher::new(),
            len: 0,
            limit: self.limit,
        };
        parallel.enqueue(first)?;
        Ok(State::Parallel(parallel))
    }
}

impl<R: BufRead> BlockSource for GunzipBlocks<R> {
    fn next_block(&mut self) -> io::Result<Option<Block>> {
        loop {
            let (state, block) = match std::mem::replace(&mut self.state, State::Failed) {
                State::Start(inner) => (self.start(inner)?, None),
                State::Parallel(parallel) => parallel.next()?,
                State::Serial(mut blocks) => {
                    let block = blocks.next_block()?;
                    self.state = State::Serial(blocks);
                    return Ok(block);
                }
                State::Failed => return Err(ArchiveError::Abandoned.into()),
            };
            self.state = state;
            if block.is_some() {
                return Ok(block);
            }
        }
    }
}

/// A stretch of deflate data up to the next mark, or as much as a block can have.
struct Section {
    data: Vec<u8>,
    marked: bool,
}

fn read_section(inner: &mut impl BufRead) -> io::Result<Section> {
    let finder = memmem::Finder::new(&MARK);
    let mut data = Vec::new();
    while data.len() < MAX_SECTION {
        let bytes = inner.fill_buf()?;
        if bytes.is_empty() {
            break;
        }
        let before = data.len();
        data.extend_from_slice(bytes);
        let count = bytes.len();
        // A mark may have begun in the bytes before.
        let from = before.saturating_sub(MARK.len() - 1);
        if let Some(at) = finder.find(&data[from..]) {
            let end = from + at + MARK.len();
            data.truncate(end);
            inner.consume(end - before);
            return Ok(Section { data, marked: true });
        }
        inner.consume(count);
    }
    Ok(Section {
        data,
        marked: false,
    })
}

/// Inflates the sections of the first member.
#[derive(Debug)]
struct Parallel<R> {
    inner: R,
    inflaters: Inflaters,
    most: usize,
    waiting: VecDeque<Receiver<Answer>>,
    /// What was read and has no mark. Nothing is read behind it.
    rest: Option<Vec<u8>>,
    crc: crc32fast::Hasher,
    len: u64,
    limit: u64,
}

impl<R: BufRead> Parallel<R> {
    fn enqueue(&mut self, section: Section) -> io::Result<()> {
        if section.marked {
            self.waiting
                .push_back(self.inflaters.inflate(section.data)?);
        } else {
            self.rest = Some(section.data);
        }
        Ok(())
    }

    /// The next block, if there is one; and how to continue.
    fn next(mut self) -> io::Result<(State<R>, Option<Block>)> {
        while self.rest.is_none() && self.waiting.len() < self.most {
            let section = read_section(&mut self.inner)?;
            self.enqueue(section)?;
        }
        let Some(answer) = self.waiting.pop_front() else {
            // The end of the member is left, or a block without a mark.
            return Ok((self.go_on_serially(None)?, None));
        };
        let answer = receive(&answer)?;
        match answer.inflated {
            Some(block) => {
                self.count(&block.block, &block.crc)?;
                let block = (!block.block.is_empty()).then_some(block.block);
                Ok((State::Parallel(self), block))
            }
            // A mark by chance, or a member's end before the mark.
            None => Ok((self.go_on_serially(Some(answer.data))?, None)),
        }
    }

    fn count(&mut self, block: &Block, crc: &crc32fast::Hasher) -> io::Result<()> {
        self.crc.combine(crc);
        self.len += block.len() as u64;
        if self.len > self.limit {
            let limit = self.limit;
            return Err(ArchiveError::TooLong { limit }.into());
        }
        Ok(())
    }

    /// Leaves everything from `first` on to a single inflater.
    fn go_on_serially(self, first: Option<Vec<u8>>) -> io::Result<State<R>> {
        let mut pending = VecDeque::from_iter(first);
        for answer in &self.waiting {
            pending.push_back(receive(answer)?.data);
        }
        pending.extend(self.rest);
        Ok(serial(self.inner, pending, self.limit, self.crc, self.len))
    }
}

fn receive(answer: &Receiver<Answer>) -> io::Result<Answer> {
    answer.recv().map_err(|_| ArchiveError::WorkerDied.into())
}

fn serial<R: BufRead>(
    inner: R,
    pending: VecDeque<Vec<u8>>,
    limit: u64,
    crc: crc32fast::Hasher,
    len: u64,
) -> State<R> {
    let inner = Rejoined {
        pending,
        position: 0,
        inner,
    };
    let reader = GunzipReader::within_member(inner, limit, crc, len);
    State::Serial(ReaderBlocks::with_block_size(reader, SERIAL_BLOCK))
}

/// A reader in front of which stands what was read from it already.
#[derive(Debug)]
struct Rejoined<R> {
    pending: VecDeque<Vec<u8>>,
    position: usize,
    inner: R,
}

impl<R: BufRead> BufRead for Rejoined<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self
            .pending
            .front()
            .is_some_and(|first| first.len() == self.position)
        {
            self.pending.pop_front();
            self.position = 0;
        }
        match self.pending.front() {
            Some(first) => Ok(&first[self.position..]),
            None => self.inner.fill_buf(),
        }
    }

    fn consume(&mut self, count: usize) {
        if self.pending.is_empty() {
            self.inner.consume(count);
        } else {
            self.position += count;
        }
    }
}

impl<R: BufRead> Read for Rejoined<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;
    use crate::{Compressor, Level};

    const TWO: NonZeroUsize = NonZeroUsize::new(2).unwrap();

    fn own(data: &[u8], level: Level) -> Vec<u8> {
        Compressor::new(level, TWO)
            .compress(data, Vec::new())
            .unwrap()
    }

    fn foreign(data: &[u8], level: u32) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::new(level));
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    /// What comes out, and whether it came from several threads to the end.
    fn inflate(gzip: &[u8], limit: u64) -> Result<Vec<u8>, ArchiveError> {
        let mut blocks = GunzipBlocks::new(gzip, limit, TWO);
        let mut bytes = Vec::new();
        while let Some(block) = blocks.next_block().map_err(ArchiveError::from_io)? {
            assert!(!block.is_empty());
            bytes.extend_from_slice(&block);
        }
        Ok(bytes)
    }

    /// Bytes that compress to about a third.
    fn bytes(len: usize) -> Vec<u8> {
        let mut state = 7_u32;
        let mut next = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0] & 7
        };
        (0..len).map(|_| next()).collect()
    }

    /// How many blocks came from several threads.
    fn parallel_blocks(gzip: &[u8]) -> usize {
        let mut blocks = GunzipBlocks::new(gzip, u64::MAX, TWO);
        let mut count = 0;
        while blocks.next_block().unwrap().is_some() {
            count += usize::from(matches!(blocks.state, State::Parallel(_)));
        }
        count
    }

    #[test]
    fn own_streams_are_inflated_on_many_threads_and_foreign_ones_are_not() {
        let mut data = bytes(3 * BLOCK_SIZE + 5);
        data.resize(8 * BLOCK_SIZE, 0);
        for level in [Level::FAST, Level::DEFAULT, "0".parse().unwrap()] {
            let gzip = own(&data, level);
            assert!(inflate(&gzip, data.len() as u64).unwrap() == data);
            assert_eq!(parallel_blocks(&gzip), 8);
        }
        let gzip = foreign(&data, 6);
        assert!(inflate(&gzip, data.len() as u64).unwrap() == data);
        assert_eq!(parallel_blocks(&gzip), 0);
    }

    #[test]
    fn members_behind_the_first_are_joined() {
        let (one, two) = (bytes(2 * BLOCK_SIZE), bytes(100));
        let gzip = [
            own(&one, Level::FAST),
            own(&two, Level::FAST),
            foreign(&one, 1),
        ]
        .concat();
        assert!(inflate(&gzip, u64::MAX).unwrap() == [&one[..], &two, &one].concat());
    }

    #[test]
    fn marks_by_chance_change_nothing() {
        // Stored as they are, in a foreign stream and in our own; the last ends in the middle of a mark.
        let marks = [
            &bytes(70_000)[..],
            &MARK,
            &MARK,
            &bytes(9000),
            &MARK,
            &MARK[..5],
        ]
        .concat();
        let data = marks.repeat(30);
        for gzip in [foreign(&data, 0), own(&data, "0".parse().unwrap())] {
            assert!(inflate(&gzip, u64::MAX).unwrap() == data);
        }
        assert_eq!(inflate(&own(&MARK, Level::FAST), 9).unwrap(), MARK);
        assert_eq!(inflate(&own(b"", Level::FAST), 0).unwrap(), b"");
    }

    #[test]
    fn more_than_the_limit_is_refused() {
        let gzip = own(&vec![0; 20 * BLOCK_SIZE], Level::DEFAULT);
        let limit = 2 * BLOCK_SIZE as u64 + 1;
        let error = inflate(&gzip, limit).unwrap_err();
        assert!(matches!(error, ArchiveError::TooLong { limit: at } if at == limit));
    }

    #[test]
    fn after_a_failure_there_is_nothing_more() {
        let mut gzip = own(&bytes(5 * BLOCK_SIZE), Level::FAST);
        let at = gzip.len() / 2;
        gzip[at] ^= 0x40;
        let mut blocks = GunzipBlocks::new(&*gzip, u64::MAX, TWO);
        while let Ok(block) = blocks.next_block() {
            assert!(block.is_some(), "the damage was not noticed");
        }
        assert!(blocks.next_block().is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// The reader of one thread is the judge of what is right.
        #[test]
        fn damage_and_cuts_are_judged_as_by_one_thread(
            len in 0_usize..3 * BLOCK_SIZE,
            level in 0_u8..4,
            damage in proptest::collection::vec((any::<prop::sample::Index>(), 1_u8..), 0..2),
            cut in proptest::option::of(any::<prop::sample::Index>()),
            limit in prop_oneof![Just(u64::MAX), 0..4 * BLOCK_SIZE as u64],
        ) {
            let mut gzip = own(&bytes(len), level.to_string().parse().unwrap());
            for (at, flip) in damage {
                let at = at.index(gzip.len());
                gzip[at] ^= flip;
            }
            if let Some(cut) = cut {
                gzip.truncate(cut.index(gzip.len()));
            }
            let mut expected = Vec::new();
            let judge = GunzipReader::new(&*gzip, limit).read_to_end(&mut expected);
            let result = inflate(&gzip, limit);
            prop_assert_eq!(judge.is_ok(), result.is_ok());
            if let Ok(result) = result {
                prop_assert!(result == expected);
            }
        }
    }
}
