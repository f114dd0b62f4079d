//! `gumnut fetch`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use gumnut_bundle::{Existing, ImageFile};
use gumnut_disk_image::Conversion;
use gumnut_settings::Settings;
use gumnut_terminal::{Lines, Output, Session, Stop, Watch, block_on_or_stop};
use gumnut_types::{ByteSize, Limits};
use gumnut_workflows::{self as workflows, BundleRef, Fetched, Folder};
use serde_json::json;

use super::trust::Trust;
use super::unbundle::Format;

/// Download and restore an image.
///
/// Downloads the parts in parallel and restores the image at the same time. The file gets its name only when the
/// manifest's signature, every part, the size and the image's digest have been checked. Holes are restored as holes.
/// Parts are kept in FILE.gumnut-fetch until then: after an interruption, run the same command again to download only
/// what is missing.
#[derive(Args)]
#[command(after_help = "\
Examples:
  gumnut fetch emi-9FE813FD -o disk.img
  gumnut fetch image-bucket/disk.img.manifest.xml -o disk.qcow2 --format qcow2")]
pub(crate) struct Fetch {
    /// The image, or the manifest of its bundle
    #[arg(value_name = "ID|BUCKET/KEY")]
    image: BundleRef,
    /// The restored image
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Format of the restored image; formats other than raw need qemu-img
    #[arg(long, value_name = "FORMAT", default_value = "raw")]
    format: Format,
    /// Parts to download at the same time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: u8,
    #[command(flatten)]
    trust: Trust,
    /// Overwrite an existing file
    #[arg(long)]
    force: bool,
}

impl Fetch {
    pub(crate) fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let settings = session.settings()?;
        let stop = Stop::on_interrupt().context("cannot watch for ^C")?;
        let folder = Folder::open(&Folder::beside(&self.output))?;
        let target = self.target(folder.path())?;
        let fetched = self.fetch(session, &settings, &folder, target, &stop);
        if fetched.is_err() && folder.has_parts() {
            let path = folder.path().display();
            session.output.say(format!(
                "downloaded parts are kept in {path}; run the same command again to resume"
            ));
        }
        let (fetched, signature) = fetched?;
        folder.remove()?;
        let json = json!({
            "image": self.output.to_string_lossy(),
            "image_size": fetched.image_size,
            "signature": signature,
            "parts_fetched": fetched.parts_fetched,
            "parts_kept": fetched.parts_kept,
            "bytes_fetched": fetched.bytes_fetched,
        });
        session.output.say(format!(
            "the image ({}) is complete",
            ByteSize(fetched.image_size)
        ));
        session
            .output
            .result(&json, &Lines::one(self.output.display()))
    }

    /// Where the image goes: to its file, or first to a temporary one in the directory and from there to its own in another
    /// format.
    fn target(&self, folder: &Path) -> Result<(ImageFile, Option<Conversion>), anyhow::Error> {
        let existing = if self.force {
            Existing::Replace
        } else {
            Existing::Refuse
        };
        let Some(format) = self.format.converted() else {
            let file = ImageFile::create_in(&self.output, existing, folder)?;
            return Ok((file, None));
        };
        let conversion = Conversion::begin_in(&self.output, format, existing, folder)?;
        let raw = ImageFile::create(&conversion.raw(), Existing::Refuse)?;
        Ok((raw, Some(conversion)))
    }

    fn fetch(
        &self,
        session: &Session,
        settings: &Settings,
        folder: &Folder,
        (file, conversion): (ImageFile, Option<Conversion>),
        stop: &Stop,
    ) -> Result<(Fetched, &'static str), anyhow::Error> {
        let key = self.trust.need_private_key(settings)?;
        let limits = Limits::default();
        let find = async {
            let cloud = session.cloud_of(&self.image, settings)?;
            let bundle = cloud.find(&self.image).await?;
            let manifest = bundle.manifest(&limits).await?;
            Ok((bundle, manifest))
        };
        let (bundle, manifest) = block_on_or_stop(find, stop)?;
        Output::warn_all(manifest.warnings());
        let signed = self.trust.check(settings, manifest, Some(&key))?;
        let signature = signed.signature().as_str();
        let fetch = workflows::Fetch::new(bundle, signed.open(&key)?)
            .jobs(usize::from(self.jobs))
            .limits(limits);
        let watch = Watch::new(&session.output, stop, |_| {});
        let work = async { Ok(fetch.run(folder, file, Arc::clone(&watch) as _).await?) };
        let done = block_on_or_stop(work, stop);
        watch.clear();
        let fetched = done?;
        if let Some(conversion) = conversion {
            conversion.finish()?;
        }
        Ok((fetched, signature))
    }
}
