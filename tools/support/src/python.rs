//! The virtual environment in which programs from Python packages live.

use std::path::PathBuf;

use anyhow::Context as _;
use xshell::cmd;

use crate::workspace::Workspace;

/// A virtual environment in `.gumnut`.
pub struct Environment {
    folder: PathBuf,
}

/// The clients that judge gumnut, and what they need.
const CLIENTS: &str = include_str!("../clients.txt");

impl Environment {
    /// The environment of the foreign clients: awscli, boto3, rclone and the others.
    pub fn of_clients(workspace: &Workspace) -> anyhow::Result<Self> {
        Self::with(workspace, "venv", CLIENTS)
    }

    /// The environment `name` with the packages of a requirements file, installed when they are not
    /// the ones that are there.
    pub fn with(workspace: &Workspace, name: &str, requirements: &str) -> anyhow::Result<Self> {
        let environment = Self {
            folder: workspace.kept(name),
        };
        let installed = environment.folder.join("installed.txt");
        if fs_err::read_to_string(&installed).is_ok_and(|text| text == requirements) {
            return Ok(environment);
        }
        let shell = workspace.shell()?;
        let (folder, pip) = (&environment.folder, environment.program("pip"));
        let list = folder.join("requirements.txt");
        cmd!(shell, "python3 -m venv --clear {folder}").run()?;
        fs_err::write(&list, requirements)?;
        cmd!(
            shell,
            "{pip} install --quiet --disable-pip-version-check --requirement {list}"
        )
        .run()
        .context("cannot install Python packages; is there a network?")?;
        fs_err::rename(&list, &installed)?;
        Ok(environment)
    }

    /// The path of a program in it.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }
}
