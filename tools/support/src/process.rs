//! A process of `gumnut cloud start` that never outlives its task.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;
use xshell::{Shell, cmd};

/// How long a cloud may take to start or to stop.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running `gumnut cloud start`; killed when it goes out of scope.
pub struct Process {
    child: Child,
    // Kept open, so that a later line of the cloud does not break its pipe.
    _stdout: BufReader<ChildStdout>,
    endpoint: String,
    log: PathBuf,
}

impl Process {
    /// Starts a cloud with these options and waits until it accepts connections. What it says is appended to `log`.
    pub fn start(
        program: &Path,
        options: impl IntoIterator<Item: AsRef<OsStr>>,
        log: &Path,
    ) -> anyhow::Result<Self> {
        let mut append = fs_err::OpenOptions::new();
        let said = append.create(true).append(true).open(log)?;
        let mut child = Command::new(program)
            .args(["--json", "cloud", "start"])
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(said.into_parts().0)
            .spawn()
            .with_context(|| format!("cannot run {}", program.display()))?;
        let stdout = child.stdout.take().context("standard output is a pipe")?;
        match first_line(stdout).and_then(|(line, rest)| Ok((endpoint(&line)?, rest))) {
            Ok((endpoint, stdout)) => Ok(Self {
                child,
                _stdout: stdout,
                endpoint,
                log: log.to_owned(),
            }),
            Err(error) => {
                // The error below is the one to report.
                let _ = child.kill();
                let _ = child.wait();
                Err(error.context(format!("the cloud did not start:\n{}", tail(log))))
            }
        }
    }

    /// The id of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// `http://127.0.0.1:PORT`
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Sends it SIGTERM and waits until it has ended; an error when it does not end well.
    pub fn stop(mut self) -> anyhow::Result<()> {
        let shell = Shell::new()?;
        let id = self.child.id().to_string();
        cmd!(shell, "kill -TERM {id}").quiet().run()?;
        let status = self.wait()?;
        ensure!(
            status.success(),
            "the cloud ended with {status}:\n{}",
            tail(&self.log)
        );
        Ok(())
    }

    /// Sends it SIGKILL and waits until it has ended.
    pub fn kill(mut self) -> anyhow::Result<()> {
        let ended = self.child.try_wait()?;
        ensure!(
            ended.is_none(),
            "the cloud has ended by itself:\n{}",
            tail(&self.log)
        );
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    fn wait(&mut self) -> anyhow::Result<ExitStatus> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait()? {
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

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
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
