//! `gumnut cloud start --detach`, `gumnut cloud status` and `gumnut cloud stop`

use std::ffi::{OsStr, OsString};
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use gumnut_cloud::Cloud;
use gumnut_terminal::{Exit, Failure, Lines, Session};
use serde_json::{Value, json};

use crate::data::Data;
use crate::refused::refused;

/// The option that a detached cloud is started with, in the place of the one that the user gave.
const DETACHED: &str = "--detached";
/// What a detached cloud says, in the data directory.
const LOG: &str = "cloud.log";
/// Most bytes of what a cloud that did not start has said.
const MOST_WORDS: u64 = 16 << 10;

/// Show whether the cloud is running, its process and its endpoint.
///
/// The exit code is 3 if it is not running.
#[derive(Args)]
#[command(after_help = "\
Example:
  gumnut cloud status")]
pub struct Status {
    #[command(flatten)]
    data: Data,
}

/// Stop the running cloud, and wait until it has ended.
///
/// Requests that are being answered may finish. Does nothing if it is not running.
#[derive(Args)]
#[command(after_help = "\
Example:
  gumnut cloud stop")]
pub struct Stop {
    #[command(flatten)]
    data: Data,
    /// Seconds that the cloud may take to end
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
}

impl Status {
    pub(crate) fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let data = self.data.folder()?;
        let process = Cloud::process(&data).map_err(refused)?;
        let json = json!({
            "running": process.is_some(),
            "pid": process.as_ref().map(|process| process.pid),
            "endpoint": process.as_ref().map(|process| &process.endpoint),
            "data": data.to_string_lossy(),
        });
        let Some(process) = process else {
            session.output.result(&json, &Lines::default())?;
            let message = format!(
                "no cloud is running with the data directory {}",
                data.display()
            );
            return Err(Failure::new(Exit::Input, message)
                .hint("gumnut cloud start --detach starts one; --data names another directory")
                .into());
        };
        let (pid, endpoint) = (process.pid, process.endpoint);
        let data = data.display();
        let lines = ["running", &pid.to_string(), &endpoint, &data.to_string()];
        session.output.result(&json, &[lines].into_iter().collect())
    }
}

impl Stop {
    pub(crate) fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let data = self.data.folder()?;
        let patience = Duration::from_secs(self.timeout);
        let stopped = Cloud::stop(&data, patience).map_err(refused)?;
        let pid = stopped.map(|process| process.pid);
        match pid {
            Some(pid) => session.output.say(format!("process {pid} has ended")),
            None => session.output.say("no cloud is running"),
        }
        let json = json!({ "stopped": pid.is_some(), "pid": pid });
        session.output.result(&json, &Lines::default())
    }
}

/// Starts this program again in the background, with the same arguments, and waits until it accepts connections or has ended.
pub(crate) fn detach(session: &Session, data: &Path) -> Result<(), anyhow::Error> {
    make_private(data)?;
    let log = data.join(LOG);
    let mut options = fs_err::OpenOptions::new();
    let mut words = options.create(true).append(true).read(true).open(&log)?;
    let before = words.seek(SeekFrom::End(0))?;
    let program = std::env::current_exe().context("cannot find this program")?;
    let mut child = Command::new(program)
        .args(arguments(std::env::args_os().skip(1)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(words.file().try_clone()?)
        .spawn()
        .context("cannot start the cloud in the background")?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout).read_line(&mut line)?;
    }
    let Ok(Value::Object(mut said)) = serde_json::from_str(&line) else {
        let status = child.wait().context("cannot wait for the cloud")?;
        words.seek(SeekFrom::Start(before))?;
        let mut text = String::new();
        words.take(MOST_WORDS).read_to_string(&mut text)?;
        return Err(not_started(status.code(), &text, &log).into());
    };
    let pid = child.id();
    session.output.say(format!(
        "the messages of the cloud are written to {}",
        log.display()
    ));
    let endpoint = said.get("endpoint").and_then(Value::as_str);
    let text = format!(
        "listening on {} (process {pid})",
        endpoint.unwrap_or_default()
    );
    said.insert("pid".to_owned(), json!(pid));
    said.insert("log".to_owned(), json!(log.to_string_lossy()));
    session
        .output
        .result(&Value::Object(said), &Lines::one(text))
}

