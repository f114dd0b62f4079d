//! The runs of a user.

use std::io;
use std::path::PathBuf;

use gumnut_types::{BucketName, ImageClass, ImageId};
use gumnut_workflows::{RunId, WorkflowError};

use super::file::{is_locked, look};
use super::folder::RunFolder;
use super::state::State;

/// The directory of all runs of a user.
#[derive(Clone, Debug)]
pub struct Runs(PathBuf);

/// A run, as its journal says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunInfo {
    /// Its name.
    pub id: RunId,
    /// What is published.
    pub target: PathBuf,
    /// When it began, in seconds since 1970.
    pub begun: u64,
    /// Whether it has come to its end.
    pub status: RunStatus,
    /// Whether a process works on it now.
    pub active: bool,
    /// Where its bundles go; `None` when the plan names no bucket and none can be made of the target's name.
    pub bucket: Option<BucketName>,
    /// Parts that are in the store.
    pub parts: usize,
    /// Their bytes.
    pub bytes: u64,
    /// The images that are registered, the machine image last.
    pub ids: Vec<(ImageClass, ImageId)>,
}

/// Whether a run has come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunStatus {
    /// It has.
    Complete,
    /// It was interrupted, or continues in another process.
    Unfinished,
}

impl Runs {
    /// The runs whose journals are in `folder`, as in `$XDG_STATE_HOME/gumnut/runs`. It is made when it is needed.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    /// All runs, in the order in which they began.
    ///
    /// # Errors
    /// [`WorkflowError::Journal`] when a journal cannot be read.
    pub fn list(&self) -> Result<Vec<RunInfo>, WorkflowError> {
        let mut runs = Vec::new();
        for id in self.ids().map_err(|source| WorkflowError::Journal {
            path: self.0.clone(),
            source,
        })? {
            let journal = self.folder(&id).journal();
            if journal.is_file() {
                runs.extend(self.info(id, &look(&journal)?));
            }
        }
        runs.sort_by(|one, other| (one.begun, &one.id).cmp(&(other.begun, &other.id)));
        Ok(runs)
    }

    /// One run; `None` when there is no such run.
    ///
    /// # Errors
    /// [`WorkflowError::Journal`] when its journal cannot be read.
    pub fn find(&self, id: &RunId) -> Result<Option<RunInfo>, WorkflowError> {
        match self.look(id) {
            Ok(state) => Ok(self.info(id.clone(), &state)),
            Err(WorkflowError::NoRun(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn info(&self, id: RunId, state: &State) -> Option<RunInfo> {
        let active = is_locked(&self.folder(&id).lock());
        RunInfo::of(id, active, state)
    }

    /// The names of directories that are runs, in no order.
    fn ids(&self) -> io::Result<Vec<RunId>> {
        let entries = match fs_err::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut ids = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            ids.extend(name.to_str().and_then(|name| name.parse::<RunId>().ok()));
        }
        Ok(ids)
    }

    pub(crate) fn folder(&self, id: &RunId) -> RunFolder {
        RunFolder::new(self.0.join(id.to_string()))
    }

    /// How far a run has come that is there.
    pub(crate) fn look(&self, id: &RunId) -> Result<State, WorkflowError> {
        let journal = self.folder(id).journal();
        if journal.is_file() {
            look(&journal)
        } else {
            Err(WorkflowError::NoRun(id.clone()))
        }
    }
}

impl RunInfo {
    fn of(id: RunId, active: bool, state: &State) -> Option<Self> {
        let begun = state.begun.as_ref()?;
        let target = begun.plan.bucket_prefix();
        let parts = || state.images.values().flat_map(|image| image.parts.values());
        Some(Self {
            id,
            target: begun.plan.target.clone(),
            begun: begun.at,
            status: if state.complete.is_some() {
                RunStatus::Complete
            } else {
                RunStatus::Unfinished
            },
            active,
            bucket: target.ok().map(|target| target.bucket),
            parts: parts().count(),
            bytes: parts().map(|part| part.size).sum(),
            ids: state
                .in_order()
                .filter_map(|(class, image)| Some((class, image.registered.as_ref()?.0.clone())))
                .collect(),
        })
    }
}
