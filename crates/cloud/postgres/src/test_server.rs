//! A PostgreSQL server for tests: one for each test process, with a schema for each test.
//!
//! It is made by the programs of Debian's package `postgresql-15`, or another version, in a directory of its own. It listens on a socket
//! there and on no port, runs as an ordinary user, and ends with the process that started it, however that ends. With the environment
//! variable `GUMNUT_POSTGRES_URL` tests use that server instead.

use std::error::Error;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Pid, Signal, kill_process};

use crate::{PostgresConfig, connection};

/// What a test gets that cannot have its server.
pub type Failed = Box<dyn Error + Send + Sync>;

/// A server of its own for one test, or the one that the tests of a process share.
#[derive(Debug)]
pub struct TestServer {
    supervisor: Child,
    directory: PathBuf,
}

/// A schema for one test, which nobody else uses.
#[derive(Clone, Debug)]
pub struct TestSchema {
    url: String,
}

/// Names the socket of a standby, beside that of its server.
const STANDBY_PORT: u16 = 5433;

const SCRIPT: &str = include_str!("test_server.sh");

/// Settings of the server that tests share: it keeps nothing.
const FAST: [&str; 2] = ["fsync = off", "full_page_writes = off"];

impl TestServer {
    /// Starts a server with these lines in its configuration.
    ///
    /// # Errors
    /// When PostgreSQL is not installed, or does not start.
    pub fn start(settings: &[&str]) -> Result<Self, Failed> {
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, SCRIPT]).args(settings);
        command
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut supervisor = command.spawn()?;
        let mut directory = String::new();
        if let Some(output) = supervisor.stdout.take() {
            BufReader::new(output).read_line(&mut directory)?;
        }
        if directory.is_empty() {
            let mut said = String::new();
            if let Some(mut errors) = supervisor.stderr.take() {
                errors.read_to_string(&mut said)?;
            }
            return Err(format!("PostgreSQL does not start: {said}").into());
        }
        Ok(Self {
            supervisor,
            directory: directory.trim_end().into(),
        })
    }

    /// The server's data directory.
    pub fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// The socket that it listens on.
    pub fn socket(&self) -> PathBuf {
        self.directory.join(".s.PGSQL.5432")
    }

    /// The URL of a database, with parameters such as `&options=...` behind it.
    pub fn url(&self, database: &str, rest: &str) -> String {
        format!(
            "postgres://gumnut@/{database}?host={}{rest}",
            self.directory.display()
        )
    }

    /// Runs `pg_ctl` for the server: `&["-m", "immediate", "restart"]`.
    ///
    /// # Errors
    /// When it fails.
    pub fn control(&self, arguments: &[&str]) -> Result<(), Failed> {
        self.control_in(&self.data(), arguments)
    }

    fn control_in(&self, data: &Path, arguments: &[&str]) -> Result<(), Failed> {
        let log = self.directory.join("log");
        let places = ["-w".as_ref(), "-D".as_ref(), data, "-l".as_ref(), &log];
        let words = arguments.iter().map(Path::new);
        self.run("pg_ctl", places.into_iter().chain(words))
    }

    /// Runs one of the server's programs as the server's user.
    fn run(
        &self,
        program: &str,
        arguments: impl IntoIterator<Item: AsRef<OsStr>>,
    ) -> Result<(), Failed> {
        let mut command = as_ordinary_user(self.directory.join("bin").join(program));
        let output = command.args(arguments).current_dir("/").output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into());
        }
        Ok(())
    }

    /// Stops all processes of the server where they are.
    ///
    /// # Errors
    /// When it does not run.
    pub fn pause(&self) -> Result<Paused, Failed> {
        let file = fs_err::read_to_string(self.data().join("postmaster.pid"))?;
        let first = file.lines().next().unwrap_or_default().trim();
        let children = fs_err::read_to_string(format!("/proc/{first}/task/{first}/children"))?;
        let mut paused = Paused(Vec::new());
        for id in [first].into_iter().chain(children.split_whitespace()) {
            let id = Pid::from_raw(id.parse()?).ok_or("no process has the number 0")?;
            kill_process(id, Signal::STOP)?;
            paused.0.push(id);
        }
        Ok(paused)
    }

    /// Starts a standby of this server.
    ///
    /// # Errors
    /// When it does not start.
    pub fn standby(&self) -> Result<Standby<'_>, Failed> {
        let standby = Standby { server: self };
        let (data, socket) = (standby.data(), self.directory.as_os_str());
        let copy = ["-U", "gumnut", "-R", "-c", "fast", "--no-sync"].map(OsStr::new);
        let places = [OsStr::new("-h"), socket, OsStr::new("-D"), data.as_os_str()];
        self.run("pg_basebackup", copy.into_iter().chain(places))?;
        self.control_in(&data, &["-o", &format!("-p {STANDBY_PORT}"), "start"])?;
        Ok(standby)
    }
}

/// A server that says nothing: its processes do nothing until this is dropped, though the system accepts connections to it.
#[derive(Debug)]
pub struct Paused(Vec<Pid>);

impl Drop for Paused {
    fn drop(&mut self) {
        for id in &self.0 {
            // It may have ended.
            let _ = kill_process(*id, Signal::CONT);
        }
    }
}

