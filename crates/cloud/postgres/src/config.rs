//! Which server, and how it is connected to.

use std::error::Error;
use std::fmt;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use fs_err as fs;
use rustls::ClientConfig;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use zeroize::Zeroizing;

use crate::authorities::Authorities;
use crate::error::PostgresError;
use crate::url;

/// How long a transaction may do nothing before the server ends it.
const IDLE_LIMIT: &str = "-c idle_in_transaction_session_timeout=20s";

/// How long a connection to one server may take, with the login.
const CONNECT_TIME: Duration = Duration::from_secs(5);

/// How long the server may take for a statement, unless something else is said.
const STATEMENT_TIME: Duration = Duration::from_secs(10);

/// How much longer than a statement may take an answer is waited for: the server ends the statement itself before.
const ANSWER_MARGIN: Duration = Duration::from_secs(2);

/// How long the server may take for a statement without a time limit.
const LONGEST: Duration = Duration::from_hours(24);

/// How long a connection may be silent before the system checks it, and how long what was sent may be unacknowledged.
const SILENCE: Duration = Duration::from_secs(10);

/// The longest password file, in bytes.
const PASSWORD_BYTES: u64 = 4096;

/// Which PostgreSQL server keeps a catalogue, and how it is connected to.
#[derive(Clone, Debug)]
pub struct PostgresConfig {
    /// One of each server, in the order in which they are tried.
    servers: Vec<tokio_postgres::Config>,
    /// Certificates of authorities, or those of the system; without TLS there are none to be had.
    tls: Option<Authorities>,
    password_file: Option<PathBuf>,
    pub(crate) connections: usize,
    /// How long a connection to one of the servers may take.
    pub(crate) connect_time: Duration,
    /// How long the server may take for a statement; `None` for no limit.
    statement_time: Option<Duration>,
    pub(crate) allows_unsafe: bool,
    pub(crate) locks: Locks,
}

/// Whether statements lock rows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Locks {
    Taken,
    #[cfg(test)]
    Left,
}

impl PostgresConfig {
    /// Most connections of a front end, unless something else is said.
    pub const CONNECTIONS: usize = 16;

    /// Reads a URL such as `postgres:///gumnut?host=/run/postgresql` or
    /// `postgres://gumnut@db.example.org/gumnut?sslmode=verify-full&sslrootcert=/etc/gumnut/ca.pem`. Its parameters are those of libpq
    /// that tokio-postgres knows, and these:
    ///
    /// - `host` and `port`: several, separated by commas, for servers of which one can be written; they are tried in their order;
    /// - `sslmode`: `verify-full`, the default for servers on other machines, or `disable`, the default for sockets and this machine;
    /// - `sslrootcert`: a file with the certificates of authorities in PEM; those of the system when nothing is said.
    ///
    /// # Errors
    /// [`PostgresError::Url`] for a URL that is not understood, or that has a password: that is in a
    /// [file](Self::password_file).
    pub fn parse(url: &str) -> Result<Self, PostgresError> {
        let parts = url::split(url)?;
        let servers: Result<Vec<_>, _> = parts.servers.iter().map(|url| server(url)).collect();
        let mut servers = servers?;
        let tls = Authorities::of(parts, &servers)?;
        let are_several = servers.len() > 1;
        for server in &mut servers {
            server.ssl_mode(if tls.is_some() {
                SslMode::Require
            } else {
                SslMode::Disable
            });
            complete(server, are_several);
        }
        let connect_time = servers.iter().find_map(|it| it.get_connect_timeout());
        Ok(Self {
            connect_time: connect_time.copied().unwrap_or(CONNECT_TIME),
            servers,
            tls,
            password_file: None,
            connections: Self::CONNECTIONS,
            statement_time: Some(STATEMENT_TIME),
            allows_unsafe: false,
            locks: Locks::Taken,
        })
    }

