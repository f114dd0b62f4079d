//! `euca-unbundle`, `ec2-unbundle`, `euca-download-and-unbundle`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use gumnut_bundle::{Existing, ImageFile};
use gumnut_manifest::{BelievedManifest, SignatureStatus, TrustedManifest, UntrustedManifest};
use gumnut_settings::{KeyFile, Settings};
use gumnut_terminal::{Exit, Failure, Output, Stop, Watch, keys};
use gumnut_types::Limits;
use gumnut_workflows::{self as workflows, Download, LocalBundle, NoProgress};

use super::call::{Call, print};
use super::options::{AnyKeys, Calling, Calls, CapitalKeys, Service, given};
use super::selector::{self, Meaning, Selected, Selector};
use super::tool::Tool;

/// Options of everything that opens a bundle.
#[derive(Args)]
struct Opening {
    /// Private key that decrypts the bundle
    #[arg(short = 'k', long = "privatekey", value_name = "FILE")]
    private_key: Option<PathBuf>,
    /// Certificate that verifies the signature
    #[arg(short, long, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// Accept an invalid signature
    #[arg(long)]
    unverified: bool,
    /// Overwrite an existing image
    #[arg(long)]
    force: bool,
}

impl Opening {
    /// Opens a bundle whose parts are in `parts`. The old tools never looked at signatures; here a certificate that is set
    /// decides, and without one the state of the signature is reported.
    fn open(
        &self,
        settings: &Settings,
        manifest: UntrustedManifest,
        parts: &Path,
    ) -> Result<workflows::Unbundle, anyhow::Error> {
        Output::warn_all(manifest.warnings());
        let key = keys::private_key(settings, self.private_key.as_deref())?;
        let believed: BelievedManifest = match settings
            .key_file(KeyFile::Certificate, self.cert.as_deref())
        {
            Some(path) if !self.unverified => {
                let certificate = keys::read_certificate(KeyFile::Certificate, &path)?;
                manifest.verify(&[certificate.public_key()]).map_err(|error| {
                    Failure::new(Exit::Input, "the manifest is not trusted")
                        .because(error)
                        .hint(format!("{} must be the certificate of the bundle's owner; --unverified reads the manifest anyway", path.display()))
                })?.into()
            }
            _ => match manifest.signature_status(&[key.public_key()]) {
                SignatureStatus::Valid { .. } => manifest.verify(&[key.public_key()])?.into(),
                status => unverified(manifest, &status).into(),
            },
        };
        Ok(workflows::Unbundle::new(believed.open(&key)?, parts)?)
    }

    fn restore(
        &self,
        call: &Call,
        opened: workflows::Unbundle,
        target: &Path,
    ) -> Result<PathBuf, anyhow::Error> {
        let name = opened.manifest().manifest().name.to_string();
        let path = if target.is_dir() {
            target.join(name)
        } else {
            target.to_owned()
        };
        let existing = if self.force {
            Existing::Replace
        } else {
            Existing::Refuse
        };
        let file = ImageFile::create(&path, existing).map_err(|error| match error {
            error @ gumnut_bundle::BundleError::OutputExists { .. } => anyhow::Error::from(
                Failure::new(Exit::Input, "the image is not overwritten")
                    .because(error)
                    .hint("remove it, or pass --force"),
            ),
            error => error.into(),
        })?;
        if call.dialect.is_2010() {
            for part in &opened.manifest().manifest().parts {
                print(&format!("Part: {}", part.name));
            }
            print("Decrypting image");
            print("Uncompressing image");
        }
        let stop = Stop::on_interrupt().context("cannot watch for ^C")?;
        let signature = opened.manifest().believed().signature().as_str();
        let watch = Watch::new(&call.session.output, &stop, |_| {});
        let restored = opened.run(file, &*watch)?;
        call.say(&format!("the manifest's signature is {signature}"));
        Ok(restored.path)
    }
}

fn unverified(manifest: UntrustedManifest, status: &SignatureStatus) -> TrustedManifest {
    let why = match status {
        SignatureStatus::Unsigned => "the manifest is unsigned",
        _ => "no certificate of the bundle's owner is set",
    };
    Output::warn(format!("the manifest's signature was not checked: {why}"));
    manifest.trust_unverified(why)
}

