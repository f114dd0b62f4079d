//! The embedded cloud as a process that never outlives its task.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use xshell::{Shell, cmd};

use crate::process::Process;
use crate::shared::Shared;

/// A running `gumnut cloud start` on a free port; killed when it goes out of scope.
pub struct Cloud {
    process: Process,
    eucarc: PathBuf,
}

impl Cloud {
    /// Starts a cloud in `folder`: its data in `data`, credentials in `credentials`, what it says
    /// in `cloud.log`.
    pub fn start(program: &Path, folder: &Path) -> anyhow::Result<Self> {
        Self::start_with(program, folder, &[])
    }

    /// Starts a cloud in `folder` with more options of `gumnut cloud start`.
    pub fn start_with(program: &Path, folder: &Path, options: &[&str]) -> anyhow::Result<Self> {
        Self::start_at(program, folder, &data(folder), options)
    }

    /// Starts a cloud in `folder` with its catalogue and its objects elsewhere, or embedded for `None`.
    pub fn start_shared(
        program: &Path,
        folder: &Path,
        shared: Option<&Shared>,
    ) -> anyhow::Result<Self> {
        let mut place = Vec::from(data(folder));
        if let Some(shared) = shared {
            place.extend(["--server-config".into(), shared.config().into()]);
        }
        Self::start_at(program, folder, &place, &[])
    }

    /// Starts a cloud in `folder`. `place` are the options that say which cloud.
    fn start_at(
        program: &Path,
        folder: &Path,
        place: &[OsString],
        options: &[&str],
    ) -> anyhow::Result<Self> {
        fs_err::create_dir_all(folder)?;
        let listen = ["--listen", "127.0.0.1:0"].map(OsString::from);
        let more = options.iter().map(OsString::from);
        let all = place.iter().cloned().chain(listen).chain(more);
        let process = Process::start(program, all, &folder.join("cloud.log"))?;
        let eucarc = credentials(program, folder, place, process.endpoint())?;
        Ok(Self { process, eucarc })
    }

    /// The id of the process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// `http://127.0.0.1:PORT`
    pub fn endpoint(&self) -> &str {
        self.process.endpoint()
    }

    /// The administrator's settings.
    pub fn eucarc(&self) -> &Path {
        &self.eucarc
    }

    /// A value that the eucarc exports.
    pub fn setting(&self, name: &str) -> anyhow::Result<String> {
        setting(&self.eucarc, name)
    }

    /// Asks the cloud to stop and waits until it has; an error when it does not end well.
    pub fn stop(self) -> anyhow::Result<()> {
        self.process.stop()
    }
}

/// The options for the data of a cloud in `folder`.
fn data(folder: &Path) -> [OsString; 2] {
    ["--data".into(), folder.join("data").into()]
}

/// Makes the accounts of a cloud in `folder` that is not started; gives the eucarc.
pub fn credentials_only(program: &Path, folder: &Path) -> anyhow::Result<PathBuf> {
    let (shell, place) = (Shell::new()?, data(folder));
    cmd!(shell, "{program} --quiet cloud init")
        .args(&place)
        .quiet()
        .ignore_stdout()
        .run()?;
    credentials(program, folder, &place, "http://127.0.0.1:8773")
}

/// Writes the administrator's credentials for this endpoint to `folder`; gives the eucarc. `place` are the options that say which cloud.
pub fn credentials(
    program: &Path,
    folder: &Path,
    place: &[impl AsRef<OsStr>],
    endpoint: &str,
) -> anyhow::Result<PathBuf> {
    let (shell, output) = (Shell::new()?, folder.join("credentials"));
    cmd!(
        shell,
        "{program} --quiet cloud credentials {place...} --endpoint {endpoint} -o {output}"
    )
    .quiet()
    .ignore_stdout()
    .run()?;
    let eucarc = output.join("eucarc");
    ensure!(
        eucarc.is_file(),
        "the cloud has written no {}",
        eucarc.display()
    );
    Ok(eucarc)
}

/// A value that an eucarc exports.
pub fn setting(eucarc: &Path, name: &str) -> anyhow::Result<String> {
    let text = fs_err::read_to_string(eucarc)?;
    let prefix = format!("export {name}=");
    let mut values = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix(&prefix));
    let value = values
        .next()
        .with_context(|| format!("the eucarc exports no {name}"))?;
    Ok(value.trim_matches(['\'', '"']).to_owned())
}
