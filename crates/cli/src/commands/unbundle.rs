//! `gumnut unbundle`

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use gumnut_bundle::{Existing, FolderSource, ImageFile};
use gumnut_types::Limits;
use serde_json::json;

use super::{Context, trust};
use crate::exit::{Exit, Failure};
use crate::progress::Stop;

/// Restore the image of a bundle.
///
/// The image appears under its name only when the manifest's signature, every part, the size and the
/// image's digest have been checked. Holes come back as holes.
#[derive(Args)]
#[command(after_help = "\
Example:
  gumnut unbundle old.manifest.xml --private-key euca2-admin-pk.pem -o old.img")]
pub(crate) struct Unbundle {
    /// The manifest
    manifest: PathBuf,
    /// Folder of the parts [default: the manifest's]
    #[arg(long, value_name = "DIR")]
    parts: Option<PathBuf>,
    /// The restored image
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    trust: trust::Trust,
    /// Overwrite an existing file
    #[arg(long)]
    force: bool,
}

impl Unbundle {
    pub(crate) fn run(&self, context: &Context<'_>) -> Result<(), anyhow::Error> {
        let settings = context.settings()?;
        let manifest = trust::read_manifest(&self.manifest)?;
        trust::say_warnings(manifest.warnings());
        let key = self.trust.need_private_key(&settings)?;
        let signed = self.trust.check(&settings, manifest, Some(&key))?;
        let signature = signed.signature().as_str();
        let open = signed.open(&key)?;
        let folder = trust::parts_folder(&self.manifest, self.parts.as_deref());
        let mut source = FolderSource::open(&folder)?;
        self.refuse_inputs()?;
        let existing = if self.force {
            Existing::Replace
        } else {
            Existing::Refuse
        };
        let output = ImageFile::create(&self.output, existing)?;
        let stop = Stop::on_interrupt().context("cannot watch for ^C")?;
        let bar = context
            .output
            .bar("restoring", open.manifest().image_size)
            .stopped_by(&stop);
        let limits = Limits::default();
        let restored = gumnut_bundle::unbundle(&open, &mut source, output, &limits, &bar);
        bar.clear();
        let restored = restored?;
        let json = json!({
            "image": restored.path,
            "image_size": restored.image_size,
            "signature": signature,
        });
        context
            .output
            .result(&json, &restored.path.display().to_string())
    }

    /// The manifest must not be replaced by the image, not even with `--force`.
    fn refuse_inputs(&self) -> Result<(), Failure> {
        let canonical = |path: &Path| fs_err::canonicalize(path).ok();
        if canonical(&self.output).is_some_and(|output| canonical(&self.manifest) == Some(output)) {
            return Err(
                Failure::new(Exit::Usage, "the image would replace the manifest")
                    .hint("choose another name with --output"),
            );
        }
        Ok(())
    }
}
