//! `gumnut verify`

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use gumnut_bundle::FolderSource;
use gumnut_manifest::{BelievedManifest, UntrustedManifest};
use gumnut_settings::Settings;
use gumnut_terminal::{Lines, Output, Session, Stop, Watch, block_on_or_stop, parts};
use gumnut_types::{ByteSize, Limits};
use gumnut_workflows::{self as workflows, BundleRef, LocalBundle};
use serde_json::{Value, json};

use super::trust;

/// Check a bundle without restoring it.
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
    #[arg(value_name = "MANIFEST|ID|BUCKET/KEY")]
    manifest: PathBuf,
    /// Directory of the parts [default: that of the manifest]
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
        match self.place(&settings) {
            Some(place) => self.stored(&work, &place),
            None => self.local(&work),
        }
    }

    /// The stored bundle that is meant, if it is one: files come first.
    fn place(&self, settings: &Settings) -> Option<BundleRef> {
        let text = self.manifest.to_str()?;
        let path = text.starts_with(['/', '.']) || self.manifest.exists();
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

    fn local(&self, work: &Work<'_>) -> Result<(), anyhow::Error> {
        let bundle = LocalBundle::new(&self.manifest).parts_in(self.parts.as_deref());
        let limits = Limits::default();
        let (signed, key) = self.believed(work, bundle.manifest(&limits)?)?;
        let mut source = FolderSource::open(bundle.parts())?;
        let verdict = Verdict::new(
            ("manifest", json!(self.manifest.to_string_lossy())),
            &signed,
        );
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
        verdict.tell(work.session, image_size)
    }

    fn stored(&self, work: &Work<'_>, place: &BundleRef) -> Result<(), anyhow::Error> {
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
        verdict.tell(work.session, image_size?)
    }
}

/// What is said when nothing was found wrong.
struct Verdict {
    bundle: (&'static str, Value),
    signature: &'static str,
    parts: usize,
    bundled_size: u64,
}

impl Verdict {
    fn new(bundle: (&'static str, Value), signed: &BelievedManifest) -> Self {
        Self {
            bundle,
            signature: signed.signature().as_str(),
            parts: signed.manifest().parts.len(),
            bundled_size: signed.manifest().bundled_size,
        }
    }

    fn tell(self, session: &Session, image_size: Option<u64>) -> Result<(), anyhow::Error> {
        let (name, bundle) = self.bundle;
        let json = json!({
            name: bundle,
            "signature": self.signature,
            "parts": self.parts,
            "bundled_size": self.bundled_size,
            "image_checked": image_size.is_some(),
            "image_size": image_size,
        });
        let image = match image_size {
            Some(size) => format!("the image ({}) is complete", ByteSize(size)),
            None => "the image was not checked, which needs the private key".to_owned(),
        };
        let text = format!(
            "signature {}, {} intact, {image}",
            self.signature,
            parts(self.parts)
        );
        session.output.result(&json, &Lines::one(text))
    }
}
