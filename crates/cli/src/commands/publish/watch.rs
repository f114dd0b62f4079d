//! One progress display for a whole run.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use gumnut_types::ByteSize;
use gumnut_workflows::{Observer, Step};

use super::super::{check, remote};
use crate::output::Output;
use crate::progress::{Bar, Stop};

/// How often it is looked whether the user wants to stop.
const LOOK: Duration = Duration::from_millis(50);

/// Tells a person how far a run is.
pub(crate) struct Watch {
    output: Output,
    bar: Mutex<Bar>,
    stop: Stop,
}

impl Watch {
    pub(crate) fn new(output: &Output) -> Result<Self, anyhow::Error> {
        Ok(Self {
            output: output.clone(),
            bar: Mutex::new(Bar::hidden()),
            stop: Stop::on_interrupt_or_hangup().context("cannot watch for ^C")?,
        })
    }

    /// Runs something until it ends or the user wants to stop.
    pub(crate) fn during<T>(
        &self,
        work: impl Future<Output = Result<T, anyhow::Error>>,
    ) -> Result<T, anyhow::Error> {
        let stop = async {
            while !self.stop.asked() {
                tokio::time::sleep(LOOK).await;
            }
        };
        let done = remote::block_on_until(work, stop);
        self.replace(Bar::hidden());
        done
    }

    fn replace(&self, bar: Bar) {
        let mut now = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        now.clear();
        *now = bar;
    }

    /// A step with a bar of its own, or a line where there is no terminal.
    fn begin(&self, what: &str, bytes: u64) {
        self.replace(Bar::hidden());
        self.output.say(format!("{what} ({})", ByteSize(bytes)));
        self.replace(self.output.bar(what, bytes));
    }

    fn say(&self, text: impl AsRef<str>) {
        self.replace(Bar::hidden());
        self.output.say(text);
    }
}

impl Observer for Watch {
    fn step(&self, step: &Step<'_>) {
        match step {
            Step::Reading { path, bytes } => {
                let what = format!("reading {}", path.display());
                self.replace(self.output.bar(&what, *bytes));
            }
            Step::Waiting { run } => {
                self.say(format!(
                    "another process works on the run {run}; waiting for it"
                ));
            }
            Step::Resuming { run } => self.say(format!("going on with the run {run}")),
            Step::Unpacking { path, bytes } => {
                self.begin(&format!("unpacking {}", path.display()), *bytes);
            }
            Step::Resizing { bytes } => self.begin("resizing", *bytes),
            Step::Found { findings } => {
                self.replace(Bar::hidden());
                check::tell(findings);
            }
            Step::MakingBucket => self.say("making the bucket"),
            Step::Bundling {
                role,
                location,
                bytes,
                kept,
            } => {
                if *kept > 0 {
                    let parts = crate::output::parts(*kept);
                    self.say(format!("{parts} of the {role} are in the store already"));
                }
                self.begin(&format!("bundling the {role} to {location}"), *bytes);
            }
            Step::Registering { role } => self.say(format!("registering the {role}")),
            Step::Registered { role, id, already } => {
                let was = if *already { "is already" } else { "is" };
                self.say(format!("the {role} {was} {id}"));
            }
            Step::Verifying => self.say("comparing what the store holds with what was sent"),
            _ => {}
        }
    }

    fn advance(&self, bytes: u64) {
        let bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        bar.add(bytes);
    }

    fn cancelled(&self) -> bool {
        self.stop.asked()
    }
}
