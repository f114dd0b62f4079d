//! Tasks that are packages of their own, in `tools/`: they take long to compile or to run, and not everybody needs them.

use std::ffi::OsString;
use std::process::{Command, ExitCode, ExitStatus};

use anyhow::{Context as _, ensure};
use clap::Args;
use support::workspace::Workspace;

/// What is handed on to a tool, `--help` too.
#[derive(Args)]
pub(crate) struct Passed {
    /// What the tool takes: `--help` says it
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

impl Passed {
    /// Runs the tool where the user is, and ends as it does.
    pub(crate) fn run(self, workspace: &Workspace, tool: &str) -> anyhow::Result<ExitCode> {
        let status = start(workspace, tool, &self.arguments)?;
        let code = status.code().and_then(|code| u8::try_from(code).ok());
        Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
    }
}

/// Runs the foreign clients against the embedded cloud.
pub(crate) fn interop(workspace: &Workspace) -> anyhow::Result<()> {
    let status = start(workspace, "interop", &[])?;
    ensure!(status.success(), "interop ended with {status}");
    Ok(())
}

fn start(workspace: &Workspace, tool: &str, arguments: &[OsString]) -> anyhow::Result<ExitStatus> {
    // Not through a shell of the root: paths are relative to where the user is.
    Command::new("cargo")
        .args(["run", "--quiet", "--manifest-path"])
        .arg(workspace.root().join("Cargo.toml"))
        .args(["--package", tool, "--"])
        .args(arguments)
        .status()
        .with_context(|| format!("cannot run {tool}"))
}
