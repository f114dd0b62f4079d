//! The HTTP client and whom it trusts.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use crate::TransportError;

/// A client that trusts the system's certificate authorities and those in `extra`, follows no redirects,
/// and uses no proxy.
pub(crate) fn client(extra: Option<&[u8]>) -> Result<reqwest::Client, TransportError> {
    let mut roots = RootCertStore::empty();
    let (added, _) =
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    tracing::debug!(added, "certificate authorities of the system");
    for certificate in CertificateDer::pem_slice_iter(extra.unwrap_or_default()) {
        let certificate =
            certificate.map_err(|error| setup("the given certificate authority", error))?;
        roots
            .add(certificate)
            .map_err(|error| setup("the given certificate authority", error))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| setup("TLS", error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .user_agent(concat!("gumnut/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| setup("the HTTP client", error))
}

fn setup(
    what: &'static str,
    error: impl std::error::Error + Send + Sync + 'static,
) -> TransportError {
    TransportError::Setup {
        what,
        source: Box::new(error),
    }
}
