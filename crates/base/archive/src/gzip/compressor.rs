//! The parallel compressor: what is written into one end comes out of the other as gzip.

use std::io::{self, BufRead, Read, Write};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded, never, select};

use super::deflate::{Deflated, Deflater};
use super::frame;
use crate::{ArchiveError, BLOCK_SIZE, Block, BlockBuffer, BlockPool, Level};

/// Blocks that may wait, in work or done, for each compressor thread: one to work on and one so
/// that no thread waits for the reader.
const QUEUED_PER_JOB: usize = 2;

/// A pipe with compressors in it.
///
/// [`Compressor::start`] gives the two ends, for two threads: whatever the one writes into the
/// [`GzipInput`], the other reads from the [`GzipOutput`] as exactly one gzip member.
///
/// - The input is cut into blocks that are compressed independently and joined. The output depends
///   on the bytes, the level and where the blocks were cut, never on the number of threads.
/// - Each compressed block was inflated and compared with its input before it comes out.
/// - At most two blocks for each compressor thread wait between the ends; then the input blocks.
/// - The output ends without an error only if [`GzipInput::finish`] was called. If it was dropped
///   instead, or a compressor failed, the output fails; if the output was dropped, the input fails
///   with [`io::ErrorKind::BrokenPipe`].
/// - Dropping the output stops and joins the threads.
#[derive(Clone, Copy, Debug)]
pub struct Compressor {
    level: Level,
    jobs: NonZeroUsize,
}

impl Compressor {
    /// A compressor of `jobs` threads.
    pub fn new(level: Level, jobs: NonZeroUsize) -> Self {
        Self { level, jobs }
    }

    /// Starts the threads.
    ///
    /// # Errors
    ///
    /// The system refused to start a thread.
    pub fn start(self) -> io::Result<(GzipInput, GzipOutput)> {
        let zeros = Deflater::new(self.level).deflate(&Block::zeros(BLOCK_SIZE))?;
        self.start_with(zeros, || {
            let mut deflater = Deflater::new(self.level);
            move |block: &[u8]| deflater.deflate(block)
        })
    }

    /// Compresses everything that `from` has, and returns `to` when all was written.
    ///
    /// # Errors
    ///
    /// The error of `from`, of `to` or of a compressor, whichever came first.
    pub fn compress<W: Write>(self, from: impl Read + Send, mut to: W) -> io::Result<W> {
        let (input, mut output) = self.start()?;
        thread::scope(|scope| {
            let feeder = scope.spawn(move || feed(from, input));
            let copied = io::copy(&mut output, &mut to);
            drop(output);
            let fed = feeder
                .join()
                .unwrap_or_else(|_| Err(ArchiveError::WorkerDied.into()));
            match fed {
                // The input only mirrors what went wrong with the output.
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
                _ => copied.map(|_| to),
            }
        })
    }

    fn start_with<C>(
        self,
        zeros: Deflated,
        make: impl Fn() -> C,
    ) -> io::Result<(GzipInput, GzipOutput)>
    where
        C: FnMut(&[u8]) -> Result<Deflated, ArchiveError> + Send + 'static,
    {
        let depth = self.jobs.get() * QUEUED_PER_JOB;
        let (order_in, order) = bounded(depth);
        let (work_in, work) = bounded(depth + 1);
        let (stop_in, stop) = bounded(0);
        let mut output = GzipOutput::new(self.level, order, stop_in);
        for number in 0..self.jobs.get() {
            let (codec, work, stop) = (make(), work.clone(), stop.clone());
            let worker = thread::Builder::new()
                .name(format!("deflate-{number}"))
                .spawn(move || run(codec, &work, &stop))?;
            output.workers.push(worker);
        }
        let input = GzipInput {
            order: order_in,
            work: work_in,
            zeros: Arc::new(zeros),
            pool: BlockPool::new(BLOCK_SIZE),
            buffer: None,
        };
        Ok((input, output))
    }
}

fn feed(mut from: impl Read, mut input: GzipInput) -> io::Result<()> {
    io::copy(&mut from, &mut input)?;
    input.finish()
}

