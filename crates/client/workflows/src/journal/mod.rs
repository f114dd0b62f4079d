//! The journal of a run: a file of JSON lines, each on the disk before the next step begins.

mod folder;
mod record;
mod state;

use std::fs::{File, TryLockError};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};

pub(crate) use self::folder::RunFolder;
pub use self::folder::{RunId, RunIdError, Runs};
pub(crate) use self::record::{Prepared, Record, Sealing, StoredPart, VERSION};
pub(crate) use self::state::{Begun, ImageState, State};
use crate::WorkflowError;

/// The longest line that is read: a manifest of the largest size, with its quotation marks escaped.
const MAX_LINE: usize = 16 << 20;
/// The longest journal that is read, in bytes.
const MAX_JOURNAL: u64 = 256 << 20;

/// The journal of a run, which nobody else writes while this lives.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    path: PathBuf,
    state: State,
    /// Held until the run ends.
    _lock: File,
}

impl Journal {
    /// Opens the journal of a run, or begins one. Waits for another process that has it; `waiting` is called before.
    pub(crate) fn open(folder: &RunFolder, waiting: impl FnOnce()) -> Result<Self, WorkflowError> {
        let lock = lock(folder, waiting)?;
        let path = folder.journal();
        let failed = |source| WorkflowError::Journal {
            path: path.clone(),
            source,
        };
        let mut options = File::options();
        let file = options.create(true).truncate(false).read(true).write(true);
        let file = private(file).open(&path).map_err(failed)?;
        let (state, whole) = read(&file).map_err(failed)?;
        // What is behind the last whole line was being written when the run ended.
        file.set_len(whole).map_err(failed)?;
        let mut journal = Self {
            file,
            path: path.clone(),
            state,
            _lock: lock,
        };
        io::Seek::seek(&mut journal.file, io::SeekFrom::End(0)).map_err(failed)?;
        folder.sync()?;
        Ok(journal)
    }

    /// How far the run has come.
    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// Writes a line and waits until it is on the disk.
    pub(crate) fn write(&mut self, record: Record) -> Result<(), WorkflowError> {
        let failed = |source| WorkflowError::Journal {
            path: self.path.clone(),
            source,
        };
        let mut line = serde_json::to_vec(&record).map_err(|error| failed(error.into()))?;
        line.push(b'\n');
        let written = self.file.write_all(&line);
        written
            .and_then(|()| self.file.sync_data())
            .map_err(failed)?;
        self.state.add(record);
        Ok(())
    }
}

/// Reads the journal at `path` without locking it, for a listing.
pub(crate) fn look(path: &Path) -> Result<State, WorkflowError> {
    let failed = |source| WorkflowError::Journal {
        path: path.to_owned(),
        source,
    };
    let file = fs_err::File::open(path).map_err(failed)?;
    Ok(read(file.file()).map_err(failed)?.0)
}

/// The state, and the length of all whole lines in bytes.
fn read(file: &File) -> io::Result<(State, u64)> {
    let damaged = |reason: String| io::Error::new(io::ErrorKind::InvalidData, reason);
    if file.metadata()?.len() > MAX_JOURNAL {
        return Err(damaged("it is too long for a journal".to_owned()));
    }
    let mut reader = BufReader::new(file);
    let (mut state, mut whole, mut number) = (State::default(), 0, 0);
    loop {
        let mut line = Vec::new();
        let limit = MAX_LINE as u64;
        let length = io::Read::take(&mut reader, limit).read_until(b'\n', &mut line)?;
        if line.last() != Some(&b'\n') {
            if length as u64 == limit {
                return Err(damaged(format!("line {} has no end", number + 1)));
            }
            return Ok((state, whole));
        }
        number += 1;
        let record: Record = serde_json::from_slice(&line)
            .map_err(|error| damaged(format!("line {number} makes no sense: {error}")))?;
        if let Record::Begun { version, .. } = &record
            && *version != VERSION
        {
            let message = format!("it has version {version}, this program knows {VERSION}");
            return Err(damaged(message));
        }
        state.add(record);
        whole += length as u64;
    }
}

/// Nobody but the user may read or write it.
fn private(options: &mut std::fs::OpenOptions) -> &mut std::fs::OpenOptions {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600)
}

fn lock(folder: &RunFolder, waiting: impl FnOnce()) -> Result<File, WorkflowError> {
    let path = folder.lock();
    let failed = |source| WorkflowError::Journal {
        path: path.clone(),
        source,
    };
    let mut options = File::options();
    let options = options.create(true).truncate(false).write(true);
    let file = private(options).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            waiting();
            file.lock().map_err(failed)?;
        }
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    Ok(file)
}
