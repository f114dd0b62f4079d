//! Restores the image of a bundle: `cargo run -p gumnut-bundle --example restore -- MANIFEST CERTIFICATE PRIVATE-KEY IMAGE`.
//!
//! The parts are in the directory of the manifest. The image appears only if the signature and every digest are correct.

use std::error::Error;
use std::io::{self, Write as _};
use std::path::Path;

use gumnut_bundle::{Existing, FolderSource, ImageFile, NoProgress, unbundle};
use gumnut_crypto::{Certificate, PrivateKey};
use gumnut_manifest::UntrustedManifest;
use gumnut_types::Limits;

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    let [manifest, certificate, key, image] = paths.as_slice() else {
        return Err("usage: restore MANIFEST CERTIFICATE PRIVATE-KEY IMAGE".into());
    };
    let size = restore(
        Path::new(manifest),
        &Certificate::from_pem(&fs_err::read(certificate)?)?,
        &PrivateKey::from_pem(&fs_err::read(key)?)?,
        Path::new(image),
    )?;
    Ok(writeln!(io::stdout(), "{image}: {size} bytes")?)
}

/// The size of the image.
pub(crate) fn restore(
    manifest: &Path,
    owner: &Certificate,
    key: &PrivateKey,
    image: &Path,
) -> Result<u64, Box<dyn Error>> {
    let limits = Limits::default();
    let untrusted = UntrustedManifest::parse(&fs_err::read(manifest)?, &limits)?;
    let signed = untrusted.verify(&[owner.public_key()])?;
    let parts = manifest.parent().ok_or("the manifest is a file")?;
    let mut parts = FolderSource::open(parts)?;
    let output = ImageFile::create(image, Existing::Refuse)?;
    let restored = unbundle(&signed.open(key)?, &mut parts, output, &limits, &NoProgress)?;
    Ok(restored.image_size)
}
