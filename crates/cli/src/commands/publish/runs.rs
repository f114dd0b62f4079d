//! `gumnut runs`, `gumnut resume` and `gumnut abort`

use std::sync::Arc;

use clap::Args;
use gumnut_manage::{Each, once_each};
use gumnut_publish::RunStatus;
use gumnut_terminal::{Exit, Failure, Session, block_on_or_stop};
use gumnut_workflows::RunId;

use super::explain::explain;
use super::follow::{Following, not_aborted};
use super::journals::all_runs;
use super::{publisher, report};
use crate::commands::keys::KeyOptions;

/// List the runs of `publish`.
///
/// On a terminal this is a table: the run's name, when it began, its state, what it publishes, the bucket, and how much it has
/// sent. Elsewhere each line is the name, `complete` or `unfinished`, the target and the ids of the images.
#[derive(Args)]
#[command(after_help = "\
Example:
  gumnut runs")]
pub(crate) struct ListRuns {}

/// Resume a run of `publish` that was interrupted.
///
/// Parts that are already stored are compared and not sent again; an image is registered only once.
#[derive(Args)]
#[command(after_help = "\
Examples:
  gumnut resume
  gumnut resume 8f14e45fceea")]
pub(crate) struct Resume {
    /// The run, as listed by `gumnut runs` [default: the only incomplete run]
    run: Option<RunId>,
    /// Parts in memory at the same time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: u8,
    #[command(flatten)]
    keys: KeyOptions,
}

/// Undo incomplete runs of `publish`: remove their images and objects from the cloud.
///
/// Prints the images and objects that it removed, the bucket if the run created it, and a summary.
#[derive(Args)]
#[command(after_help = "\
Example:
  gumnut abort 8f14e45fceea")]
pub(crate) struct Abort {
    /// The runs, as listed by `gumnut runs`
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<RunId>,
    #[command(flatten)]
    keys: KeyOptions,
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
        let following = Following::new(&session.output)?;
        let keys = self.keys.keys(session, &settings)?;
        let publisher = publisher(session, &settings, keys, self.jobs)?;
        let watch = Arc::clone(&following.watch);
        following.wait(session, publisher.resume(&run, watch), || None)
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
        let Following { watch, stop, .. } = Following::new(&session.output)?;
        let keys = self.keys.keys(session, &settings)?;
        let publisher = publisher(session, &settings, keys, 1)?;
        let runs = once_each(&self.runs);
        let mut each = Each::of(runs.len());
        for run in &runs {
            let work = async {
                let removed = publisher.abort(run, Arc::clone(&watch) as _);
                removed.await.map_err(explain)
            };
            let removed = block_on_or_stop(work, &stop);
            watch.clear();
            let removed = removed.map_err(|error| not_aborted(run, &stop, error));
            let reported = removed.map(|removed| report::removed(&session.output, run, &removed));
            if !each.note(run, reported) {
                break;
            }
        }
        each.finish_alike(session)
    }
}
