//! Which server, and how it is connected to.

use std::fmt;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use fs_err as fs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use zeroize::Zeroizing;

use crate::error::PostgresError;

/// The socket directory of a server that the URL does not name.
const SOCKET: &str = "/run/postgresql";

/// How long the server may take for a statement, and for a transaction that does nothing, before it ends them itself.
const SERVER_LIMITS: &str = "-c statement_timeout=10s -c idle_in_transaction_session_timeout=20s";

/// How long a connection may take.
const CONNECT_TIME: Duration = Duration::from_secs(5);

/// How long the server may take for what was sent to it at once. It ends statements itself before.
const ANSWER_TIME: Duration = Duration::from_secs(15);

/// How long the server may take for a statement without a time limit.
const LONGEST: Duration = Duration::from_hours(24);

/// How long a connection may be silent before the system checks it, and how long what was sent may be unacknowledged.
const SILENCE: Duration = Duration::from_secs(10);

/// The longest password file, in bytes.
const PASSWORD_BYTES: u64 = 4096;

/// Which PostgreSQL server keeps a catalogue, and how it is connected to.
#[derive(Clone, Debug)]
pub struct PostgresConfig {
    server: tokio_postgres::Config,
    /// Certificates of authorities, or those of the system; without TLS there are none to be had.
    tls: Option<Authorities>,
    password_file: Option<PathBuf>,
    pub(crate) connections: usize,
    pub(crate) connect_time: Duration,
    /// How long the server may take for what was sent to it at once.
    pub(crate) answer_time: Duration,
    pub(crate) allows_unsafe: bool,
    pub(crate) locks: Locks,
}

/// Who signs the certificate of the server.
#[derive(Clone, Debug)]
enum Authorities {
    File(PathBuf),
    System,
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
    /// that tokio-postgres knows, and these two:
    ///
    /// - `sslmode`: `verify-full`, the default for servers on other machines, or `disable`, the default for sockets and this machine;
    /// - `sslrootcert`: a file with the certificates of authorities in PEM; those of the system when nothing is said.
    ///
    /// # Errors
    /// [`PostgresError::Url`] for a URL that is not understood, or that has a password: that is in a
    /// [file](Self::password_file).
    pub fn parse(url: &str) -> Result<Self, PostgresError> {
        let (ours, theirs) = split(url)?;
        let mut server =
            tokio_postgres::Config::from_str(&theirs).map_err(|error| invalid(chain(&error)))?;
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
        if server.get_hosts().is_empty() && server.get_hostaddrs().is_empty() {
            server.host_path(SOCKET);
        }
        let tls = ours.authorities(&server)?;
        server.ssl_mode(if tls.is_some() {
            SslMode::Require
        } else {
            SslMode::Disable
        });
        complete(&mut server);
        let connect_time = *server.get_connect_timeout().unwrap_or(&CONNECT_TIME);
        Ok(Self {
            server,
            tls,
            password_file: None,
            connections: Self::CONNECTIONS,
            connect_time,
            answer_time: ANSWER_TIME,
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

    /// Lets statements take as long as they need, for checks of whole tables.
    #[must_use]
    pub fn without_time_limit(mut self) -> Self {
        let options = self.server.get_options().unwrap_or_default();
        let options = format!("{options} -c statement_timeout=0");
        self.server.options(options);
        self.answer_time = LONGEST;
        self
    }

    /// Takes a server that may lose what it has acknowledged: with `fsync` off, or `synchronous_commit` below `on`. For tests.
    #[must_use]
    pub fn allow_unsafe_durability(mut self) -> Self {
        self.allows_unsafe = true;
        self
    }

    #[cfg(test)]
    pub(crate) fn application_name(mut self, name: &str) -> Self {
        self.server.application_name(name);
        self
    }

    /// Takes no locks, so that a test sees what goes wrong then.
    #[cfg(test)]
    pub(crate) fn without_locks(mut self) -> Self {
        self.locks = Locks::Left;
        self
    }

    /// What to connect with, including the password.
    pub(crate) fn server(&self) -> Result<tokio_postgres::Config, PostgresError> {
        let mut server = self.server.clone();
        if let Some(path) = &self.password_file {
            server.password(password(path)?.as_bytes());
        }
        Ok(server)
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
        PostgresError::Unreachable {
            server: self.to_string(),
            source: error.into(),
        }
    }
}

/// The hosts and ports, for messages.
impl fmt::Display for PostgresConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ports = self.server.get_ports();
        for (index, host) in self.server.get_hosts().iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            let port = ports.get(index).or(ports.first()).copied().unwrap_or(5432);
            match host {
                Host::Tcp(name) => write!(f, "{comma}{name}:{port}")?,
                Host::Unix(path) => write!(f, "{comma}{}/.s.PGSQL.{port}", path.display())?,
            }
        }
        Ok(())
    }
}

