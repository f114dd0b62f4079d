//! Whom the client of a bucket trusts.

use std::path::Path;
use std::sync::Arc;

use fs_err as fs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use crate::BucketError;

/// TLS that trusts the certificate authorities of the system and those in the file `ca`.
pub(crate) fn config(ca: Option<&Path>) -> Result<ClientConfig, BucketError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = ca {
        trust(&mut roots, path).map_err(|source| BucketError::Authority {
            path: path.to_owned(),
            source,
        })?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| BucketError::Setup(error.into()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Adds the certificates of a file, of which there must be one.
fn trust(
    roots: &mut RootCertStore,
    path: &Path,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let pem = fs::read(path)?;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        roots.add(certificate?)?;
    }
    // An iterator over a text without certificates ends at once.
    CertificateDer::from_pem_slice(&pem)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        for text in [
            None,
            Some(""),
            Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        ] {
            if let Some(text) = text {
                fs::write(&path, text).unwrap();
            }
            let error = config(Some(&path)).unwrap_err();
            assert!(matches!(error, BucketError::Authority { .. }), "{error:?}");
        }
        config(None).unwrap();
    }
}
