//! The embedded cloud as a process that never outlives its task.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;
use xshell::{Shell, cmd};

/// How long the cloud may take to start or to stop.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running `gumnut cloud start` on a free port; killed when it goes out of scope.
pub struct Cloud {
    process: Child,
    // Kept open, so that a later line of the cloud does not break its pipe.
    _stdout: BufReader<ChildStdout>,
    endpoint: String,
    eucarc: PathBuf,
    log: PathBuf,
}

impl Cloud {
    /// Starts a cloud in `folder`: its data in `data`, credentials in `credentials`, what it says
    /// in `cloud.log`.
    pub fn start(program: &Path, folder: &Path) -> anyhow::Result<Self> {
        Self::start_with(program, folder, &[])
    }

    /// Starts a cloud in `folder` with more options of `gumnut cloud start`.
    pub fn start_with(program: &Path, folder: &Path, options: &[&str]) -> anyhow::Result<Self> {
        fs_err::create_dir_all(folder)?;
        let log = folder.join("cloud.log");
        let mut process = Command::new(program)
            .args([
                "--json",
                "cloud",
                "start",
                "--listen",
                "127.0.0.1:0",
                "--data",
            ])
            .arg(folder.join("data"))
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(fs_err::File::create(&log)?.into_parts().0)
            .spawn()
            .with_context(|| format!("cannot run {}", program.display()))?;
        let stdout = process.stdout.take().context("standard output is a pipe")?;
        match first_line(stdout).and_then(|(line, rest)| Ok((endpoint(&line)?, rest))) {
            Ok((endpoint, stdout)) => {
                let mut cloud = Self {
                    process,
                    _stdout: stdout,
                    endpoint,
                    eucarc: PathBuf::new(),
                    log,
                };
                cloud.eucarc = credentials(program, folder, &cloud.endpoint)?;
                Ok(cloud)
            }
            Err(error) => {
                // The error below is the one to report.
                let _ = process.kill();
                let _ = process.wait();
                Err(error.context(format!("the cloud did not start:\n{}", tail(&log))))
            }
        }
    }

    /// The id of the process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// `http://127.0.0.1:PORT`
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The administrator's settings.
    pub fn eucarc(&self) -> &Path {
        &self.eucarc
    }

    /// A value that the eucarc exports.
    pub fn setting(&self, name: &str) -> anyhow::Result<String> {
        let text = fs_err::read_to_string(&self.eucarc)?;
        let prefix = format!("export {name}=");
        let mut values = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix(&prefix));
        let value = values
            .next()
            .with_context(|| format!("the eucarc exports no {name}"))?;
        Ok(value.trim_matches(['\'', '"']).to_owned())
    }

    /// Asks the cloud to stop and waits until it has; an error when it does not end well.
    pub fn stop(mut self) -> anyhow::Result<()> {
        let shell = Shell::new()?;
        let id = self.process.id().to_string();
        cmd!(shell, "kill -TERM {id}").quiet().run()?;
        let status = self.wait()?;
        ensure!(
            status.success(),
            "the cloud ended with {status}:\n{}",
            tail(&self.log)
        );
        Ok(())
    }

    fn wait(&mut self) -> anyhow::Result<ExitStatus> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(status) = self.process.try_wait()? {
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(20));
        }
        bail!(
            "the cloud did not stop within {} seconds",
            PATIENCE.as_secs()
        )
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Makes the accounts of a cloud in `folder` that is not started; gives the eucarc.
pub fn credentials_only(program: &Path, folder: &Path) -> anyhow::Result<PathBuf> {
    let (shell, data) = (Shell::new()?, folder.join("data"));
    cmd!(shell, "{program} --quiet cloud init --data {data}")
        .quiet()
        .ignore_stdout()
        .run()?;
    credentials(program, folder, "http://127.0.0.1:8773")
}

/// Writes the administrator's credentials, with the address of today; gives the eucarc.
fn credentials(program: &Path, folder: &Path, endpoint: &str) -> anyhow::Result<PathBuf> {
    let (shell, output) = (Shell::new()?, folder.join("credentials"));
    let data = folder.join("data");
    cmd!(
        shell,
        "{program} --quiet cloud credentials --data {data} --endpoint {endpoint} -o {output}"
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

/// The first line, within a time limit.
fn first_line(stdout: ChildStdout) -> anyhow::Result<(String, BufReader<ChildStdout>)> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut reader = BufReader::new(stdout);
        let mut line = String::new();
        let result = reader.read_line(&mut line).map(|_| (line, reader));
        // Nobody listens any more after the time limit.
        let _ = sender.send(result);
    });
    let line = receiver.recv_timeout(PATIENCE);
    Ok(line.with_context(|| format!("it said nothing for {} seconds", PATIENCE.as_secs()))??)
}

fn endpoint(line: &str) -> anyhow::Result<String> {
    let value: Value = serde_json::from_str(line)
        .with_context(|| format!("its first line is no JSON: {line:?}"))?;
    let endpoint = value["endpoint"]
        .as_str()
        .context("its first line names no endpoint")?;
    Ok(endpoint.to_owned())
}

fn tail(log: &Path) -> String {
    let text = fs_err::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
