//! Reading and writing a journal.

use std::fs::{File, TryLockError};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use gumnut_workflows::WorkflowError;

use super::folder::RunFolder;
use super::record::{Record, VERSION};
use super::state::State;

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
        let lock = lock(&folder.lock(), waiting).map_err(failed(&folder.lock()))?;
        let path = folder.journal();
        let (file, state) = open(&path).map_err(failed(&path))?;
        folder.sync()?;
        Ok(Self {
            file,
            path,
            state,
            _lock: lock,
        })
    }

    /// How far the run has come.
    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// Writes a line and waits until it is on the disk.
    pub(crate) fn write(&mut self, record: Record) -> Result<(), WorkflowError> {
        self.append(&record).map_err(failed(&self.path))?;
        self.state.add(record);
        Ok(())
    }

    fn append(&mut self, record: &Record) -> io::Result<()> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        self.file.sync_data()
    }
}

/// Reads the journal at `path` without locking it, for a listing.
pub(crate) fn look(path: &Path) -> Result<State, WorkflowError> {
    fs_err::File::open(path)
        .and_then(|file| read(file.file()))
        .map(|(state, _)| state)
        .map_err(failed(path))
}

/// Whether another process has the lock at `path`.
pub(crate) fn is_locked(path: &Path) -> bool {
    let file = fs_err::File::open(path).map(|file| file.into_parts().0);
    file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> WorkflowError + use<> {
    let path = path.to_owned();
    move |source| WorkflowError::Journal { path, source }
}

/// Opens a journal or begins one, at whose end the next line goes.
fn open(path: &Path) -> io::Result<(File, State)> {
    let mut options = File::options();
    options.create(true).truncate(false).read(true).write(true);
    let mut file = private(&mut options).open(path)?;
    let (state, whole) = read(&file)?;
    // What is behind the last whole line was being written when the run ended.
    file.set_len(whole)?;
    file.seek(SeekFrom::End(0))?;
    Ok((file, state))
}

/// The state, and the length of all whole lines in bytes.
fn read(file: &File) -> io::Result<(State, u64)> {
    if file.metadata()?.len() > MAX_JOURNAL {
        return Err(damaged("it is too long for a journal"));
    }
    let mut reader = BufReader::new(file);
    let (mut state, mut whole, mut number) = (State::default(), 0, 0);
    loop {
        let mut line = Vec::new();
        let limit = MAX_LINE as u64;
        let length = (&mut reader).take(limit).read_until(b'\n', &mut line)?;
        if line.last() != Some(&b'\n') {
            if length as u64 == limit {
                return Err(damaged(format!("line {} has no end", number + 1)));
            }
            return Ok((state, whole));
        }
        number += 1;
        let record: Record = serde_json::from_slice(&line)
            .map_err(|error| damaged(format!("line {number} is invalid: {error}")))?;
        if let Record::Begun { version, .. } = &record
            && *version != VERSION
        {
            let message = format!("it has version {version}; this program supports {VERSION}");
            return Err(damaged(message));
        }
        state.add(record);
        whole += length as u64;
    }
}

fn damaged(reason: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.into())
}

/// Nobody but the user may read or write it.
fn private(options: &mut std::fs::OpenOptions) -> &mut std::fs::OpenOptions {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600)
}

fn lock(path: &Path, waiting: impl FnOnce()) -> io::Result<File> {
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    let file = private(&mut options).open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            waiting();
            file.lock()?;
        }
        Err(TryLockError::Error(error)) => return Err(error),
    }
    Ok(file)
}
