//! TLS with a certificate and its key.

use std::sync::Arc;

use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{self, ServerConfig, crypto};

/// Why a server cannot speak TLS with what it was given. The source says more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[error("cannot use {what} for TLS")]
pub struct TlsError {
    /// What cannot be used: `the certificate with its key`.
    pub what: &'static str,
    /// Why.
    pub source: rustls::Error,
}

/// What a server proves itself with: its certificate, followed by those between it and its authority, and the private key.
/// The protocol is TLS 1.2 or 1.3; clients need no certificate.
///
/// # Errors
/// When the key is not the certificate's, or of a kind that is not supported.
pub fn tls_acceptor(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<TlsAcceptor, TlsError> {
    let config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|source| TlsError {
            what: "the protocol",
            source,
        })?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|source| TlsError {
            what: "the certificate with its key",
            source,
        })?;
    Ok(Arc::new(config).into())
}