/// Restore the image of a bundle
#[derive(Args)]
pub(super) struct Unbundle {
    /// The manifest
    #[arg(short, long, value_name = "FILE", required = true)]
    manifest: PathBuf,
    /// Directory of the parts
    #[arg(short, long, value_name = "DIR")]
    source: Option<PathBuf>,
    /// Directory of the image
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    destination: PathBuf,
    #[command(flatten)]
    opening: Opening,
    #[command(flatten)]
    calling: Calling<CapitalKeys>,
}

impl Tool for Unbundle {
    const SERVICE: Service = Service::S3;

    fn calling(&self) -> &dyn Calls {
        &self.calling
    }

    async fn run(self, call: &Call) -> Result<(), anyhow::Error> {
        let settings = call.session.settings()?;
        let parts = match &self.source {
            Some(source) => source.clone(),
            None if call.dialect.is_2010() => LocalBundle::new(&self.manifest).parts().to_owned(),
            None => PathBuf::from("."),
        };
        let manifest = LocalBundle::new(&self.manifest).manifest(&Limits::default())?;
        fs_err::create_dir_all(&self.destination)?;
        let opened = self.opening.open(&settings, manifest, &parts)?;
        let path = self.opening.restore(call, opened, &self.destination)?;
        if !call.dialect.is_2010() {
            print(&format!("Wrote {}", path.display()));
        }
        Ok(())
    }
}

/// Download a bundle from the object store and restore its image
#[derive(Args)]
pub(super) struct DownloadAndUnbundle {
    #[command(flatten)]
    selector: Selector,
    /// The image, its directory, or `-` for standard output
    #[arg(short, long, value_name = "FILE", default_value = ".")]
    destination: PathBuf,
    #[command(flatten)]
    opening: Opening,
    #[command(flatten)]
    calling: Calling<AnyKeys>,
}

impl Tool for DownloadAndUnbundle {
    const SERVICE: Service = Service::S3;

    fn calling(&self) -> &dyn Calls {
        &self.calling
    }

    fn meaningless(&self) -> Vec<&'static str> {
        given(&[("--yes", self.selector.yes)])
    }

    async fn run(self, call: &Call) -> Result<(), anyhow::Error> {
        let (local, location) = match self.selector.select(Meaning::Name, None)? {
            Selected::Stored(location) => (None, location),
            Selected::Local(path, location) => (Some(path), location),
            Selected::Prefix(prefix) => (None, self.selector.of_prefix(&prefix)?),
            Selected::All => {
                return Err(
                    super::report::unusable("only one image can be restored at a time").into(),
                );
            }
        };
        let session = &call.session;
        let settings = session.settings()?;
        let store = session.walrus(&settings)?;
        let (manifest, bytes) = selector::read(&store, local.as_deref(), &location).await?;
        let folder = self.folder()?;
        let download = Download::new(selector::stored(&store, &location), folder.path())
            .jobs(super::download::JOBS);
        let quiet = Arc::new(NoProgress);
        download.parts(&manifest, quiet).await?;
        let manifest = UntrustedManifest::parse(&bytes, &Limits::default())?;
        let opened = self.opening.open(&settings, manifest, folder.path())?;
        if self.to_stdout() {
            return write_checked(call, opened, folder.path());
        }
        let path = self.opening.restore(call, opened, &self.destination)?;
        print(&format!("Wrote {}", path.display()));
        Ok(())
    }
}

impl DownloadAndUnbundle {
    fn to_stdout(&self) -> bool {
        self.destination == Path::new("-")
    }

    /// A directory for the bundle, beside the image, where there is room for it.
    fn folder(&self) -> std::io::Result<tempfile::TempDir> {
        let beside = match self.destination.parent() {
            _ if self.to_stdout() => return tempfile::tempdir(),
            _ if self.destination.is_dir() => self.destination.as_path(),
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        tempfile::Builder::new()
            .prefix(".gumnut-")
            .tempdir_in(beside)
    }
}

/// Checks the whole bundle before its image goes to standard output.
fn write_checked(
    call: &Call,
    opened: workflows::Unbundle,
    parts: &Path,
) -> Result<(), anyhow::Error> {
    let session = &call.session;
    let stdout = session.output.stream()?;
    let again = workflows::Unbundle::new(opened.manifest().clone(), parts)?;
    let _ = opened.verify(&NoProgress)?;
    let stop = Stop::on_interrupt().context("cannot watch for ^C")?;
    let _ = again.stream(stdout, &*Watch::new(&session.output, &stop, |_| {}))?;
    Ok(())
}
