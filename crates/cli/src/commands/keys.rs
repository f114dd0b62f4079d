//! Options of the keys that bundles are made with.

use std::path::PathBuf;

use clap::Args;
use gumnut_settings::{KeyFile, Settings, SettingsError};
use gumnut_terminal::{Exit, Failure, Session, block_on, keys};
use gumnut_types::AccountId;
use gumnut_workflows::Keys;

/// Options of the keys that bundles are made with.
#[derive(Args)]
pub(crate) struct KeyOptions {
    /// Account number of the owner, instead of `EC2_USER_ID`
    #[arg(long, value_name = "ACCOUNT")]
    user: Option<AccountId>,
    /// The user's certificate, instead of `EC2_CERT`
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// The user's private key, which signs the manifest, instead of `EC2_PRIVATE_KEY`
    #[arg(long, value_name = "FILE")]
    private_key: Option<PathBuf>,
    /// The cloud's certificate, instead of `EUCALYPTUS_CERT`; if neither is set, it is requested from `EUCA_BOOTSTRAP_URL`
    #[arg(long, value_name = "FILE")]
    cloud_cert: Option<PathBuf>,
}

impl KeyOptions {
    /// The owner's account number.
    pub(crate) fn account(&self, settings: &Settings) -> Result<AccountId, SettingsError> {
        settings.account(self.user.as_ref())
    }

    /// The keys, which must be set somewhere and fit together. The cloud may be asked for its own.
    pub(crate) fn keys(
        &self,
        session: &Session,
        settings: &Settings,
    ) -> Result<Keys, anyhow::Error> {
        let user = keys::certificate(settings, KeyFile::Certificate, self.cert.as_deref())?;
        let private_key = keys::private_key(settings, self.private_key.as_deref())?;
        let file = KeyFile::CloudCertificate;
        let cloud = match settings.key_file(file, self.cloud_cert.as_deref()) {
            Some(path) => keys::read_certificate(file, &path)?,
            None => block_on(session.cloud_certificate(settings, None))?,
        };
        let own = cloud.public_key() == user.public_key();
        let keys = Keys::new(private_key, Some(user), cloud)?;
        if own {
            let message = "the certificate given as that of the cloud is your own, so the cloud could not decrypt the bundle";
            return Err(Failure::new(Exit::Input, message)
                .hint("pass --cloud-cert with the certificate of the cloud, cloud-cert.pem in its credentials")
                .into());
        }
        Ok(keys)
    }
}