type Answer = Result<Deflated, ArchiveError>;

/// A block to compress, and where to send the result.
struct Work {
    block: Block,
    answer: Sender<Answer>,
}

/// The output's next piece, in the order of the input.
enum Next {
    Pending(Receiver<Answer>),
    Ready(Arc<Deflated>),
    End,
}

/// Nothing is ever sent through this channel: its end makes the compressors stop.
enum Stop {}

fn run(mut codec: impl FnMut(&[u8]) -> Answer, work: &Receiver<Work>, stop: &Receiver<Stop>) {
    loop {
        select! {
            recv(stop) -> _ => return,
            recv(work) -> item => {
                let Ok(Work { block, answer }) = item else { return };
                let result = codec(&block);
                // The block's buffer is free before the next stage hears of the result.
                drop(block);
                // Nobody waits for the answer any more after a failure elsewhere.
                let _ = answer.send(result);
            }
        }
    }
}

/// The end of a [`Compressor`] that takes the data.
///
/// As a [`Write`] it cuts the data every [`BLOCK_SIZE`] bytes. [`GzipInput::send`] takes blocks that
/// the caller has cut, without copying them.
#[derive(Debug)]
pub struct GzipInput {
    order: Sender<Next>,
    work: Sender<Work>,
    zeros: Arc<Deflated>,
    pool: BlockPool,
    buffer: Option<BlockBuffer>,
}

impl GzipInput {
    /// Compresses `block` as a block of its own, after everything that was written before.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::BrokenPipe`] when the output is gone, [`ArchiveError::WorkerDied`].
    pub fn send(&mut self, block: Block) -> io::Result<()> {
        self.cut()?;
        self.enqueue(block)
    }

    /// Ends the stream.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::BrokenPipe`] when the output is gone, [`ArchiveError::WorkerDied`].
    pub fn finish(mut self) -> io::Result<()> {
        self.cut()?;
        self.order.send(Next::End).map_err(|_| output_gone())
    }

    fn cut(&mut self) -> io::Result<()> {
        match self.buffer.take() {
            Some(buffer) => self.enqueue(buffer.freeze()),
            None => Ok(()),
        }
    }

    fn enqueue(&mut self, block: Block) -> io::Result<()> {
        if block.is_empty() {
            return Ok(());
        }
        if block.is_zero() && block.len() == self.zeros.len {
            let ready = Next::Ready(Arc::clone(&self.zeros));
            return self.order.send(ready).map_err(|_| output_gone());
        }
        let (answer, pending) = bounded(1);
        let pending = Next::Pending(pending);
        self.order.send(pending).map_err(|_| output_gone())?;
        let work = Work { block, answer };
        self.work
            .send(work)
            .map_err(|_| ArchiveError::WorkerDied.into())
    }
}

fn output_gone() -> io::Error {
    io::ErrorKind::BrokenPipe.into()
}

impl Write for GzipInput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let buffer = self.buffer.get_or_insert_with(|| self.pool.take());
        let count = buffer.fill_from(bytes);
        if buffer.is_full() {
            self.cut()?;
        }
        Ok(count)
    }

    /// Does nothing: a block is not cut before it is full, so that the output does not depend on
    /// when the writer flushes.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The end of a [`Compressor`] that gives the gzip stream.
#[derive(Debug)]
pub struct GzipOutput {
    order: Receiver<Next>,
    stop: Sender<Stop>,
    workers: Vec<JoinHandle<()>>,
    chunk: Chunk,
    position: usize,
    crc: crc32fast::Hasher,
    len: u64,
    ended: bool,
}

#[derive(Debug)]
enum Chunk {
    Frame([u8; 10]),
    Own(Deflated),
    Shared(Arc<Deflated>),
}

impl Chunk {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Frame(bytes) => bytes,
            Self::Own(deflated) => &deflated.data,
            Self::Shared(deflated) => &deflated.data,
        }
    }
}

