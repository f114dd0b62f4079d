//! How a manifest on disk becomes one that is trusted.

use std::path::PathBuf;

use clap::Args;
use gumnut_crypto::{PrivateKey, PublicKey};
use gumnut_manifest::{BelievedManifest, SignatureStatus, UntrustedManifest};
use gumnut_settings::{KeyFile, Settings};
use gumnut_terminal::{Exit, Failure, Output, keys};

/// Options that say who may have signed.
#[derive(Args)]
pub(crate) struct Signer {
    /// Private key that decrypts the bundle, instead of `EC2_PRIVATE_KEY`
    #[arg(long, value_name = "FILE")]
    private_key: Option<PathBuf>,
    /// Certificate of the bundle's owner, which verifies the signature, instead of `EC2_CERT`
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,
}

/// Options that say whose word is trusted.
#[derive(Args)]
pub(crate) struct Trust {
    #[command(flatten)]
    signer: Signer,
    /// Accept a manifest without a valid signature
    ///
    /// Anyone could have written such a manifest. Digests are still checked, but they are part of the same manifest.
    #[arg(long)]
    unverified: bool,
}

impl Signer {
    /// Every available key that may have signed, and where it is from.
    pub(crate) fn known_keys(
        &self,
        settings: &Settings,
        key: Option<&PrivateKey>,
    ) -> Result<Vec<(PublicKey, String)>, Failure> {
        let mut known = Vec::new();
        if let Some(path) = settings.key_file(KeyFile::Certificate, self.cert.as_deref()) {
            let certificate = keys::read_certificate(KeyFile::Certificate, &path)?;
            let name = format!("the certificate of {}", certificate.subject());
            known.push((certificate.public_key().clone(), name));
        }
        let private = key.map(|key| (key.public_key().clone(), "the private key".to_owned()));
        known.extend(private);
        Ok(known)
    }

    /// The private key, if one is set anywhere.
    pub(crate) fn private_key(&self, settings: &Settings) -> Result<Option<PrivateKey>, Failure> {
        let path = settings.key_file(KeyFile::PrivateKey, self.private_key.as_deref());
        path.map(|path| keys::read_private_key(&path)).transpose()
    }

    /// The key that must have signed: the certificate's, or else the public half of the private key.
    pub(crate) fn public_key(
        &self,
        settings: &Settings,
        key: Option<&PrivateKey>,
    ) -> Result<Option<PublicKey>, Failure> {
        // A private key given by hand takes precedence over a certificate that is only in the settings.
        let by_hand = self.cert.is_none() && self.private_key.is_some();
        let certificate = if by_hand {
            None
        } else {
            settings.key_file(KeyFile::Certificate, self.cert.as_deref())
        };
        match (certificate, key) {
            (Some(path), _) => {
                let certificate = keys::read_certificate(KeyFile::Certificate, &path)?;
                Ok(Some(certificate.public_key().clone()))
            }
            (None, Some(key)) => Ok(Some(key.public_key().clone())),
            (None, None) => Ok(self
                .private_key(settings)?
                .map(|key| key.public_key().clone())),
        }
    }
}

impl Trust {
    /// The private key, if one is set anywhere. A certificate given by hand alone asks for a check
    /// without one.
    pub(crate) fn private_key(&self, settings: &Settings) -> Result<Option<PrivateKey>, Failure> {
        if self.signer.cert.is_some() && self.signer.private_key.is_none() {
            return Ok(None);
        }
        self.signer.private_key(settings)
    }

    /// The private key, which must be set somewhere.
    pub(crate) fn need_private_key(&self, settings: &Settings) -> Result<PrivateKey, Failure> {
        keys::private_key(settings, self.signer.private_key.as_deref())
    }

    /// Checks the signature, unless the user said that it does not matter.
    pub(crate) fn check(
        &self,
        settings: &Settings,
        manifest: UntrustedManifest,
        key: Option<&PrivateKey>,
    ) -> Result<BelievedManifest, anyhow::Error> {
        if self.unverified {
            Output::warn("the manifest's signature is not checked");
            let reason = "--unverified was given".to_owned();
            return Ok(gumnut_workflows::Trust::Unverified(reason).check(manifest)?);
        }
        let signer = self.signer.public_key(settings, key)?.ok_or_else(|| {
            Failure::new(
                Exit::Usage,
                "there is no certificate and no private key to check the signature with",
            )
            .hint("pass --cert FILE or --private-key FILE, or --unverified to skip the check")
        })?;
        if let Some(key) = key
            && manifest.opened_by(key).is_none()
            && manifest.signature_status(&[&signer]) == SignatureStatus::Invalid
        {
            // Neither for this key nor by it: what is wrong is the key, not the manifest.
            return Err(self.wrong_key(settings).into());
        }
        Ok(gumnut_workflows::Trust::Signer(signer).check(manifest)?)
    }

    fn wrong_key(&self, settings: &Settings) -> Failure {
        let path = settings.key_file(KeyFile::PrivateKey, self.signer.private_key.as_deref());
        let message = match path {
            Some(path) => format!(
                "the private key {} is not the one of this bundle",
                path.display()
            ),
            None => "the private key is not the one of this bundle".to_owned(),
        };
        Failure::new(Exit::Input, message).hint(
            "pass --private-key with the key of the account that made the bundle; `gumnut inspect MANIFEST` shows whose key decrypts it",
        )
    }
}
