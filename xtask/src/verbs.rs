//! `cargo xtask bundle`, `upload` and `register`: the program's verbs on a cloud of the workspace.

use std::ffi::OsString;
use std::process::Command;

use anyhow::{Context as _, ensure};
use clap::Args;
use fs_err::File;
use support::cloud::Cloud;
use support::gumnut::{self, Profile};
use support::workspace::{Workspace, foreign_settings};

/// `gumnut bundle` with the credentials of the workspace's own cloud.
///
/// The data of the cloud are in `.gumnut/cloud`; it runs while the command does.
#[derive(Args)]
pub(crate) struct Bundle {
    #[command(flatten)]
    rest: Rest,
}

/// `gumnut upload` to the workspace's own cloud.
///
/// The data of the cloud are in `.gumnut/cloud`; it runs while the command does.
#[derive(Args)]
pub(crate) struct Upload {
    #[command(flatten)]
    rest: Rest,
}

/// `gumnut register` on the workspace's own cloud.
///
/// The data of the cloud are in `.gumnut/cloud`; it runs while the command does.
#[derive(Args)]
pub(crate) struct Register {
    #[command(flatten)]
    rest: Rest,
}

#[derive(Args)]
struct Rest {
    /// What `gumnut` takes
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

impl Bundle {
    pub(crate) fn run(self, workspace: &Workspace) -> anyhow::Result<()> {
        run(workspace, "bundle", &self.rest.arguments)
    }
}

impl Upload {
    pub(crate) fn run(self, workspace: &Workspace) -> anyhow::Result<()> {
        run(workspace, "upload", &self.rest.arguments)
    }
}

impl Register {
    pub(crate) fn run(self, workspace: &Workspace) -> anyhow::Result<()> {
        run(workspace, "register", &self.rest.arguments)
    }
}

fn run(workspace: &Workspace, verb: &str, arguments: &[OsString]) -> anyhow::Result<()> {
    let program = gumnut::build(workspace, Profile::Dev)?;
    let folder = workspace.kept("cloud");
    fs_err::create_dir_all(&folder)?;
    // One at a time: two clouds on the same data would not see each other's changes.
    let lock = File::create(folder.join("lock"))?.into_parts().0;
    lock.lock().context("cannot lock the workspace's cloud")?;
    let cloud = Cloud::start(&program, &folder)?;
    // Not through a shell of the root: paths are relative to where the user is.
    let mut command = Command::new(&program);
    for name in foreign_settings() {
        command.env_remove(name);
    }
    let status = command
        .arg("--config")
        .arg(cloud.eucarc())
        .arg(verb)
        .args(arguments)
        .status()?;
    cloud.stop()?;
    ensure!(status.success(), "gumnut {verb} ended with {status}");
    Ok(())
}
