#![doc = include_str!("../README.md")]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a task talks to anyone who started it"
)]

mod balancer;
mod clients;
mod drain;
mod faults;
mod front_end;
mod group;
mod kill;
mod load;
mod relay;
mod same;
mod scale;
mod scene;

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use support::gumnut::{Choice, Profile};
use support::report::Steps;
use support::workspace::Workspace;

use scene::Scene;

/// Run three front ends over PostgreSQL and Ceph, behind HAProxy, under load and when something fails
///
/// All are ordinary processes in temporary directories, and end with the task. `cargo xtask setup --cluster` installs what is missing.
#[derive(Parser)]
#[command(
    name = "cargo xtask cluster",
    bin_name = "cargo xtask cluster",
    max_term_width = 100
)]
struct Cluster {
    /// What to do, on the same front ends one after the other
    #[arg(required = true)]
    tasks: Vec<Task>,
    /// With `kill` and `drain`: how long the clients work
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(5..=86_400))]
    seconds: u64,
    /// With `scale`: the part of a processor that each front end gets
    #[arg(long, default_value_t = 0.08)]
    quota: f64,
    #[command(flatten)]
    program: Choice,
    /// Run the release build, which takes long to make; figures of `scale` are those of users then
    #[arg(long)]
    release: bool,
}

/// What can be done.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Task {
    /// SIGKILL of one front end every 4 seconds under load; nothing that was acknowledged may be lost
    Kill,
    /// SIGTERM of one front end after the other under load; no client may see an error
    Drain,
    /// The requests that three front ends answer, compared with one, under quotas of processor time; as root
    Scale,
    /// What must be the same at all front ends: keys, credentials, the refusal of a revoked key
    Same,
    /// PostgreSQL or Ceph away, silent or restarted, and front ends with wrong keys; nothing that was acknowledged may be lost
    Faults,
}

fn main() -> ExitCode {
    let cluster = Cluster::parse();
    match Workspace::find().and_then(|workspace| cluster.run(&workspace)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

impl Cluster {
    fn run(self, workspace: &Workspace) -> anyhow::Result<()> {
        let mut steps = Steps::new();
        let profile = if self.release {
            Profile::Release
        } else {
            Profile::Dev
        };
        let program = steps.run("build gumnut", || self.program.get(workspace, profile))?;
        let mut scene = Scene::start(workspace, program, &mut steps)?;
        for task in self.tasks {
            match task {
                Task::Kill => kill::run(&mut scene, self.seconds, &mut steps)?,
                Task::Drain => drain::run(&mut scene, self.seconds, &mut steps)?,
                Task::Scale => scale::run(&mut scene, self.quota, &mut steps)?,
                Task::Faults => faults::run(&mut scene, self.seconds, &mut steps)?,
                Task::Same => same::run(&scene, &mut steps),
            }
        }
        steps.finish()
    }
}
