//! A PostgreSQL server of a test.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

/// Runs a server until its standard input ends; the tests of the catalogue use it, too.
const SCRIPT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../crates/cloud/postgres/src/test_server.sh"
);

/// A PostgreSQL server in a directory of its own, run by an ordinary user; it ends with the test.
#[derive(Debug)]
pub struct Postgres {
    supervisor: Child,
    directory: String,
}

impl Postgres {
    /// Starts it. A missing server fails the test.
    #[must_use]
    pub fn start() -> Self {
        let script = fs_err::read_to_string(SCRIPT).expect("a script");
        let mut supervisor = Command::new("sh")
            .args(["-c", &script, &script])
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sh");
        let mut directory = String::new();
        let stdout = supervisor.stdout.take().expect("a pipe");
        let mut lines = BufReader::new(stdout);
        lines.read_line(&mut directory).expect("a line");
        // Why not is on standard error.
        assert!(!directory.is_empty(), "PostgreSQL does not start");
        directory.truncate(directory.trim_end().len());
        Self {
            supervisor,
            directory,
        }
    }

    /// The directory of its socket.
    pub fn directory(&self) -> &str {
        &self.directory
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // The supervisor ends when its input does.
        drop(self.supervisor.stdin.take());
        let _ = self.supervisor.wait();
    }
}