/// The data directory, closed to other users from the beginning, because it holds keys.
fn make_private(data: &Path) -> Result<(), anyhow::Error> {
    use std::os::unix::fs::DirBuilderExt as _;
    let mut builder = std::fs::DirBuilder::new();
    builder
        .recursive(true)
        .mode(0o700)
        .create(data)
        .with_context(|| format!("cannot create the data directory {}", data.display()))
}

/// The arguments of the process in the background: those of this one, and JSON, which is read here.
fn arguments(given: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<_> = given
        .map(|argument| match argument.as_os_str() {
            word if word == OsStr::new("--detach") => OsString::from(DETACHED),
            _ => argument,
        })
        .collect();
    if !arguments.iter().any(|argument| argument == "--json") {
        arguments.push(OsString::from("--json"));
    }
    arguments
}

/// The failure of a cloud that ended before it accepted connections, in its own words.
fn not_started(code: Option<i32>, words: &str, log: &Path) -> Failure {
    let exit = match code {
        Some(2) => Exit::Usage,
        Some(3) => Exit::Input,
        _ => Exit::Unexpected,
    };
    let failure = Failure::new(exit, "the cloud did not start");
    let (mut causes, mut hint) = (Vec::new(), None);
    for line in words.lines() {
        // The process in the background was told to speak JSON.
        if let Ok(Value::Object(said)) = serde_json::from_str(line) {
            let texts = |value: &Value| value.as_str().map(str::to_owned);
            causes.extend(said.get("error").and_then(texts));
            let more = said.get("causes").and_then(Value::as_array);
            causes.extend(more.into_iter().flatten().filter_map(texts));
            hint = said.get("hint").and_then(texts).or(hint);
        } else if let Some(cause) = line.strip_prefix("error: ") {
            causes.push(cause.to_owned());
        } else if let Some(cause) = line.trim_start().strip_prefix("because: ") {
            causes.push(cause.to_owned());
        } else if let Some(text) = line.strip_prefix("hint: ") {
            hint = Some(text.to_owned());
        }
    }
    let log = log.display();
    let hint =
        hint.unwrap_or_else(|| format!("{log} may say why; start it without --detach to see it"));
    if causes.is_empty() {
        return failure.hint(hint);
    }
    let cause = causes.join(": ");
    failure.because(anyhow::anyhow!(cause)).hint(hint)
}

/// Leaves the session of the terminal, whose end is not the cloud's.
pub(crate) fn leave_session() -> Result<(), anyhow::Error> {
    rustix::process::setsid().context("cannot leave the session of the terminal")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cloud_that_does_not_start_is_quoted() {
        let log = Path::new("data/cloud.log");
        for words in [
            "error: in use\n  because: by another\nhint: stop it\n",
            "{\"notice\":\"x\"}\n{\"error\":\"in use\",\"causes\":[\"by another\"],\"hint\":\"stop it\"}\n",
        ] {
            let failure = anyhow::Error::new(not_started(Some(3), words, log));
            let chain: Vec<_> = failure.chain().map(ToString::to_string).collect();
            assert_eq!(chain, ["the cloud did not start", "in use: by another"]);
            let hint = gumnut_terminal::hint_of(failure.as_ref()).unwrap();
            assert_eq!(hint, "stop it");
        }
        let silent = anyhow::Error::new(not_started(None, "", log));
        let hint = gumnut_terminal::hint_of(silent.as_ref()).unwrap();
        assert!(hint.contains("data/cloud.log"), "{hint}");
    }

    #[test]
    fn the_process_in_the_background_has_the_same_arguments() {
        let given = ["cloud", "start", "--detach", "--data", "d"].map(OsString::from);
        let made = arguments(given.into_iter());
        assert_eq!(
            made,
            ["cloud", "start", "--detached", "--data", "d", "--json"]
        );
        let json = ["--json", "cloud", "start", "--detach"].map(OsString::from);
        assert_eq!(arguments(json.into_iter()).len(), 4);
    }
}