    /// Reads the password from the first line of this file, each time that a connection is made. Not everybody may be able to read it.
    ///
    /// It is in memory while a connection is made. What is read is zeroed afterwards; the copy that tokio-postgres takes is freed then,
    /// and not zeroed, as it has no way to.
    #[must_use]
    pub fn password_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.password_file = Some(path.into());
        self
    }

    /// Uses at most so many connections, and at least one.
    #[must_use]
    pub fn connections(mut self, most: usize) -> Self {
        self.connections = most.max(1);
        self
    }

    /// Lets the server take so long for a statement, at least a millisecond. Without an answer a little later it counts as one that does
    /// not work. An option `statement_timeout` in the URL takes precedence with the server.
    #[must_use]
    pub fn statement_time(mut self, most: Duration) -> Self {
        self.statement_time = Some(most.max(Duration::from_millis(1)));
        self
    }

    /// Lets statements take as long as they need, for checks of whole tables.
    #[must_use]
    pub fn without_time_limit(mut self) -> Self {
        self.statement_time = None;
        self
    }

    /// How long an answer to what was sent at once is waited for.
    pub(crate) fn answer_time(&self) -> Duration {
        self.statement_time
            .map_or(LONGEST, |most| most.saturating_add(ANSWER_MARGIN))
    }

    /// How long it may take until one of the servers is connected to.
    pub(crate) fn connect_time_of_all(&self) -> Duration {
        let servers = u32::try_from(self.servers.len()).unwrap_or(u32::MAX);
        self.connect_time.saturating_mul(servers)
    }

    /// Takes a server that may lose what it has acknowledged: with `fsync` off, or `synchronous_commit` below `on`. For tests.
    #[must_use]
    pub fn allow_unsafe_durability(mut self) -> Self {
        self.allows_unsafe = true;
        self
    }

    #[cfg(test)]
    pub(crate) fn application_name(mut self, name: &str) -> Self {
        for server in &mut self.servers {
            server.application_name(name);
        }
        self
    }

    /// Takes no locks, so that a test sees what goes wrong then.
    #[cfg(test)]
    pub(crate) fn without_locks(mut self) -> Self {
        self.locks = Locks::Left;
        self
    }

    /// What to connect with, including the password: one of each server.
    pub(crate) fn servers(&self) -> Result<Vec<tokio_postgres::Config>, PostgresError> {
        let password = self.password_file.as_deref().map(password).transpose()?;
        let mut servers = self.servers.clone();
        for server in &mut servers {
            if let Some(password) = &password {
                server.password(password.as_bytes());
            }
            // What is behind takes precedence: the URL before the usual limit, and no limit before both.
            let theirs = server.get_options().unwrap_or_default();
            let options = match self.statement_time {
                Some(most) => {
                    let most = most.as_millis();
                    format!("{IDLE_LIMIT} -c statement_timeout={most}ms {theirs}")
                }
                None => format!("{IDLE_LIMIT} {theirs} -c statement_timeout=0"),
            };
            server.options(options.trim_end());
        }
        Ok(servers)
    }

    /// How to speak TLS; `None` for not at all.
    pub(crate) fn tls(&self) -> Result<Option<ClientConfig>, PostgresError> {
        let Some(authorities) = &self.tls else {
            return Ok(None);
        };
        let roots = authorities.roots()?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| invalid(error.to_string()))?;
        Ok(Some(
            builder.with_root_certificates(roots).with_no_client_auth(),
        ))
    }

    /// Why no connection was made.
    pub(crate) fn not_connected(&self, error: tokio_postgres::Error) -> PostgresError {
        if error.code().is_some() {
            return error.into();
        }
        let text = chain(&error);
        if text.contains("does not allow writes") {
            return PostgresError::ReadOnly(error.into());
        }
        if text.starts_with("authentication") || text.contains("password") {
            return PostgresError::Login(error);
        }
        self.unreachable(error.into())
    }

    /// No connection was made for this reason.
    pub(crate) fn unreachable(&self, source: Box<dyn Error + Send + Sync>) -> PostgresError {
        PostgresError::Unreachable {
            server: self.to_string(),
            source,
        }
    }
}

/// The hosts and ports, for messages.
impl fmt::Display for PostgresConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        for server in &self.servers {
            let port = server.get_ports().first().copied().unwrap_or(5432);
            f.write_str(comma)?;
            match (server.get_hosts().first(), server.get_hostaddrs().first()) {
                (Some(Host::Tcp(name)), _) => write!(f, "{name}:{port}")?,
                (Some(Host::Unix(path)), _) => write!(f, "{}/.s.PGSQL.{port}", path.display())?,
                (None, Some(address)) => write!(f, "{address}:{port}")?,
                (None, None) => {}
            }
            comma = ", ";
        }
        Ok(())
    }
}

fn invalid(reason: impl Into<String>) -> PostgresError {
    PostgresError::Url(reason.into())
}

