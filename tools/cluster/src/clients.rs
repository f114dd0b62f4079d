//! The clients: boto3 in a process of its own.

use std::io::Read as _;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, ensure};
use serde_json::Value;
use support::python::Environment;
use support::workspace::{Workspace, foreign_settings};

/// Whom the clients speak to, and as whom.
#[derive(Clone, Copy)]
pub(crate) struct Clients<'a> {
    pub(crate) workspace: &'a Workspace,
    pub(crate) environment: &'a Environment,
    pub(crate) endpoint: &'a str,
    pub(crate) access_key: &'a str,
    pub(crate) secret_key: &'a str,
}

/// Clients at work; killed when this goes out of scope.
pub(crate) struct Running {
    child: Child,
}

impl Clients<'_> {
    /// Runs `clients.py` and gives the JSON value of its last line; the lines before are shown.
    pub(crate) fn run(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        self.start(arguments, &[])?.wait()
    }

    /// Starts `clients.py`.
    pub(crate) fn start(
        &self,
        arguments: &[&str],
        more: &[(&str, &str)],
    ) -> anyhow::Result<Running> {
        let script = self
            .workspace
            .root()
            .join("tools/cluster/scripts/clients.py");
        let mut command = Command::new(self.environment.program("python"));
        for name in foreign_settings() {
            command.env_remove(name);
        }
        let child = command
            .arg(script)
            .args(arguments)
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env("NO_PROXY", "127.0.0.1")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTHONUNBUFFERED", "1")
            .env("ENDPOINT", self.endpoint)
            .env("ACCESS_KEY", self.access_key)
            .env("SECRET_KEY", self.secret_key)
            .envs(more.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot run Python")?;
        Ok(Running { child })
    }
}

impl Running {
    /// Whether it has not ended yet.
    pub(crate) fn runs(&mut self) -> anyhow::Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Waits for the end, and gives the JSON value of its last line; the lines before are shown.
    pub(crate) fn wait(mut self) -> anyhow::Result<Value> {
        let mut text = String::new();
        let mut stdout = self.child.stdout.take().context("a pipe")?;
        stdout.read_to_string(&mut text)?;
        let status = self.child.wait()?;
        let (before, last) = text
            .trim_end()
            .rsplit_once('\n')
            .unwrap_or(("", text.trim_end()));
        if !before.is_empty() {
            println!("{before}");
        }
        ensure!(status.success(), "the clients ended with {status}: {last}");
        serde_json::from_str(last).with_context(|| format!("no JSON: {last:?}"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
