//! The HTTP client and whom it trusts.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::{ServerIdentity, TransportError};

/// How long a connection may take before it is there.
const CONNECT: Duration = Duration::from_secs(10);

/// TLS that trusts the system's certificate authorities and those in `extra`.
pub(crate) fn config(
    extra: Option<&[u8]>,
    identity: ServerIdentity,
) -> Result<ClientConfig, TransportError> {
    let mut roots = RootCertStore::empty();
    let (added, _) =
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    tracing::debug!(added, "certificate authorities of the system");
    if let Some(pem) = extra {
        trust(&mut roots, pem)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| setup("TLS", error))?;
    let verifying = match identity {
        ServerIdentity::Verified => builder.with_root_certificates(roots),
        ServerIdentity::Unverified => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyServer(provider))),
    };
    Ok(verifying.with_no_client_auth())
}

/// A client that speaks this TLS, follows no redirects, and uses no proxy.
pub(crate) fn client(tls: ClientConfig) -> Result<reqwest::Client, TransportError> {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .connect_timeout(CONNECT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .user_agent(concat!("gumnut/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| setup("the HTTP client", error))
}

/// Adds the certificates of a PEM text, of which there must be one.
fn trust(roots: &mut RootCertStore, pem: &[u8]) -> Result<(), TransportError> {
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(authority)?;
        roots.add(certificate).map_err(authority)?;
    }
    // An iterator over a text without certificates ends at once.
    CertificateDer::from_pem_slice(pem)
        .map(drop)
        .map_err(authority)
}

fn authority(error: impl std::error::Error + Send + Sync + 'static) -> TransportError {
    TransportError::Authority(Box::new(error))
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

/// Takes every certificate. The server must still have the key that belongs to it.
#[derive(Debug)]
struct AnyServer(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            cert,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            cert,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