/// An error and what it comes from, in one line.
fn chain(error: &(dyn Error + 'static)) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}

/// The server of a URL that names one.
fn server(url: &str) -> Result<tokio_postgres::Config, PostgresError> {
    let server = tokio_postgres::Config::from_str(url).map_err(|error| invalid(chain(&error)))?;
    if server.get_password().is_some() {
        return Err(invalid(
            "it contains a password; write that to a password file",
        ));
    }
    if server.get_dbname().is_none() {
        return Err(invalid(
            "it names no database: write postgres://HOST/DATABASE",
        ));
    }
    Ok(server)
}

/// What the URL leaves open.
fn complete(server: &mut tokio_postgres::Config, are_several: bool) {
    if server.get_application_name().is_none() {
        server.application_name("gumnut");
    }
    // Of several servers one is not a standby.
    if are_several && server.get_target_session_attrs() == TargetSessionAttrs::Any {
        server.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    server.keepalives_idle(SILENCE);
    if server.get_tcp_user_timeout().is_none() {
        server.tcp_user_timeout(SILENCE);
    }
}

/// The password in a file: its first line.
fn password(path: &Path) -> Result<Zeroizing<String>, PostgresError> {
    let wrong = |reason: &str| PostgresError::PasswordFile {
        path: path.to_owned(),
        reason: reason.to_owned(),
    };
    let found = fs::metadata(path).map_err(|error| wrong(&error.to_string()))?;
    if found.permissions().mode() & 0o007 != 0 {
        return Err(wrong("every user can access it: change its mode to 0600"));
    }
    if found.len() > PASSWORD_BYTES {
        return Err(wrong("it is too long"));
    }
    let text = fs::read_to_string(path).map_err(|error| wrong(&error.to_string()))?;
    let text = Zeroizing::new(text);
    let password = text.lines().next().unwrap_or_default();
    if password.is_empty() {
        return Err(wrong("its first line is empty"));
    }
    Ok(Zeroizing::new(password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> PostgresConfig {
        PostgresConfig::parse(url).unwrap()
    }

    #[test]
    fn a_url_names_servers_and_how_to_speak_to_them() {
        for (url, servers, uses_tls) in [
            (
                "postgres:///gumnut?host=/run/postgresql",
                "/run/postgresql/.s.PGSQL.5432",
                false,
            ),
            ("postgres:///gumnut", "/run/postgresql/.s.PGSQL.5432", false),
            (
                "postgresql://localhost:5433/gumnut",
                "localhost:5433",
                false,
            ),
            ("postgres://[::1]/gumnut", "::1:5432", false),
            (
                "postgres://db.example.org/gumnut",
                "db.example.org:5432",
                true,
            ),
            (
                "postgres://db.example.org/gumnut?sslmode=disable",
                "db.example.org:5432",
                false,
            ),
            (
                "postgres://localhost/gumnut?sslrootcert=/ca.pem",
                "localhost:5432",
                true,
            ),
            (
                "postgres://a,b:7/gumnut?sslmode=verify-full&connect_timeout=3",
                "a:5432, b:7",
                true,
            ),
            (
                "postgres:///gumnut?host=/a,/b",
                "/a/.s.PGSQL.5432, /b/.s.PGSQL.5432",
                false,
            ),
            (
                "postgres:///gumnut?host=/a,db.example.org",
                "/a/.s.PGSQL.5432, db.example.org:5432",
                true,
            ),
        ] {
            let config = parsed(url);
            assert_eq!(config.to_string(), servers, "{url}");
            assert_eq!(config.tls.is_some(), uses_tls, "{url}");
            assert_eq!(config.servers.len(), servers.split(", ").count(), "{url}");
        }
        for server in parsed("postgres:///gumnut?host=/a,/b").servers {
            assert_eq!(
                server.get_target_session_attrs(),
                TargetSessionAttrs::ReadWrite
            );
        }
    }

    #[test]
    fn the_last_limit_of_statements_is_the_one_that_counts() {
        let options = |config: PostgresConfig| {
            let servers = config.servers().unwrap();
            servers[0].get_options().unwrap().to_owned()
        };
        let config = || parsed("postgres:///g?options=-c%20statement_timeout%3D1s");
        for (config, limits, answer) in [
            (
                config(),
                "statement_timeout=10000ms -c statement_timeout=1s",
                12,
            ),
            (
                config().statement_time(Duration::from_secs(3)),
                "statement_timeout=3000ms -c statement_timeout=1s",
                5,
            ),
            (
                config().without_time_limit(),
                "-c statement_timeout=1s -c statement_timeout=0",
                24 * 60 * 60,
            ),
        ] {
            assert_eq!(config.answer_time(), Duration::from_secs(answer));
            let options = options(config);
            assert!(
                options.starts_with(IDLE_LIMIT) && options.ends_with(limits),
                "{options}"
            );
        }
    }

    #[test]
    fn a_url_that_is_not_understood_is_refused_and_no_password_is_shown() {
        for (url, reason) in [
            ("mysql://db/gumnut", "it must begin with postgres://"),
            (
                "postgres://db",
                "it names no database: write postgres://HOST/DATABASE",
            ),
            (
                "postgres://u:hunter2@db/gumnut",
                "it contains a password; write that to a password file",
            ),
            (
                "postgres://db/gumnut?password=hunter2",
                "it contains a password; write that to a password file",
            ),
            (
                "postgres://db/gumnut?sslmode=prefer",
                "sslmode=prefer is not supported: use verify-full or disable",
            ),
        ] {
            let error = PostgresConfig::parse(url).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("invalid PostgreSQL URL: {reason}")
            );
            assert_eq!(error.fault(), gumnut_types::Fault::Usage);
        }
        for url in [
            "postgres://db/gumnut?colour=blue",
            "postgres://db:port/gumnut",
        ] {
            assert!(
                matches!(PostgresConfig::parse(url), Err(PostgresError::Url(_))),
                "{url}"
            );
        }
    }
}
