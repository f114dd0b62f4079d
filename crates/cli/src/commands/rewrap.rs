//! `gumnut rewrap`

use std::path::{Path, PathBuf};

use clap::Args;
use gumnut_bundle::Existing;
use gumnut_crypto::{Certificate, PublicKey};
use gumnut_manifest::{OpenManifest, Rewrap as Changes};
use gumnut_settings::KeyFile;
use gumnut_terminal::{Failure, Lines, Output, Session, keys};
use gumnut_types::{AccountId, Limits};
use gumnut_workflows::LocalBundle;
use serde_json::json;

use super::trust;

/// Encrypt the keys of a bundle for another cloud or another owner; the parts do not change.
///
/// Decrypts the bundle's key with the private key, encrypts it for the new recipients, and signs the manifest again. The
/// result is a new manifest for the same parts; the old one is kept.
#[derive(Args)]
#[command(after_help = "\
Example:
  gumnut rewrap old.manifest.xml --cloud-cert new-cloud-cert.pem -o moved.manifest.xml
  gumnut upload moved.manifest.xml -b bucket")]
pub(crate) struct Rewrap {
    /// The manifest
    manifest: PathBuf,
    /// Certificate of the cloud that will decrypt the bundle, instead of the old one
    #[arg(long, value_name = "FILE", required_unless_present = "add_user_cert")]
    cloud_cert: Option<PathBuf>,
    /// Certificate of the user who will decrypt the bundle; a bundle can have one
    ///
    /// A user who could decrypt it before no longer can.
    #[arg(long, value_name = "FILE")]
    add_user_cert: Option<PathBuf>,
    /// Account number of the owner in the new cloud [default: as it was]
    #[arg(long, value_name = "ACCOUNT")]
    user: Option<AccountId>,
    /// Private key that signs [default: the one that decrypts the bundle]
    #[arg(long, value_name = "FILE")]
    sign_with: Option<PathBuf>,
    /// The new manifest, in the directory of the parts [default: PREFIX.rewrapped.manifest.xml]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Overwrite an existing file
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    trust: trust::Trust,
}

impl Rewrap {
    pub(crate) fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let settings = session.settings()?;
        let bundle = LocalBundle::new(&self.manifest);
        let manifest = bundle.manifest(&Limits::default())?;
        Output::warn_all(manifest.warnings());
        let key = self.trust.need_private_key(&settings)?;
        let open = self
            .trust
            .check(&settings, manifest, Some(&key))?
            .open(&key)?;
        let cloud = certificate(KeyFile::CloudCertificate, self.cloud_cert.as_deref())?;
        let user = certificate(KeyFile::Certificate, self.add_user_cert.as_deref())?;
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
        let path = self.output.clone().unwrap_or_else(|| self.beside());
        let existing = if self.force {
            Existing::Replace
        } else {
            Existing::Refuse
        };
        let rewrap = gumnut_workflows::Rewrap::new(&bundle, open, changes, &author);
        let _ = rewrap.run(&path, existing)?;
        let json = json!({
            "manifest": path.to_string_lossy(),
            "cloud_key": changes.cloud.map(PublicKey::fingerprint),
            "user_key": changes.user.map(PublicKey::fingerprint),
            "signed_by": author.public_key().fingerprint(),
        });
        session.output.result(&json, &Lines::one(path.display()))
    }

    /// `PREFIX.rewrapped.manifest.xml` in the manifest's directory.
    fn beside(&self) -> PathBuf {
        let name = self.manifest.file_name().unwrap_or_default();
        let text = name.to_string_lossy();
        let stem = text.strip_suffix(".manifest.xml").unwrap_or(&text);
        self.manifest
            .with_file_name(format!("{stem}.rewrapped.manifest.xml"))
    }
}

/// The certificate in a file, if one is named.
fn certificate(file: KeyFile, path: Option<&Path>) -> Result<Option<Certificate>, Failure> {
    path.map(|path| keys::read_certificate(file, path))
        .transpose()
}

fn warn_of_replacing(open: &OpenManifest, user: Option<&Certificate>) {
    if user.is_some() && open.manifest().keys.user.is_some() {
        Output::warn(
            "the bundle had a key for another owner, whose private key does not decrypt the new manifest",
        );
    }
}
