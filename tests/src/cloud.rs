//! The embedded cloud as a process of its own.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::Program;

/// A running `gumnut cloud start` on a free port; stopped when dropped.
#[derive(Debug)]
pub struct Cloud {
    program: Program,
    process: Child,
    endpoint: String,
}

impl Cloud {
    /// Starts a cloud with a data directory of its own and waits until it accepts connections.
    #[must_use]
    pub fn start() -> Self {
        Self::start_in(Program::new())
    }

    /// Starts a cloud whose data are in the program's directory, in `data`.
    #[must_use]
    pub fn start_in(program: Program) -> Self {
        Self::start_with(program, &[])
    }

    /// Starts a cloud in the program's directory with more options, which may name another address.
    #[must_use]
    pub fn start_with(program: Program, options: &[&str]) -> Self {
        Self::start_logging(program, Stdio::inherit(), options)
    }

    /// Starts a cloud in the program's directory with more options, and another place for what it says.
    #[must_use]
    pub fn start_logging(program: Program, log: Stdio, options: &[&str]) -> Self {
        let mut arguments = vec!["cloud", "start", "--data", "data", "--json"];
        if !options.contains(&"--listen") {
            arguments.extend(["--listen", "127.0.0.1:0"]);
        }
        arguments.extend(options);
        let mut process = program
            .interruptible(&arguments)
            // With a terminal, SIGHUP would be its end.
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the cloud starts");
        let stdout = process.stdout.take().expect("standard output is a pipe");
        let mut line = String::new();
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("the cloud says where it listens");
        let value: Value = serde_json::from_str(&line).expect("the first line is JSON");
        let endpoint = value["endpoint"]
            .as_str()
            .expect("it names the endpoint")
            .to_owned();
        Self {
            program,
            process,
            endpoint,
        }
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The process id, for signals.
    #[must_use]
    pub fn pid(&self) -> String {
        self.process.id().to_string()
    }

    /// The eucarc of the cloud's administrator.
    #[must_use]
    pub fn eucarc(&self) -> PathBuf {
        self.program.path("data/credentials/eucarc")
    }

    /// The value of a variable that the eucarc exports.
    #[must_use]
    pub fn exported(&self, name: &str) -> String {
        let eucarc = fs_err::read_to_string(self.eucarc()).expect("the cloud has written it");
        let line = format!("export {name}=");
        let value = eucarc.lines().find_map(|it| it.strip_prefix(&line));
        let value = value.expect("the eucarc exports it");
        value.trim_matches(['\'', '"']).to_owned()
    }

    /// The directory with the administrator's keys and certificates.
    #[must_use]
    pub fn credentials(&self) -> PathBuf {
        self.program.path("data/credentials")
    }

    /// The data directory.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.program.path("data")
    }

    /// Runs `gumnut` with the administrator's settings.
    #[must_use]
    pub fn client(&self) -> Program {
        Program::new().configured(&self.eucarc())
    }

    /// Ends the process with SIGKILL and gives the directory back, so that a cloud can start on it again.
    #[must_use]
    pub fn kill(mut self) -> Program {
        // A test may have killed it already.
        let _ = self.process.kill();
        self.process.wait().expect("the cloud has ended");
        std::mem::take(&mut self.program)
    }

    /// Asks the cloud to stop, as ^C does, and gives its exit code.
    pub fn interrupt(&mut self) -> Option<i32> {
        crate::tool("kill", &["-INT", &self.pid()]);
        self.wait()
    }

    /// Waits until the cloud has ended, and gives its exit code.
    pub fn wait(&mut self) -> Option<i32> {
        self.process.wait().expect("the cloud has ended").code()
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        // Already ended is fine: a test may have killed it.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Program {
    /// This program with the settings that an eucarc exports.
    #[must_use]
    pub fn configured(self, eucarc: &Path) -> Self {
        let script = format!("set -a; . '{}'; env -0", eucarc.display());
        let environment = crate::tool("bash", &["-c", &script]);
        let exported = environment
            .split('\0')
            .filter_map(|entry| entry.split_once('='));
        let wanted = |name: &str| {
            ["EC2_", "S3_", "AWS_", "EUCA"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
        };
        exported
            .filter(|(name, _)| wanted(name))
            .fold(self, |program, (name, value)| program.with(name, value))
    }
}
