//! A machine that runs, until it does not.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::error::BootError;
use crate::expect::Expected;

/// A machine that was started; it is killed when dropped.
#[derive(Debug)]
pub struct Running {
    process: Child,
    program: PathBuf,
    console: Receiver<Vec<u8>>,
    complaints: Option<JoinHandle<String>>,
}

/// What ends a run, and where the console goes.
pub struct Watch<'a> {
    /// A text on one line of the console.
    pub expect: Option<&'a str>,
    /// How long the machine may run.
    pub timeout: Option<Duration>,
    /// Gets every byte of the console.
    pub console: &'a mut dyn Write,
    /// Whether somebody wants the run to end; asked several times a second.
    pub cancelled: &'a dyn Fn() -> bool,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// The machine powered itself off, or wanted to start again.
    PoweredOff,
    /// The text was seen, on this line.
    Seen(String),
    /// The time was up.
    TimedOut,
    /// Somebody wanted it.
    Cancelled,
}

/// How often the caller is asked.
const TICK: Duration = Duration::from_millis(50);
/// How long the rest of a line may take once the text is there; a prompt has none.
const LINE_LIMIT: Duration = Duration::from_millis(300);
/// How much of what the emulator complains of is kept: the end, in bytes.
const KEPT: usize = 8 << 10;
/// Pieces of the console that wait for a slow reader.
const QUEUE: usize = 64;

impl Running {
    pub(crate) fn new(mut process: Child, program: PathBuf) -> Self {
        let (sender, console) = mpsc::sync_channel(QUEUE);
        if let Some(mut stdout) = process.stdout.take() {
            thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(count @ 1..) = stdout.read(&mut buffer) {
                    if sender.send(buffer[..count].to_vec()).is_err() {
                        break;
                    }
                }
            });
        }
        let complaints = process
            .stderr
            .take()
            .map(|stderr| thread::spawn(move || tail(stderr)));
        Self {
            process,
            program,
            console,
            complaints,
        }
    }

    /// What is written here is typed on the machine's console. `None` the second time.
    pub fn keyboard(&mut self) -> Option<ChildStdin> {
        self.process.stdin.take()
    }

    /// The emulator's process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Passes the console on until the run ends in one of the four ways; then the machine is gone.
    ///
    /// # Errors
    /// When the emulator fails, or the console cannot be written.
    pub fn watch(mut self, watch: &mut Watch<'_>) -> Result<Ended, BootError> {
        let start = Instant::now();
        let mut expected = watch.expect.map(Expected::new);
        let mut found_at = None;
        loop {
            match self.console.recv_timeout(TICK) {
                Ok(piece) => {
                    pass_on(watch.console, &piece)?;
                    if let Some(expected) = &mut expected {
                        expected.feed(&piece);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    let seen = expected.as_ref().filter(|expected| expected.found());
                    let line = seen.map(Expected::line);
                    let ended = self.end();
                    return line.map_or(ended, |line| Ok(Ended::Seen(line)));
                }
            }
            if let Some(expected) = expected.as_ref().filter(|expected| expected.found()) {
                let since = found_at.get_or_insert_with(Instant::now);
                if expected.complete() || since.elapsed() >= LINE_LIMIT {
                    return Ok(Ended::Seen(expected.line()));
                }
            } else if watch.timeout.is_some_and(|limit| start.elapsed() >= limit) {
                return Ok(Ended::TimedOut);
            }
            if (watch.cancelled)() {
                return Ok(Ended::Cancelled);
            }
        }
    }

    /// The console has closed: the emulator ends, well or not.
    fn end(&mut self) -> Result<Ended, BootError> {
        let status = self.process.wait().map_err(|source| BootError::System {
            doing: "wait for",
            path: self.program.clone(),
            source,
        })?;
        if status.success() {
            return Ok(Ended::PoweredOff);
        }
        let complaints = self.complaints.take().and_then(|thread| thread.join().ok());
        Err(BootError::Failed {
            program: self.program.clone(),
            status: status.to_string(),
            output: complaints.unwrap_or_default(),
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The disk is never written, so there is nothing that could be half done; it may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn pass_on(console: &mut dyn Write, piece: &[u8]) -> Result<(), BootError> {
    let written = console.write_all(piece).and_then(|()| console.flush());
    written.map_err(BootError::Console)
}

/// Reads to the end and keeps the last bytes.
pub(crate) fn tail(mut reader: impl Read) -> String {
    let mut kept = VecDeque::new();
    let mut buffer = [0; 1024];
    while let Ok(count @ 1..) = reader.read(&mut buffer) {
        kept.extend(&buffer[..count]);
        kept.drain(..kept.len().saturating_sub(KEPT));
    }
    let text = String::from_utf8_lossy(kept.make_contiguous()).into_owned();
    text.chars()
        .filter(|c| *c == '\n' || !c.is_control())
        .collect()
}
