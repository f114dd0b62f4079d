//! `gumnut verify`

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use gumnut_bundle::FolderSource;
use gumnut_manage::{Each, once_each};
use gumnut_manifest::{BelievedManifest, UntrustedManifest};
use gumnut_settings::Settings;
use gumnut_terminal::{
    Exit, Failure, Lines, Output, Session, Stop, Watch, block_on_or_stop, parts,
};
use gumnut_types::{ByteSize, Limits};
use gumnut_workflows::{self as workflows, BundleRef, LocalBundle};
use serde_json::{Value, json};

use super::trust;

/// Check bundles without restoring them.
///
/// Checks the manifest's signature and every part's size and digest. With the private key it also checks the content:
/// decryption, compression, size and digest of the image. A stored bundle is read from the object store and not written
/// to disk.
#[derive(Args)]
#[command(after_help = "\
Examples:
  gumnut verify bundle/disk.img.manifest.xml
  gumnut verify emi-9FE813FD
  gumnut verify image-bucket/disk.img.manifest.xml --cert euca2-admin-cert.pem")]
pub(crate) struct Verify {
    /// The manifest's file; if there is no such file, an image or the location of a stored manifest
    #[arg(value_name = "MANIFEST|ID|BUCKET/KEY", required = true)]
    bundles: Vec<PathBuf>,
    /// Directory of the parts of a single bundle [default: that of the manifest]
    #[arg(long, value_name = "DIR")]
    parts: Option<PathBuf>,
    /// Parts of a stored bundle to read at the same time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: u8,
    #[command(flatten)]
    trust: trust::Trust,
}

/// What every step needs.
struct Work<'a> {
    settings: &'a Settings,
    stop: Stop,
    session: &'a Session,
}

impl Verify {
    pub(crate) fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let settings = session.settings()?;
        let stop = Stop::on_interrupt().context("cannot watch for ^C")?;
        let work = Work {
            settings: &settings,
            stop,
            session,
        };
        let bundles = once_each(&self.bundles);
        if self.parts.is_some() && bundles.len() > 1 {
            let message = "--parts names the directory of one bundle";
            return Err(Failure::new(Exit::Usage, message)
                .hint("verify the bundles one after another")
                .into());
        }
        let mut each = Each::of(bundles.len());
        for bundle in &bundles {
            let checked = match self.place(bundle, &settings) {
                Some(place) => self.stored(&work, &place),
                None => self.local(&work, bundle),
            };
            let name = (bundles.len() > 1).then(|| bundle.display());
            let shown = checked.map(|verdict| verdict.shown(name));
            if !each.note(&bundle.display(), shown) {
                break;
            }
        }
        each.finish_alike(session)
    }

    /// The stored bundle that is meant, if it is one: files come first.
    fn place(&self, bundle: &Path, settings: &Settings) -> Option<BundleRef> {
        let text = bundle.to_str()?;
        let path = text.starts_with(['/', '.']) || bundle.exists();
        if path || self.parts.is_some() {
            return None;
        }
        let place = text.parse().ok()?;
        // Without a cloud, a location can only be a file that is not there.
        settings.s3_url().is_ok().then_some(place)
    }

    fn believed(
        &self,
        work: &Work<'_>,
        manifest: UntrustedManifest,
    ) -> Result<(BelievedManifest, Option<gumnut_crypto::PrivateKey>), anyhow::Error> {
        Output::warn_all(manifest.warnings());
        let key = self.trust.private_key(work.settings)?;
        let signed = self.trust.check(work.settings, manifest, key.as_ref())?;
        Ok((signed, key))
    }

    fn local(&self, work: &Work<'_>, manifest: &Path) -> Result<Verdict, anyhow::Error> {
        let bundle = LocalBundle::new(manifest).parts_in(self.parts.as_deref());
        let limits = Limits::default();
        let (signed, key) = self.believed(work, bundle.manifest(&limits)?)?;
        let mut source = FolderSource::open(bundle.parts())?;
        let verdict = Verdict::new(("manifest", json!(manifest.to_string_lossy())), &signed);
        let watch = Watch::new(&work.session.output, &work.stop, |_| {});
        let image_size = if let Some(key) = key {
            let open = signed.open(&key)?;
            watch.show(
                "verifying",
                "comparing digests",
                open.manifest().bundled_size,
            );
            let checked = gumnut_bundle::verify(&open, &mut source, &limits, &*watch);
            watch.clear();
            Some(checked?.image_size)
        } else {
            watch.show(
                "verifying",
                "comparing digests",
                signed.manifest().bundled_size,
            );
            let checked = gumnut_bundle::verify_parts(&signed, &mut source, &limits, &*watch);
            watch.clear();
            checked?;
            None
        };
        Ok(verdict.with_image(image_size))
    }

    fn stored(&self, work: &Work<'_>, place: &BundleRef) -> Result<Verdict, anyhow::Error> {
        let limits = Limits::default();
        let find = async {
            let cloud = work.session.cloud_of(place, work.settings)?;
            let bundle = cloud.find(place).await?;
            let manifest = bundle.manifest(&limits).await?;
            Ok((bundle, manifest))
        };
        let (bundle, manifest) = block_on_or_stop(find, &work.stop)?;
        let (signed, key) = self.believed(work, manifest)?;
        let location = json!(bundle.location.to_string());
        let verdict = Verdict::new(("location", location), &signed);
        let verify = workflows::Verify::new(bundle)
            .jobs(usize::from(self.jobs))
            .limits(limits);
        let watch = Watch::new(&work.session.output, &work.stop, |_| {});
        let check = async {
            Ok(if let Some(key) = key {
                let open = signed.open(&key)?;
                let checked = verify.image(&open, Arc::clone(&watch) as _).await?;
                Some(checked.image_size)
            } else {
                verify.parts(&signed, Arc::clone(&watch) as _).await?;
                None
            })
        };
        let image_size = block_on_or_stop(check, &work.stop);
        watch.clear();
        Ok(verdict.with_image(image_size?))
    }
}

/// What is said when nothing was found wrong.
struct Verdict {
    bundle: (&'static str, Value),
    signature: &'static str,
    parts: usize,
    bundled_size: u64,
    /// `None`: the image was not checked.
    image_size: Option<u64>,
}

impl Verdict {
    fn new(bundle: (&'static str, Value), signed: &BelievedManifest) -> Self {
        Self {
            bundle,
            signature: signed.signature().as_str(),
            parts: signed.manifest().parts.len(),
            bundled_size: signed.manifest().bundled_size,
            image_size: None,
        }
    }

    fn with_image(self, image_size: Option<u64>) -> Self {
        Self { image_size, ..self }
    }

    /// As JSON and as a line, which begins with the name of the bundle where there are several.
    fn shown(self, bundle_name: Option<impl Display>) -> (Value, Lines) {
        let (name, bundle) = self.bundle;
        let json = json!({
            name: bundle,
            "signature": self.signature,
            "parts": self.parts,
            "bundled_size": self.bundled_size,
            "image_checked": self.image_size.is_some(),
            "image_size": self.image_size,
        });
        let image = match self.image_size {
            Some(size) => format!("the image ({}) is complete", ByteSize(size)),
            None => "the image was not checked, which needs the private key".to_owned(),
        };
        let text = format!(
            "signature {}, {} intact, {image}",
            self.signature,
            parts(self.parts)
        );
        let line = bundle_name.map(|name| name.to_string()).into_iter();
        (json, [line.chain([text])].into_iter().collect())
    }
}
