//! Upkeep of a catalogue's file on a thread of its own, so that no commit waits for it.
//!
//! Commits append to a log. From time to time the log is brought into the file, and starts again; pages of the file that are free are
//! given back to the disk.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use fs_err as fs;
use fs_err::os::unix::fs::FileExt as _;
use rusqlite::Connection;
use rusqlite::hooks::Wal;

use crate::failure::Failure;

/// Pages of the log from which on it is brought into the file: 64 MiB.
const LONG_LOG: u32 = 16 << 10;
/// Pages by which the log grows before that is tried again, where a long read was in the way.
const AGAIN: u32 = LONG_LOG / 4;
/// Bytes of a page in the log, and of what is before the first.
const FRAME: u64 = 4096 + 24;
const HEADER: u64 = 32;
/// Bytes by which the file of the log is made longer than it needs to be, before it is as long as it may become: each growth of a file
/// is a commit of the file system's journal, which takes several times as long as writing in its middle.
const AHEAD: usize = 1 << 20;
/// Without a commit for so long nobody is in need of the file.
const IDLE: Duration = Duration::from_secs(1);
/// Free pages that the file keeps for what is put next: 4 MiB.
const KEPT: u32 = 1 << 10;
/// Free pages that are given back at once: 4 MiB, which takes some milliseconds.
const GIVEN_BACK: u32 = 1 << 10;

statements! {
    CHECKPOINT = "PRAGMA wal_checkpoint(PASSIVE)";
    FREE_PAGES = "PRAGMA freelist_count";
}

/// The thread, and what commits say to it. When this is dropped the thread ends.
#[derive(Debug)]
pub(crate) struct Upkeep {
    log: Arc<Log>,
    /// The file of the log.
    file: fs::File,
    thread: Option<JoinHandle<()>>,
}

/// What is known of the log.
#[derive(Debug)]
struct Log {
    /// Commits so far.
    commits: AtomicU64,
    /// Pages that are in the log.
    pages: AtomicU32,
    /// The length in pages at which the log is long.
    is_long_at: AtomicU32,
    /// Whether the thread has been asked for a checkpoint since the last one.
    is_asked: AtomicBool,
    /// Whether all but the end of a long log is in the file.
    is_almost_done: AtomicBool,
    /// Whether the thread waits for the end of commits.
    is_awake: AtomicBool,
    /// `None` when the upkeep ends.
    wake: Mutex<Option<mpsc::Sender<()>>>,
}

impl Upkeep {
    /// Starts the upkeep of the file that this connection writes, which is one with a log.
    pub(crate) fn start(path: &Path, writer: &mut Connection) -> Result<Self, Failure> {
        let (wake, woken) = mpsc::channel();
        let log = Arc::new(Log {
            commits: AtomicU64::new(0),
            pages: AtomicU32::new(0),
            is_long_at: AtomicU32::new(LONG_LOG),
            is_asked: AtomicBool::new(false),
            is_almost_done: AtomicBool::new(false),
            is_awake: AtomicBool::new(false),
            wake: Mutex::new(Some(wake)),
        });
        let of_commits = Arc::clone(&log);
        // This takes the place of checkpoints within commits.
        writer.wal_hook(Some(move |_: &mut Wal, pages| {
            of_commits.note(u32::try_from(pages).unwrap_or(u32::MAX));
            Ok(())
        }))?;
        // A log that was long once becomes short again.
        writer.pragma_update(None, "journal_size_limit", i64::from(LONG_LOG) * 4096)?;
        let mut name = path.as_os_str().to_owned();
        name.push("-wal");
        let file = fs::OpenOptions::new()
            .write(true)
            .open(PathBuf::from(name))?;
        let connection = Connection::open(path)?;
        let of_thread = Arc::clone(&log);
        let thread = thread::Builder::new()
            .name("catalogue-upkeep".to_owned())
            .spawn(move || of_thread.work(&connection, &woken))?;
        Ok(Self {
            log,
            file,
            thread: Some(thread),
        })
    }

    /// Makes the file of the log longer, if the next commit might have to. The connection that writes must be in a transaction: then
    /// nobody else adds to the log. What is behind its last page counts for nothing.
    pub(crate) fn make_room(&self) {
        let used = HEADER + u64::from(self.log.pages.load(Ordering::SeqCst)) * FRAME;
        let is_long_enough = |length: u64| length >= used + AHEAD as u64 / 2;
        match self.file.metadata().map(|found| found.len()) {
            Ok(length) if !is_long_enough(length) && length < u64::from(LONG_LOG) * 4096 => {
                // Where there is no room, the commit itself finds that out. The bytes are written: a hole would be filled by a commit
                // of the journal, too.
                let _ = self.file.write_all_at(&vec![0; AHEAD], length.max(used));
            }
            _ => {}
        }
    }

