//! The `gumnut` binary, run the way a user runs it.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

use crate::fixture;

/// The binary with a home directory of its own and an environment without anybody's settings.
#[derive(Debug)]
pub struct Program {
    home: TempDir,
    variables: Vec<(String, String)>,
}

/// What one run did.
#[derive(Debug)]
pub struct Outcome {
    /// The exit code; `None` when a signal ended the run.
    pub code: Option<i32>,
    /// Everything on standard output.
    pub stdout: String,
    /// Everything on standard error.
    pub stderr: String,
}

impl Program {
    /// A program that knows no cloud and no keys.
    #[must_use]
    pub fn new() -> Self {
        let home = tempfile::tempdir().expect("a temporary home folder");
        Self {
            home,
            variables: Vec::new(),
        }
    }

    /// A program that knows nothing, with a home directory below `parent`.
    #[must_use]
    pub fn below(parent: &Path) -> Self {
        Self {
            home: tempfile::tempdir_in(parent).expect("a temporary home folder"),
            variables: Vec::new(),
        }
    }

    /// A program whose settings are the test keys.
    #[must_use]
    pub fn with_keys() -> Self {
        Self::new()
            .with("EC2_PRIVATE_KEY", fixture("vectors/keys/user-key.pem"))
            .with("EC2_CERT", fixture("vectors/keys/user-cert.pem"))
            .with("EUCALYPTUS_CERT", fixture("vectors/keys/cloud-cert.pem"))
            .with("EC2_USER_ID", "0000-0000-0001")
    }

    /// This program with one more environment variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        let value = value.as_ref().to_string_lossy().into_owned();
        self.variables.push((name.to_owned(), value));
        self
    }

    /// The directory in which commands run; relative paths mean files in it.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.home.path()
    }

    /// A path in that directory.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Writes a file into the directory and gives its path.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs_err::write(&path, content).expect("a file in the temporary folder");
        path
    }

    /// A command that has not started yet.
    #[must_use]
    pub fn command<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Command {
        let mut command = Command::new(binary());
        command
            .args(arguments)
            .current_dir(self.home.path())
            .env_clear();
        // Coverage and linker settings do not matter here; tools of the system must be found.
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command.env("HOME", self.home.path());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// A command that has not started yet, which signals end even if the tests were started with signals ignored, as `nohup` and
    /// scripts do with what they run in the background. Its process is that of the binary.
    #[must_use]
    pub fn interruptible<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Command {
        let plain = self.command(arguments);
        let mut command = Command::new("env");
        command
            .arg("--default-signal=HUP,INT,TERM")
            .arg(plain.get_program())
            .args(plain.get_args())
            .current_dir(self.home.path())
            .env_clear();
        for (name, value) in plain.get_envs() {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        command
    }

    /// Runs the binary to its end.
    pub fn run<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Outcome {
        Outcome::from(self.command(arguments).output().expect("the binary starts"))
    }

    /// Runs the binary to its end under another name, as a link to it would.
    pub fn called<A: AsRef<OsStr>>(&self, name: &str, arguments: &[A]) -> Outcome {
        let mut command = self.command(arguments);
        Outcome::from(command.arg0(name).output().expect("the binary starts"))
    }

    /// Runs the binary, which must succeed, and reads the JSON value that it prints.
    pub fn json<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Value {
        let mut arguments: Vec<&OsStr> = arguments.iter().map(AsRef::as_ref).collect();
        arguments.push(OsStr::new("--json"));
        let outcome = self.run(&arguments).succeeded();
        serde_json::from_str(&outcome.stdout)
            .unwrap_or_else(|error| panic!("{error}: standard output is {:?}", outcome.stdout))
    }

    /// Names of all files in a directory, sorted.
    #[must_use]
    pub fn files(folder: &Path) -> Vec<String> {
        let entries = fs_err::read_dir(folder).expect("the folder can be listed");
        let mut names: Vec<_> = entries
            .map(|entry| {
                entry
                    .expect("a folder entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        names
    }
}

impl Default for Program {
    fn default() -> Self {
        Self::new()
    }
}

impl Outcome {
    /// Itself, when the run succeeded.
    #[must_use]
    pub fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self
    }

    /// Itself, when the run failed with this code, said exactly one error and did not panic.
    #[must_use]
    pub fn failed(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        assert_eq!(self.stdout, "", "a failed run has no result");
        let errors = ["error:", "\"error\":"].map(|text| self.stderr.matches(text).count());
        assert_eq!(errors.iter().sum::<usize>(), 1, "{self:#?}");
        assert!(!self.stderr.contains("panicked"), "{self:#?}");
        self
    }

    /// Itself, when the command line was refused before anything was done, with every one of these texts.
    #[must_use]
    pub fn failed_usage(self, texts: &[&str]) -> Self {
        self.failed(2).saying(texts)
    }

    /// Itself, when standard error holds every one of these texts.
    #[must_use]
    pub fn saying(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.stderr.contains(text), "no {text:?} in {self:#?}");
        }
        self
    }
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Builds the binary once for each test process and gives its path.
pub(crate) fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
        let output = Command::new(cargo)
            .args([
                "build",
                "--quiet",
                "--package",
                "gumnut",
                "--message-format",
                "json",
            ])
            .args(["--manifest-path", manifest])
            .output()
            .expect("cargo starts");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let messages = String::from_utf8_lossy(&output.stdout);
        let mut executables = messages.lines().filter_map(|line| {
            let message: Value = serde_json::from_str(line).ok()?;
            (message["target"]["name"] == "gumnut")
                .then(|| message["executable"].as_str().map(PathBuf::from))?
        });
        executables.next_back().expect("cargo names the binary")
    })
}
