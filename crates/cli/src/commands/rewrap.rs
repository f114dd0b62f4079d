//! `gumnut rewrap`

use std::path::{Path, PathBuf};

use clap::Args;
use gumnut_bundle::{BundleError, Existing};
use gumnut_crypto::Certificate;
use gumnut_manifest::{OpenManifest, Rewrap as Changes, SignedManifest};
use gumnut_types::AccountId;
use serde_json::json;

use super::{Context, keys, trust};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use gumnut_settings::KeyFile;

/// Make a bundle's manifest for another cloud or another owner; the parts stay as they are.
///
/// Opens the bundle's key with the private key, wraps it for the new recipients, and signs the manifest again. The result
/// is a new manifest for the same parts; the old one is not touched.
#[derive(Args)]
#[command(after_help = "\
Example:
  gumnut rewrap old.manifest.xml --cloud-cert new-cloud-cert.pem -o moved.manifest.xml
  gumnut upload moved.manifest.xml -b bucket")]
pub(crate) struct Rewrap {
    /// The manifest
    manifest: PathBuf,
    /// Certificate of the cloud that shall open the bundle, instead of the one that could
    #[arg(long, value_name = "FILE", required_unless_present = "add_user_cert")]
    cloud_cert: Option<PathBuf>,
    /// Certificate of the user who shall open the bundle; the format has room for one
    ///
    /// If another user could open it, that one no longer can.
    #[arg(long, value_name = "FILE")]
    add_user_cert: Option<PathBuf>,
    /// Account number of the owner in the new cloud [default: as it was]
    #[arg(long, value_name = "ACCOUNT")]
    user: Option<AccountId>,
    /// Private key that signs, if it is not the one that opens the bundle
    #[arg(long, value_name = "FILE")]
    sign_with: Option<PathBuf>,
    /// The new manifest; beside the parts, so that they are found [default: PREFIX.rewrapped.manifest.xml]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Overwrite an existing file
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    trust: trust::Trust,
}

impl Rewrap {
    pub(crate) fn run(&self, context: &Context<'_>) -> Result<(), anyhow::Error> {
        let settings = context.settings()?;
        let manifest = trust::read_manifest(&self.manifest)?;
        trust::say_warnings(manifest.warnings());
        let key = self.trust.need_private_key(&settings)?;
        let open = self
            .trust
            .check(&settings, manifest, Some(&key))?
            .open(&key)?;
        let read = |path: &Option<PathBuf>, file| {
            let read = |path: &PathBuf| keys::read_certificate(file, path);
            path.as_ref().map(read).transpose()
        };
        let cloud = read(&self.cloud_cert, KeyFile::CloudCertificate)?;
        let user = read(&self.add_user_cert, KeyFile::Certificate)?;
        warn_of_replacing(&open, user.as_ref());
        let changes = Changes {
            cloud: cloud.as_ref().map(Certificate::public_key),
            user: user.as_ref().map(Certificate::public_key),
            account: self.user.as_ref(),
            kind: None,
        };
        let author = match &self.sign_with {
            Some(path) => keys::read_private_key(path)?,
            None => key,
        };
        let signed = open.rewrap(changes)?.sign(&author)?;
        let path = self.output.clone().unwrap_or_else(|| self.beside());
        self.refuse_own_files(&path, &signed)?;
        self.write(&path, signed.bytes())?;
        let json = json!({
            "manifest": path,
            "cloud_key": changes.cloud.map(gumnut_crypto::PublicKey::fingerprint),
            "user_key": changes.user.map(gumnut_crypto::PublicKey::fingerprint),
            "signed_by": author.public_key().fingerprint(),
        });
        context.output.result(&json, &path.display().to_string())
    }

    /// `PREFIX.rewrapped.manifest.xml` in the manifest's folder.
    fn beside(&self) -> PathBuf {
        let name = self.manifest.file_name().unwrap_or_default();
        let name = name.to_string_lossy();
        let stem = name.strip_suffix(".manifest.xml").unwrap_or(&name);
        let name = format!("{stem}.rewrapped.manifest.xml");
        self.manifest.with_file_name(name)
    }

    /// The old manifest and the parts are what is left when anything goes wrong.
    fn refuse_own_files(&self, path: &Path, signed: &SignedManifest) -> Result<(), Failure> {
        let canonical = |path: &Path| fs_err::canonicalize(path).ok();
        let is_manifest =
            canonical(path).is_some_and(|path| canonical(&self.manifest) == Some(path));
        let mut parts = signed.manifest().parts.iter();
        let is_part = parts.any(|part| path.file_name() == Some(part.name.as_str().as_ref()));
        if is_manifest || is_part {
            let message = format!("{} is a file of the bundle itself", path.display());
            return Err(Failure::new(Exit::Usage, message)
                .hint("choose another name with --output; the old manifest stays"));
        }
        Ok(())
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), BundleError> {
        let existing = if self.force {
            Existing::Replace
        } else {
            Existing::Refuse
        };
        gumnut_bundle::write_file(path, existing, bytes)
    }
}

fn warn_of_replacing(open: &OpenManifest, user: Option<&Certificate>) {
    if user.is_some() && open.manifest().keys.user.is_some() {
        Output::warn(
            "the bundle had a key for an owner already; that owner's private key does not open the new manifest",
        );
    }
}
