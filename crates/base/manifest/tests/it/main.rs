//! gumnut-manifest against the bundles of the old tools, openssl, and hostile text.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod dialects;
mod examples;
mod hostile;
mod roundtrip;
mod tamper;

use gumnut_crypto::{Certificate, PrivateKey};
use gumnut_manifest::{ManifestError, UntrustedManifest};
use gumnut_types::Limits;

fn vector(name: &str) -> Vec<u8> {
    fs_err::read(format!("{}/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn tiny() -> String {
    String::from_utf8(vector("euca2ools-3.4.1-tiny/tiny.img.manifest.xml")).unwrap()
}

fn certificate(name: &str) -> Certificate {
    Certificate::from_pem(&vector(&format!("keys/{name}-cert.pem"))).unwrap()
}

fn key(name: &str) -> PrivateKey {
    PrivateKey::from_pem(&vector(&format!("keys/{name}-key.pem"))).unwrap()
}

fn parse(text: impl AsRef<[u8]>) -> Result<UntrustedManifest, ManifestError> {
    UntrustedManifest::parse(text.as_ref(), &Limits::default())
}
