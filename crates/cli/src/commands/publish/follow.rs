//! Following a run, and saying what is kept of one that has not come to its end.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use anyhow::Context as _;
use gumnut_publish::{Published, RunInfo, RunStatus};
use gumnut_terminal::{
    Exit, Failure, Output, Session, Stop, Watch, block_on_or_stop, exit_code, parts,
    warn_of_findings,
};
use gumnut_types::ByteSize;
use gumnut_workflows::{RunId, Step, WorkflowError};
use serde_json::Value;

use super::explain::explain;
use super::journals::all_runs;
use super::report;

/// One who follows a run.
pub(super) struct Following {
    /// Receives the progress of the run.
    pub(super) watch: Arc<Watch>,
    /// Whether the user wants to stop it.
    pub(super) stop: Stop,
    run: Arc<OnceLock<RunId>>,
    began: Instant,
}

impl Following {
    pub(super) fn new(output: &Output) -> Result<Self, anyhow::Error> {
        let stop = Stop::on_interrupt().context("cannot watch for signals")?;
        let run = Arc::new(OnceLock::new());
        let (said, seen) = (output.clone(), Arc::clone(&run));
        let watch = Watch::new(output, &stop, move |step| {
            if let Step::Started { run } | Step::Resuming { run } = step {
                // A run has one name from its beginning to its end.
                let _ = seen.set((*run).clone());
            }
            say(&said, step);
        });
        Ok(Self {
            watch,
            stop,
            run,
            began: Instant::now(),
        })
    }

    /// Waits for the run and says what it has published, or what is kept of it. `tree` says what the image of a tree is.
    pub(super) fn wait(
        &self,
        session: &Session,
        work: impl Future<Output = Result<Published, WorkflowError>>,
        tree: impl FnOnce() -> Option<Value>,
    ) -> Result<(), anyhow::Error> {
        let done = block_on_or_stop(async { work.await.map_err(explain) }, &self.stop);
        self.watch.clear();
        match done {
            Ok(published) => {
                let time = self.began.elapsed();
                report::published(&session.output, &published, tree(), time)
            }
            Err(error) => Err(self.kept(&session.output, error)),
        }
    }

    /// The failure of a run, with what is kept and what to do about it.
    fn kept(&self, output: &Output, error: anyhow::Error) -> anyhow::Error {
        let exit = exit_code(&error, &[]);
        let run = self
            .run
            .get()
            .and_then(|run| all_runs().ok()?.find(run).ok()?);
        let run = run.filter(|run| run.status == RunStatus::Unfinished);
        match (run, self.stop.asked()) {
            (Some(run), true) => {
                let message = format!("interrupted; the run {} is kept: {}", run.id, what(&run));
                Failure::new(exit, message).hint(next(&run.id)).into()
            }
            (Some(run), false) => {
                output.say(format!("the run {} is kept: {}", run.id, what(&run)));
                output.say(next(&run.id));
                error
            }
            (None, true) => Failure::new(exit, "interrupted before anything was sent")
                .hint("repeat the command; nothing is kept")
                .into(),
            (None, false) => error,
        }
    }
}

/// The two commands that continue a run or undo it.
fn next(run: &RunId) -> String {
    format!(
        "`gumnut resume {run}` continues it; `gumnut abort {run}` removes its images and objects from the cloud"
    )
}

/// What there is of a run.
fn what(run: &RunInfo) -> String {
    let ids: Vec<_> = run.ids.iter().map(|(_, id)| id.as_str()).collect();
    let registered = match ids.as_slice() {
        [] => String::new(),
        ids => format!(", {} registered", ids.join(", ")),
    };
    let place = match &run.bucket {
        Some(bucket) if run.parts > 0 => format!(" in the bucket {bucket}"),
        _ => String::new(),
    };
    let (count, size) = (parts(run.parts), ByteSize(run.bytes));
    match run.parts {
        0 => format!("no part has been sent{registered}"),
        _ => format!("{count} ({size}){place}{registered}"),
    }
}

/// Says what a step is about.
fn say(output: &Output, step: &Step<'_>) {
    match step {
        Step::Waiting { run } => output.say(format!(
            "waiting for another process that works on the run {run}"
        )),
        Step::Resuming { run } => output.say(format!("resuming the run {run}")),
        Step::Unpacking { path, bytes } => output.say(format!(
            "unpacking {} ({})",
            path.display(),
            ByteSize(*bytes)
        )),
        Step::Making { path, .. } => {
            output.say(format!("making an image of {}", path.display()));
        }
        Step::Resizing { bytes } => output.say(format!("resizing ({})", ByteSize(*bytes))),
        Step::Found { findings } => warn_of_findings(findings),
        Step::MakingBucket { .. } => output.say("creating the bucket"),
        Step::Bundling {
            class,
            location: Some(location),
            bytes,
            kept,
            ..
        } => {
            if *kept > 0 {
                let parts = parts(*kept);
                output.say(format!("{parts} of the {class} are already stored"));
            }
            let bytes = ByteSize(*bytes);
            output.say(format!("bundling the {class} to {location} ({bytes})"));
        }
        Step::Registering { class } => output.say(format!("registering the {class}")),
        Step::Registered { class, id, already } => {
            let was = if *already { "is already" } else { "is" };
            output.say(format!("the {class} {was} {id}"));
        }
        Step::Verifying => output.say("comparing the stored objects with what was sent"),
        _ => {}
    }
}

/// The failure of giving up a run, after which some of it may be left.
pub(super) fn not_aborted(run: &RunId, stop: &Stop, error: anyhow::Error) -> anyhow::Error {
    if !stop.asked() {
        return error;
    }
    let exit: Exit = exit_code(&error, &[]);
    let message = format!("interrupted; what is left of the run {run} is kept");
    Failure::new(exit, message)
        .hint(format!("`gumnut abort {run}` removes the rest"))
        .into()
}
