//! Reads a manifest, and says what it describes once its signature has been found good.
//!
//! `cargo run -p gumnut-manifest --example verify -- MANIFEST CERTIFICATE`

use std::error::Error;
use std::io::Write as _;
use std::{env, io};

use gumnut_crypto::Certificate;
use gumnut_manifest::UntrustedManifest;
use gumnut_types::Limits;

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<String> = env::args().skip(1).collect();
    let [manifest, certificate] = paths.as_slice() else {
        return Err("usage: verify MANIFEST CERTIFICATE".into());
    };
    let line = describe(&fs_err::read(manifest)?, &fs_err::read(certificate)?)?;
    Ok(writeln!(io::stdout(), "{line}")?)
}

/// An error when the owner of this certificate has not signed it.
pub(crate) fn describe(manifest: &[u8], certificate: &[u8]) -> Result<String, Box<dyn Error>> {
    let author = Certificate::from_pem(certificate)?;
    let untrusted = UntrustedManifest::parse(manifest, &Limits::default())?;
    let signed = untrusted.verify(&[author.public_key()])?;
    let image = signed.manifest();
    let (name, size, parts) = (&image.name, image.image_size, image.parts.len());
    Ok(format!("{name}: {size} bytes in {parts} parts"))
}
