//! A PostgreSQL server in a directory of its own, which keeps what it acknowledges.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::workspace::{Workspace, is_root};
use anyhow::{Context as _, ensure};
use xshell::{Cmd, Shell, cmd};

/// Runs a server until its standard input ends; the tests of the catalogue use it, too.
const SCRIPT: &str = "crates/cloud/postgres/src/test_server.sh";

/// The name of the database of the catalogue.
const DATABASE: &str = "gumnut";

/// What every server has in its configuration: durable, and statements are counted.
const SETTINGS: [&str; 4] = [
    "synchronous_commit = on",
    "shared_preload_libraries = 'pg_stat_statements'",
    "pg_stat_statements.track_utility = on",
    "wal_level = replica",
];

/// A running server; it ends when this goes out of scope.
pub struct Postgres {
    supervisor: Child,
    directory: PathBuf,
    shell: Shell,
    is_root: bool,
}

impl Postgres {
    /// Starts a server with the database of a catalogue.
    pub fn start(workspace: &Workspace) -> anyhow::Result<Self> {
        let shell = workspace.shell()?;
        let is_root = is_root(&shell)?;
        let script = fs_err::read_to_string(workspace.root().join(SCRIPT))?;
        let mut supervisor = Command::new("sh")
            .args(["-c", &script, &script])
            .args(SETTINGS)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot run sh")?;
        let stdout = supervisor.stdout.take().context("a pipe")?;
        let mut directory = String::new();
        BufReader::new(stdout).read_line(&mut directory)?;
        if directory.is_empty() {
            let mut said = String::new();
            let stderr = supervisor.stderr.take();
            stderr.context("a pipe")?.read_to_string(&mut said)?;
            anyhow::bail!("PostgreSQL does not start: {said}");
        }
        let server = Self {
            supervisor,
            directory: directory.trim_end().into(),
            shell,
            is_root,
        };
        server.program("createdb", &[DATABASE]).run()?;
        server.query("postgres", "CREATE EXTENSION pg_stat_statements")?;
        Ok(server)
    }

    /// The URL of the catalogue.
    pub fn url(&self) -> String {
        url_by(&self.directory)
    }

    /// The socket that it listens on.
    pub fn socket(&self) -> PathBuf {
        self.directory.join(".s.PGSQL.5432")
    }

    /// What a query of the catalogue gives: one line for each row.
    pub fn rows(&self, sql: &str) -> anyhow::Result<Vec<String>> {
        let text = self.query(DATABASE, sql)?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// How many statements the clients of the catalogue have sent.
    pub fn statements(&self) -> anyhow::Result<u64> {
        let sql = format!(
            "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid WHERE datname = '{DATABASE}'"
        );
        Ok(self.query("postgres", &sql)?.trim().parse()?)
    }

    /// The ids of its processes. The first one starts all others.
    pub fn processes(&self) -> anyhow::Result<Vec<u32>> {
        let file = fs_err::read_to_string(self.directory.join("data/postmaster.pid"))?;
        let first = file
            .lines()
            .next()
            .context("postmaster.pid is empty")?
            .trim();
        let children = fs_err::read_to_string(format!("/proc/{first}/task/{first}/children"))?;
        let ids = [first].into_iter().chain(children.split_whitespace());
        ids.map(|id| Ok(id.parse()?)).collect()
    }

    /// Runs `pg_ctl` for the server: `&["-m", "immediate", "restart"]`.
    pub fn control(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let (shell, directory) = (&self.shell, &self.directory);
        let (data, log) = (directory.join("data"), directory.join("log"));
        let (first, more) = ordinary_user(self.is_root);
        // The directory of the task may be closed to that user.
        let _root = shell.push_dir("/");
        let output = cmd!(
            shell,
            "{first} {more...} {directory}/bin/pg_ctl -D {data} -l {log} -w {arguments...}"
        )
        .quiet()
        .ignore_status()
        .output()?;
        ensure!(
            output.status.success(),
            "pg_ctl: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    fn query(&self, database: &str, sql: &str) -> anyhow::Result<String> {
        let arguments = ["-XAtq", "-d", database, "-c", sql];
        Ok(self.program("psql", &arguments).read()?)
    }

    /// A client program of PostgreSQL, for this server.
    fn program(&self, name: &str, arguments: &[&str]) -> Cmd<'_> {
        let directory = &self.directory;
        let program = directory.join("bin").join(name);
        cmd!(
            self.shell,
            "{program} -h {directory} -U gumnut {arguments...}"
        )
        .quiet()
    }
}

/// The URL of the catalogue, by a socket in this directory.
pub fn url_by(directory: &Path) -> String {
    format!("postgres://gumnut@/{DATABASE}?host={}", directory.display())
}

/// What a command begins with that is run as a user whom PostgreSQL accepts: not root.
fn ordinary_user(is_root: bool) -> (&'static str, &'static [&'static str]) {
    if is_root {
        let options = &["--reuid=nobody", "--regid=nogroup", "--clear-groups", "--"];
        ("setpriv", options)
    } else {
        ("env", &[])
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // The supervisor ends when its input does.
        drop(self.supervisor.stdin.take());
        let _ = self.supervisor.wait();
    }
}