impl GzipOutput {
    fn new(level: Level, order: Receiver<Next>, stop: Sender<Stop>) -> Self {
        Self {
            order,
            stop,
            workers: Vec::new(),
            chunk: Chunk::Frame(frame::header(level)),
            position: 0,
            crc: crc32fast::Hasher::new(),
            len: 0,
            ended: false,
        }
    }

    fn next_chunk(&mut self) -> Result<Chunk, ArchiveError> {
        match self.order.recv().map_err(|_| ArchiveError::Abandoned)? {
            Next::Pending(answer) => {
                let deflated = answer.recv().map_err(|_| ArchiveError::WorkerDied)??;
                self.count(&deflated);
                Ok(Chunk::Own(deflated))
            }
            Next::Ready(deflated) => {
                self.count(&deflated);
                Ok(Chunk::Shared(deflated))
            }
            Next::End => {
                self.ended = true;
                let crc = self.crc.clone().finalize();
                Ok(Chunk::Frame(frame::trailer(crc, self.len)))
            }
        }
    }

    fn count(&mut self, block: &Deflated) {
        let len = block.len as u64;
        let crc = crc32fast::Hasher::new_with_initial_len(block.crc, len);
        self.crc.combine(&crc);
        self.len += len;
    }
}

impl BufRead for GzipOutput {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.position == self.chunk.bytes().len() && !self.ended {
            self.chunk = self.next_chunk()?;
            self.position = 0;
        }
        Ok(&self.chunk.bytes()[self.position..])
    }

    fn consume(&mut self, count: usize) {
        self.position = self.chunk.bytes().len().min(self.position + count);
    }
}

impl Read for GzipOutput {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl Drop for GzipOutput {
    fn drop(&mut self) {
        // Replacing the channels ends them: the input's sends fail, the compressors stop.
        self.order = never();
        self.stop = bounded(0).0;
        for worker in self.workers.drain(..) {
            // A panic was reported to the reader as `WorkerDied` already.
            let _ = worker.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: NonZeroUsize = NonZeroUsize::new(2).unwrap();

    fn zeros() -> Deflated {
        Deflater::new(Level::FAST).deflate(&[0; 8]).unwrap()
    }

    /// Feeds blocks without end until an error comes back.
    fn feed_forever(mut input: GzipInput) -> io::Error {
        let pool = BlockPool::new(8);
        loop {
            let mut buffer = pool.take();
            buffer.fill_from(b"endless.");
            if let Err(error) = input.send(buffer.freeze()) {
                return error;
            }
        }
    }

    fn outcome(codec: fn(&[u8]) -> Answer) -> (ArchiveError, io::Error) {
        let compressor = Compressor::new(Level::FAST, TWO);
        let (input, mut output) = compressor.start_with(zeros(), || codec).unwrap();
        let feeder = thread::spawn(move || feed_forever(input));
        let error = io::copy(&mut output, &mut io::sink()).unwrap_err();
        drop(output);
        (ArchiveError::from_io(error), feeder.join().unwrap())
    }

    #[test]
    fn a_failing_compressor_fails_the_whole() {
        let (error, fed) = outcome(|_| Err(ArchiveError::SelfCheck));
        assert!(matches!(error, ArchiveError::SelfCheck));
        assert_eq!(fed.kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn a_dying_compressor_fails_the_whole() {
        let (error, _) = outcome(|_| panic!("a test lets this thread die"));
        assert!(matches!(error, ArchiveError::WorkerDied));
    }

    #[test]
    fn an_input_given_up_fails_the_output() {
        let (mut input, mut output) = Compressor::new(Level::FAST, TWO).start().unwrap();
        input.write_all(b"half").unwrap();
        drop(input);
        let error = io::copy(&mut output, &mut io::sink()).unwrap_err();
        assert!(matches!(
            ArchiveError::from_io(error),
            ArchiveError::Abandoned
        ));
    }

    #[test]
    fn an_output_given_up_fails_the_input_and_stops_the_threads() {
        let (input, output) = Compressor::new(Level::FAST, TWO).start().unwrap();
        // The input is still open here: joining must not wait for it.
        drop(output);
        assert_eq!(feed_forever(input).kind(), io::ErrorKind::BrokenPipe);
    }
}
