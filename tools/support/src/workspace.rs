//! Where things are, and a shell that stands there.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::Value;
use xshell::{Cmd, Shell, cmd};

/// The workspace that this program was started in.
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The workspace that the running package is in.
    pub fn find() -> anyhow::Result<Self> {
        // Set by `cargo run`; the other is for a program that is started by hand.
        let package = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = package
            .ancestors()
            .find(|folder| folder.join("Cargo.lock").is_file())
            .context("a task is in a workspace")?;
        Ok(Self {
            root: root.to_owned(),
        })
    }

    /// The directory that holds everything.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `.gumnut/NAME`: what the tasks keep between runs. Ignored by git; deleting it is safe.
    pub fn kept(&self, name: &str) -> PathBuf {
        self.root.join(".gumnut").join(name)
    }

    /// A shell at the root, which finds programs of the system even for a normal user.
    pub fn shell(&self) -> anyhow::Result<Shell> {
        let shell = Shell::new()?;
        shell.change_dir(&self.root);
        let path = env::var_os("PATH").unwrap_or_default();
        let folders = env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
        shell.set_var("PATH", env::join_paths(folders)?);
        // A cloud on this machine is not behind anybody's proxy.
        let direct = env::var("NO_PROXY").unwrap_or_default();
        shell.set_var("NO_PROXY", format!("127.0.0.1,{direct}"));
        Ok(shell)
    }

    /// A new directory in `.gumnut`, deleted when it goes out of scope.
    pub fn scratch(&self, prefix: &str) -> anyhow::Result<tempfile::TempDir> {
        let parent = self.root.join(".gumnut");
        fs_err::create_dir_all(&parent)?;
        let folder = tempfile::Builder::new()
            .prefix(&format!("{prefix}-"))
            .tempdir_in(&parent);
        folder.with_context(|| format!("cannot make a directory in {}", parent.display()))
    }

    /// What `cargo metadata` says of the workspace's own packages.
    pub fn metadata(&self) -> anyhow::Result<Value> {
        let shell = self.shell()?;
        let arguments = [
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ];
        let json = cmd!(shell, "cargo {arguments...}").quiet().read()?;
        serde_json::from_str(&json).context("cannot read what cargo metadata printed")
    }
}

/// Names of the variables in this environment that a cloud's client reads: they would beat the settings
/// of the cloud that a task starts, and a task must never work on somebody's real cloud.
pub fn foreign_settings() -> Vec<String> {
    env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| {
            ["AWS_", "EC2_", "EUCA", "S3_"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
        })
        .collect()
}

/// A command without those variables.
pub fn without_foreign_settings(command: Cmd<'_>) -> Cmd<'_> {
    foreign_settings()
        .into_iter()
        .fold(command, Cmd::env_remove)
}

/// Whether `program` can be found.
pub fn has(shell: &Shell, program: &str) -> bool {
    let script = "command -v \"$0\"";
    cmd!(shell, "sh -c {script} {program}")
        .quiet()
        .ignore_stdout()
        .ignore_stderr()
        .run()
        .is_ok()
}

/// Whether this runs as root.
pub fn is_root(shell: &Shell) -> anyhow::Result<bool> {
    Ok(cmd!(shell, "id -u").quiet().read()? == "0")
}
