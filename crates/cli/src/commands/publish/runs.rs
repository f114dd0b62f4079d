//! `gumnut runs`, `gumnut resume` and `gumnut abort`

use std::sync::Arc;

use clap::Args;
use gumnut_publish::{RunStatus, Runs};
use gumnut_settings::default_state_dir;
use gumnut_terminal::{Exit, Failure, Session, block_on_or_stop};
use gumnut_workflows::RunId;

use super::{explain, publisher, report, watch};
use crate::commands::keys::KeyOptions;

/// List the runs of `publish`.
///
/// Each line is the run's name, whether it is complete, its target and the ids of its images.
#[derive(Args)]
pub(crate) struct ListRuns {}

/// Go on with a run of `publish` that was interrupted.
///
/// Parts that are in the store are compared and not sent again; an image is registered once.
#[derive(Args)]
pub(crate) struct Resume {
    /// The run, as `gumnut runs` lists it [default: the only one that is not complete]
    run: Option<RunId>,
    /// Parts that may be in memory at a time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: u8,
    #[command(flatten)]
    keys: KeyOptions,
}

/// Give up a run of `publish`, and remove what it left in the cloud.
///
/// Says what it removed: images, objects, and the bucket if the run had made it.
#[derive(Args)]
pub(crate) struct Abort {
    /// The run, as `gumnut runs` lists it
    run: RunId,
    #[command(flatten)]
    keys: KeyOptions,
}

fn all_runs() -> Result<Runs, Failure> {
    let folder = default_state_dir().ok_or_else(|| {
        Failure::new(Exit::Usage, "there is no folder for journals")
            .hint("set XDG_STATE_HOME or HOME")
    })?;
    Ok(Runs::new(folder))
}

impl ListRuns {
    #[expect(clippy::unused_self, reason = "as every command")]
    pub(crate) fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let runs = all_runs()?.list().map_err(explain)?;
        report::runs(&session.output, &runs)
    }
}

impl Resume {
    pub(crate) fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let run = match &self.run {
            Some(run) => run.clone(),
            None => only_unfinished()?,
        };
        let settings = session.settings()?;
        let (watch, stop) = watch(&session.output)?;
        let keys = self.keys.keys(session, &settings)?;
        let publisher = publisher(session, &settings, keys, self.jobs)?;
        let work = async {
            publisher
                .resume(&run, Arc::clone(&watch) as _)
                .await
                .map_err(explain)
        };
        let done = block_on_or_stop(work, &stop);
        watch.clear();
        report::published(&session.output, &done?)
    }
}

fn only_unfinished() -> Result<RunId, anyhow::Error> {
    let runs = all_runs()?.list().map_err(explain)?;
    let mut unfinished = runs
        .into_iter()
        .filter(|run| run.status == RunStatus::Unfinished);
    match (unfinished.next(), unfinished.next()) {
        (Some(run), None) => Ok(run.id),
        (None, _) => Err(Failure::new(Exit::Usage, "every run is complete").into()),
        (Some(_), Some(_)) => Err(Failure::new(Exit::Usage, "several runs are not complete")
            .hint("name one of those that `gumnut runs` lists")
            .into()),
    }
}

impl Abort {
    pub(crate) fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let settings = session.settings()?;
        let (watch, stop) = watch(&session.output)?;
        let keys = self.keys.keys(session, &settings)?;
        let publisher = publisher(session, &settings, keys, 1)?;
        let work = async {
            publisher
                .abort(&self.run, Arc::clone(&watch) as _)
                .await
                .map_err(explain)
        };
        let removed = block_on_or_stop(work, &stop);
        watch.clear();
        report::removed(&session.output, &removed?)
    }
}