fn invalid(reason: impl Into<String>) -> PostgresError {
    PostgresError::Url(reason.into())
}

/// An error and what it comes from, in one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}

/// Parameters that are not left to tokio-postgres.
#[derive(Debug, Default)]
struct Ours {
    mode: Option<String>,
    authorities: Option<PathBuf>,
}

/// Takes our parameters out of a URL.
fn split(url: &str) -> Result<(Ours, String), PostgresError> {
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(invalid("it must begin with postgres://"));
    }
    let mut ours = Ours::default();
    let Some((place, query)) = url.split_once('?') else {
        return Ok((ours, url.to_owned()));
    };
    let mut theirs = Vec::new();
    for parameter in query.split('&') {
        match parameter.split_once('=') {
            Some(("sslmode", mode)) => ours.mode = Some(mode.to_owned()),
            Some(("sslrootcert", path)) => ours.authorities = Some(path.into()),
            _ => theirs.push(parameter),
        }
    }
    let separator = if theirs.is_empty() { "" } else { "?" };
    Ok((ours, format!("{place}{separator}{}", theirs.join("&"))))
}

impl Ours {
    /// Who signs the certificate of the server; `None` for a connection without TLS.
    fn authorities(
        self,
        server: &tokio_postgres::Config,
    ) -> Result<Option<Authorities>, PostgresError> {
        let uses_tls = match self.mode.as_deref() {
            Some("disable") => false,
            // What is weaker in libpq does not say which server it is.
            Some("require" | "verify-ca" | "verify-full") => true,
            Some(mode) => {
                let reason = format!("sslmode={mode} is not supported: use verify-full or disable");
                return Err(invalid(reason));
            }
            None => self.authorities.is_some() || !server.get_hosts().iter().all(is_here),
        };
        if !uses_tls {
            return Ok(None);
        }
        Ok(Some(
            self.authorities
                .map_or(Authorities::System, Authorities::File),
        ))
    }
}

/// Whether the host is this machine.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            let address = name.parse::<std::net::IpAddr>();
            name == "localhost" || address.is_ok_and(|address| address.is_loopback())
        }
    }
}

/// What the URL leaves open.
fn complete(server: &mut tokio_postgres::Config) {
    if server.get_application_name().is_none() {
        server.application_name("gumnut");
    }
    if server.get_connect_timeout().is_none() {
        server.connect_timeout(CONNECT_TIME);
    }
    // Of several servers one is not a standby.
    if server.get_hosts().len() > 1 && server.get_target_session_attrs() == TargetSessionAttrs::Any
    {
        server.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    server.keepalives_idle(SILENCE);
    if server.get_tcp_user_timeout().is_none() {
        server.tcp_user_timeout(SILENCE);
    }
    // Those of the URL are behind, and take precedence.
    let theirs = server.get_options().unwrap_or_default();
    let options = format!("{SERVER_LIMITS} {theirs}");
    server.options(options.trim_end());
}

impl Authorities {
    fn roots(&self) -> Result<RootCertStore, PostgresError> {
        let mut roots = RootCertStore::empty();
        let (certificates, path) = match self {
            Self::File(path) => (certificates(path)?, path.clone()),
            Self::System => {
                let found = rustls_native_certs::load_native_certs().certs;
                (found, PathBuf::from("/etc/ssl/certs"))
            }
        };
        let (added, _) = roots.add_parsable_certificates(certificates);
        if added == 0 {
            let reason = "no certificate is in it".to_owned();
            return Err(PostgresError::Certificates { path, reason });
        }
        Ok(roots)
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, PostgresError> {
    let wrong = |reason: String| PostgresError::Certificates {
        path: path.to_owned(),
        reason,
    };
    let pem = fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    certificates.map_err(|error| wrong(error.to_string()))
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
        ] {
            let config = parsed(url);
            assert_eq!(config.to_string(), servers, "{url}");
            assert_eq!(config.tls.is_some(), uses_tls, "{url}");
            assert!(config.server.get_password().is_none());
        }
        let several = parsed("postgres://a,b/gumnut").server;
        assert_eq!(
            several.get_target_session_attrs(),
            TargetSessionAttrs::ReadWrite
        );
        let options = parsed("postgres:///g?options=-c%20statement_timeout%3D1s").server;
        let options = options.get_options().unwrap();
        assert!(
            options.starts_with(SERVER_LIMITS) && options.ends_with(" -c statement_timeout=1s")
        );
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

    #[test]
    fn certificates_that_cannot_be_used_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let config = parsed(&format!(
            "postgres://db/gumnut?sslrootcert={}",
            path.display()
        ));
        let said = || config.tls().unwrap_err().to_string();
        assert!(said().contains("ca.pem"), "{}", said());
        fs::write(&path, "not a certificate").unwrap();
        assert!(said().ends_with("no certificate is in it"), "{}", said());
    }
}
