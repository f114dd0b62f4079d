#![doc = include_str!("../README.md")]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a task talks to anyone who started it"
)]

mod deny;
mod dist;
mod e2e;
mod fixture;
mod fuzz;
mod gate;
mod package;
mod setup;
mod tidy;
mod tools;
mod tutorial;
mod verbs;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use support::workspace::Workspace;

/// The tasks of the gumnut workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what tests, fixtures and benchmarks need, or say how to
    ///
    /// Debian packages are installed when this runs as root; otherwise the command to run is printed.
    /// cargo-deny goes into `.gumnut/`. Quick when nothing is missing.
    Setup(setup::Setup),
    Test(gate::Gate),
    /// Check the rules of the house: who may call whom, what members inherit, READMEs, open ends
    Tidy,
    Deny(deny::Deny),
    Fixture(fixture::Fixture),
    E2e(e2e::EndToEnd),
    /// Run foreign clients against the embedded cloud: awscli, boto3, boto 2.49, libcloud, s3cmd, rclone, minio-py, s5cmd
    #[command(disable_help_flag = true)]
    Interop(tools::Passed),
    /// Measure gumnut side by side with what it replaces
    #[command(disable_help_flag = true)]
    Bench(tools::Passed),
    /// Run three front ends over PostgreSQL and Ceph, behind HAProxy, under load and when something fails
    #[command(disable_help_flag = true)]
    Cluster(tools::Passed),
    /// Build the guide as a book with a search field and check its links; --open shows it
    #[command(disable_help_flag = true)]
    Docs(tools::Passed),
    Dist(dist::Dist),
    Package(package::Package),
    Fuzz(fuzz::Fuzz),
    Bundle(verbs::Bundle),
    Upload(verbs::Upload),
    Register(verbs::Register),
    Tutorial(tutorial::Tutorial),
}

impl Task {
    fn run(self, workspace: &Workspace) -> anyhow::Result<ExitCode> {
        match self {
            Self::Interop(passed) => return passed.run(workspace, "interop"),
            Self::Bench(passed) => return passed.run(workspace, "bench"),
            Self::Cluster(passed) => return passed.run(workspace, "cluster"),
            Self::Docs(passed) => return passed.run(workspace, "book"),
            Self::Setup(task) => task.run(workspace),
            Self::Test(task) => task.run(workspace),
            Self::Tidy => tidy::run(workspace),
            Self::Deny(task) => task.run(workspace),
            Self::Fixture(task) => task.run(workspace),
            Self::E2e(task) => task.run(workspace),
            Self::Dist(task) => task.run(workspace),
            Self::Package(task) => task.run(workspace),
            Self::Fuzz(task) => task.run(workspace),
            Self::Bundle(task) => task.run(workspace),
            Self::Upload(task) => task.run(workspace),
            Self::Register(task) => task.run(workspace),
            Self::Tutorial(task) => task.run(workspace),
        }
        .map(|()| ExitCode::SUCCESS)
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match Workspace::find().and_then(|workspace| arguments.task.run(&workspace)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
