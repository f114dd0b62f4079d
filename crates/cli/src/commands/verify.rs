//! `gumnut verify`

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use gumnut_bundle::FolderSource;
use gumnut_types::{ByteSize, Limits};
use serde_json::json;

use super::{Context, trust};
use crate::progress::Stop;

/// Check a bundle without restoring it.
///
/// Checks the manifest's signature and every part's size and digest. With the private key it also checks
/// everything inside: decryption, compression, the image's size and digest.
#[derive(Args)]
pub(crate) struct Verify {
    /// The manifest
    manifest: PathBuf,
    /// Folder of the parts [default: the manifest's]
    #[arg(long, value_name = "DIR")]
    parts: Option<PathBuf>,
    #[command(flatten)]
    trust: trust::Trust,
}

impl Verify {
    pub(crate) fn run(&self, context: &Context<'_>) -> Result<(), anyhow::Error> {
        let settings = context.settings()?;
        let manifest = trust::read_manifest(&self.manifest)?;
        trust::say_warnings(manifest.warnings());
        let key = self.trust.private_key(&settings)?;
        let signed = self.trust.check(&settings, manifest, key.as_ref())?;
        let folder = trust::parts_folder(&self.manifest, self.parts.as_deref());
        let mut source = FolderSource::open(&folder)?;
        let stop = Stop::on_interrupt().context("cannot watch for ^C")?;
        let limits = Limits::default();
        let signature = signed.signature().as_str();
        let (parts, bundled_size) = (
            signed.manifest().parts.len(),
            signed.manifest().bundled_size,
        );
        let image_size = if let Some(key) = key {
            let open = signed.open(&key)?;
            let size = open.manifest().image_size;
            let bar = context.output.bar("verifying", size).stopped_by(&stop);
            let checked = gumnut_bundle::verify(&open, &mut source, &limits, &bar);
            bar.clear();
            Some(checked?.image_size)
        } else {
            let bar = context
                .output
                .bar("verifying", bundled_size)
                .stopped_by(&stop);
            let checked = gumnut_bundle::verify_parts(&signed, &mut source, &limits, &bar);
            bar.clear();
            checked?;
            None
        };
        let json = json!({
            "manifest": self.manifest,
            "signature": signature,
            "parts": parts,
            "bundled_size": bundled_size,
            "image_checked": image_size.is_some(),
            "image_size": image_size,
        });
        let image = match image_size {
            Some(size) => format!("the image ({}) is whole", ByteSize(size)),
            None => "the image was not looked at, which needs the private key".to_owned(),
        };
        let text = format!(
            "signature {signature}, {} whole, {image}",
            crate::output::parts(parts)
        );
        context.output.result(&json, &text)
    }
}
