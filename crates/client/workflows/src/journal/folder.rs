//! Where journals lie.

use std::fmt;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::str::FromStr;

use super::look;
use crate::journal::State;
use crate::{Role, RunInfo, RunStatus, WorkflowError};

/// The name of a run: the first digits of its identity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(String);

/// Why a text names no run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a run has a name of 12 hex digits, as `gumnut runs` lists them")]
pub struct RunIdError;

const DIGITS: usize = 12;

impl RunId {
    /// The run of an identity, which is a longer row of hex digits.
    pub(crate) fn of(identity: &str) -> Result<Self, RunIdError> {
        identity.get(..DIGITS).unwrap_or_default().parse()
    }
}

impl FromStr for RunId {
    type Err = RunIdError;

    fn from_str(text: &str) -> Result<Self, RunIdError> {
        let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() == DIGITS && text.bytes().all(digit) {
            Ok(Self(text.to_owned()))
        } else {
            Err(RunIdError)
        }
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The folder of all runs of a user.
#[derive(Clone, Debug)]
pub struct Runs(PathBuf);

/// The folder of one run: its journal, its lock, and the copy of a disk while it is needed.
#[derive(Clone, Debug)]
pub(crate) struct RunFolder(PathBuf);

impl Runs {
    /// The runs whose journals lie in `folder`, as in `$XDG_STATE_HOME/gumnut/runs`. It is made when it is needed.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    /// All runs, in the order in which they began.
    ///
    /// # Errors
    /// When a journal cannot be read.
    pub fn list(&self) -> Result<Vec<RunInfo>, WorkflowError> {
        let failed = |source| WorkflowError::Journal {
            path: self.0.clone(),
            source,
        };
        let entries = match fs_err::read_dir(&self.0) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let mut runs = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed)?.file_name();
            let Some(id) = name.to_str().and_then(|name| name.parse::<RunId>().ok()) else {
                continue;
            };
            let journal = self.folder(&id).journal();
            if journal.is_file() {
                runs.extend(info(id, &look(&journal)?));
            }
        }
        runs.sort_by(|one, other| (one.begun, &one.id).cmp(&(other.begun, &other.id)));
        Ok(runs)
    }

    pub(crate) fn folder(&self, id: &RunId) -> RunFolder {
        RunFolder(self.0.join(id.to_string()))
    }

    /// The folder of a run that is there.
    pub(crate) fn existing(&self, id: &RunId) -> Result<RunFolder, WorkflowError> {
        let folder = self.folder(id);
        if folder.journal().is_file() {
            Ok(folder)
        } else {
            Err(WorkflowError::NoRun(id.clone()))
        }
    }
}

fn info(id: RunId, state: &State) -> Option<RunInfo> {
    let begun = state.begun.as_ref()?;
    let ids = state.images.iter();
    Some(RunInfo {
        id,
        target: begun.plan.target.clone(),
        begun: begun.at,
        status: if state.complete.is_some() {
            RunStatus::Complete
        } else {
            RunStatus::Unfinished
        },
        ids: ids
            .filter_map(|(role, image)| Some((*role, image.registered.as_ref()?.0.clone())))
            .collect::<Vec<(Role, _)>>(),
    })
}

impl RunFolder {
    /// Makes the folder, for this user alone.
    pub(crate) fn create(&self) -> Result<(), WorkflowError> {
        let made = DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.0);
        made.map_err(|source| self.failed(source))
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.0.join("journal.jsonl")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }

    /// The copy of the disk.
    pub(crate) fn disk(&self) -> PathBuf {
        self.0.join("disk.img")
    }

    /// The folder of what is being made, which nobody misses.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.0.join("scratch")
    }

    /// Brings the names in the folder to the disk.
    pub(crate) fn sync(&self) -> Result<(), WorkflowError> {
        let synced = fs_err::File::open(&self.0).and_then(|folder| folder.sync_all());
        synced.map_err(|source| self.failed(source))
    }

    /// Removes an empty scratch folder, or a full one.
    pub(crate) fn clear_scratch(&self) -> Result<(), WorkflowError> {
        remove(fs_err::remove_dir_all(self.scratch())).map_err(|source| self.failed(source))
    }

    /// Removes the copy of the disk, once nobody needs it.
    pub(crate) fn drop_disk(&self) -> Result<(), WorkflowError> {
        self.clear_scratch()?;
        remove(fs_err::remove_file(self.disk())).map_err(|source| self.failed(source))
    }

    /// Removes everything that is known of the run.
    pub(crate) fn remove(&self) -> Result<(), WorkflowError> {
        remove(fs_err::remove_dir_all(&self.0)).map_err(|source| self.failed(source))
    }

    fn failed(&self, source: std::io::Error) -> WorkflowError {
        WorkflowError::Journal {
            path: self.0.clone(),
            source,
        }
    }
}

/// What is not there is removed.
fn remove(result: std::io::Result<()>) -> std::io::Result<()> {
    match result {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