/// A standby of a server; it ends when this goes out of scope.
#[derive(Debug)]
pub struct Standby<'a> {
    server: &'a TestServer,
}

impl Standby<'_> {
    /// The URL of a database on the server or, when that is away, on the standby.
    pub fn url(&self, database: &str) -> String {
        let directory = self.server.directory.display().to_string();
        let host = directory.replace('/', "%2F");
        format!("postgres://gumnut@{host}:5432,{host}:{STANDBY_PORT}/{database}")
    }

    /// Waits until the standby has all changes of the server, which acknowledges from now on only what the standby has as well.
    ///
    /// # Errors
    /// When the server refuses it.
    pub async fn insist(&self) -> Result<(), Failed> {
        let url = self.server.url("postgres", "");
        let admin = connection::connect(&PostgresConfig::parse(&url)?).await?;
        let wait = "ALTER SYSTEM SET synchronous_standby_names = '*'";
        admin.batch_execute(wait).await?;
        admin.batch_execute("SELECT pg_reload_conf()").await?;
        let in_step = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
        while admin.query_one(in_step, &[]).await?.get::<_, i64>(0) == 0 {
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Makes a server of it, which accepts changes.
    ///
    /// # Errors
    /// When it does not become one.
    pub fn promote(&self) -> Result<(), Failed> {
        self.server.control_in(&self.data(), &["promote"])
    }

    fn data(&self) -> PathBuf {
        self.server.directory.join("standby")
    }
}

impl Drop for Standby<'_> {
    fn drop(&mut self) {
        // The directory is removed with the server.
        let _ = self
            .server
            .control_in(&self.data(), &["-m", "immediate", "stop"]);
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        // The supervisor ends when its input does.
        drop(self.supervisor.stdin.take());
        let _ = self.supervisor.wait();
    }
}

/// A command as a user that PostgreSQL accepts: not root.
fn as_ordinary_user(program: impl AsRef<OsStr>) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=nobody", "--regid=nogroup", "--clear-groups", "--"])
        .arg(program);
    command
}

impl TestSchema {
    /// Makes an empty schema on the server that the tests of this process share.
    ///
    /// # Errors
    /// When there is no server.
    pub async fn fresh() -> Result<Self, Failed> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{number}", std::process::id());
        let server = tokio::task::spawn_blocking(shared).await??;
        let client = connection::connect(&PostgresConfig::parse(&server)?).await?;
        client
            .batch_execute(&format!(
                "DROP SCHEMA IF EXISTS {name} CASCADE; CREATE SCHEMA {name}"
            ))
            .await?;
        let separator = if server.contains('?') { '&' } else { '?' };
        let url = format!("{server}{separator}options=-c%20search_path%3D{name}");
        Ok(Self { url })
    }

    /// The URL of a database in which the schema is the one that is used.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Runs statements in the schema.
    ///
    /// # Errors
    /// When the server refuses one.
    pub async fn run(&self, sql: &str) -> Result<(), Failed> {
        let client = connection::connect(&PostgresConfig::parse(&self.url)?).await?;
        Ok(client.batch_execute(sql).await?)
    }

    /// Lets a test set the clock of the database: `UPDATE time.skew SET by = '10 s'` with the name of the schema that this gives instead
    /// of `time`. It is for connections that are made from now on with the URL of this schema.
    ///
    /// # Errors
    /// When the server refuses it.
    pub async fn with_clock(&mut self) -> Result<String, Failed> {
        let name = self.url.rsplit("%3D").next().unwrap_or_default();
        let time = format!("{name}_time");
        self.run(&format!(
            "DROP SCHEMA IF EXISTS {time} CASCADE; CREATE SCHEMA {time};
             CREATE TABLE {time}.skew (by interval NOT NULL); INSERT INTO {time}.skew VALUES ('0 s');
             CREATE FUNCTION {time}.clock_timestamp() RETURNS timestamptz LANGUAGE sql
             AS 'SELECT pg_catalog.clock_timestamp() + by FROM {time}.skew'"
        ))
        .await?;
        // What is named last is looked at last, as the schema of the system is not otherwise.
        self.url = format!("{}%2C{time}%2Cpg_catalog", self.url);
        Ok(time)
    }

    /// How to connect. The server may keep nothing.
    ///
    /// # Errors
    /// When `GUMNUT_POSTGRES_URL` is not the URL of a server.
    pub fn config(&self) -> Result<PostgresConfig, Failed> {
        Ok(PostgresConfig::parse(&self.url)?.allow_unsafe_durability())
    }
}

/// The URL of the server that the tests of this process share.
fn shared() -> Result<String, Failed> {
    static SERVER: OnceLock<Result<TestServer, String>> = OnceLock::new();
    if let Ok(url) = std::env::var("GUMNUT_POSTGRES_URL") {
        return Ok(url);
    }
    let server = SERVER.get_or_init(|| TestServer::start(&FAST).map_err(|error| error.to_string()));
    match server {
        Ok(server) => Ok(server.url("postgres", "")),
        Err(error) => Err(error.clone().into()),
    }
}