    /// Brings the end of a long log into the file, so that the next commit starts it again: while others commit the thread never
    /// reaches the end. The connection is the one that writes, and has just committed.
    pub(crate) fn finish(&self, writer: &Connection) {
        if !self.log.is_almost_done.swap(false, Ordering::SeqCst) {
            return;
        }
        let is_long_at = match checkpoint(writer) {
            Ok((pages, done)) if pages == done => LONG_LOG,
            Ok((pages, _)) => pages.saturating_add(AGAIN),
            // The log is longer next time, and says so again; what is wrong with the disk the next commit finds out.
            Err(_) => self.log.is_long_at.load(Ordering::SeqCst) + AGAIN,
        };
        self.log.is_long_at.store(is_long_at, Ordering::SeqCst);
        self.log.is_asked.store(false, Ordering::SeqCst);
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.log.end();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}

impl Log {
    /// Notes a commit after which the log has so many pages.
    fn note(&self, pages: u32) {
        self.commits.fetch_add(1, Ordering::SeqCst);
        self.pages.store(pages, Ordering::SeqCst);
        let is_long = pages >= self.is_long_at.load(Ordering::SeqCst);
        let asks = is_long && !self.is_asked.swap(true, Ordering::SeqCst);
        // Most commits find the thread awake already, and cost it nothing.
        if asks || !self.is_awake.swap(true, Ordering::SeqCst) {
            let wake = self.wake.lock();
            if let Some(wake) = wake.unwrap_or_else(PoisonError::into_inner).as_ref() {
                let _ = wake.send(());
            }
        }
    }

    fn end(&self) {
        let mut wake = self.wake.lock().unwrap_or_else(PoisonError::into_inner);
        *wake = None;
    }

    fn work(&self, connection: &Connection, woken: &mpsc::Receiver<()>) {
        while woken.recv().is_ok() {
            let mut seen = self.commits.load(Ordering::SeqCst);
            loop {
                if self.is_asked.load(Ordering::SeqCst)
                    && !self.is_almost_done.load(Ordering::SeqCst)
                {
                    // Whatever becomes of it: the connection that writes does the rest, and decides on the next time.
                    let _ = checkpoint(connection);
                    self.is_almost_done.store(true, Ordering::SeqCst);
                }
                match woken.recv_timeout(IDLE) {
                    Ok(()) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                    Err(RecvTimeoutError::Timeout) => {
                        let commits = self.commits.load(Ordering::SeqCst);
                        if commits == seen {
                            break;
                        }
                        seen = commits;
                    }
                }
            }
            // Before the work: a commit that comes meanwhile wakes the thread again.
            self.is_awake.store(false, Ordering::SeqCst);
            // The log and free pages cost room and no more; a full disk is for the next commit to find.
            let _ = checkpoint(connection);
            let _ = self.give_back(connection, seen);
        }
    }

    /// Gives free pages back to the disk until somebody commits, then brings that into the file.
    fn give_back(&self, connection: &Connection, commits: u64) -> rusqlite::Result<()> {
        let mut has_given = false;
        loop {
            let free: u32 = connection.query_row(FREE_PAGES, [], |row| row.get(0))?;
            let count = free.saturating_sub(KEPT).min(GIVEN_BACK);
            if count == 0 || self.commits.load(Ordering::SeqCst) != commits {
                break;
            }
            connection.execute_batch(&format!("PRAGMA incremental_vacuum({count})"))?;
            let left: u32 = connection.query_row(FREE_PAGES, [], |row| row.get(0))?;
            if left >= free {
                // A file of before, whose pages do not move.
                break;
            }
            has_given = true;
        }
        if has_given {
            checkpoint(connection)?;
        }
        Ok(())
    }
}

/// Brings as much of the log into the file as readers let; gives the pages of the log, and those of them that are in the file.
fn checkpoint(connection: &Connection) -> rusqlite::Result<(u32, u32)> {
    connection.query_row(CHECKPOINT, [], |row| Ok((row.get(1)?, row.get(2)?)))
}

#[cfg(test)]
mod tests;
