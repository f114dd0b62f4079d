//! Who signs the certificates of servers.

use std::path::{Path, PathBuf};

use fs_err as fs;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio_postgres::config::Host;

use crate::error::PostgresError;
use crate::url::Parts;

/// Who signs the certificate of the server.
#[derive(Clone, Debug)]
pub(crate) enum Authorities {
    File(PathBuf),
    System,
}

impl Authorities {
    /// Who signs the certificates of these servers, as their URL has it; `None` for connections without TLS.
    pub(crate) fn of(
        parts: Parts,
        servers: &[tokio_postgres::Config],
    ) -> Result<Option<Self>, PostgresError> {
        let uses_tls = match parts.mode.as_deref() {
            Some("disable") => false,
            // What is weaker in libpq does not say which server it is.
            Some("require" | "verify-ca" | "verify-full") => true,
            Some(mode) => {
                let reason = format!("sslmode={mode} is not supported: use verify-full or disable");
                return Err(PostgresError::Url(reason));
            }
            None => {
                let mut hosts = servers.iter().flat_map(tokio_postgres::Config::get_hosts);
                parts.authorities.is_some() || !hosts.all(is_here)
            }
        };
        let given = parts.authorities.map(Self::File);
        Ok(uses_tls.then(|| given.unwrap_or(Self::System)))
    }

    pub(crate) fn roots(&self) -> Result<RootCertStore, PostgresError> {
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

#[cfg(test)]
mod tests {
    use crate::PostgresConfig;

    use super::*;

    #[test]
    fn certificates_that_cannot_be_used_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let url = format!("postgres://db/gumnut?sslrootcert={}", path.display());
        let config = PostgresConfig::parse(&url).unwrap();
        let said = || config.tls().unwrap_err().to_string();
        assert!(said().contains("ca.pem"), "{}", said());
        fs::write(&path, "not a certificate").unwrap();
        assert!(said().ends_with("no certificate is in it"), "{}", said());
    }
}
