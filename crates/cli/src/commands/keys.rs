//! Keys and certificates from files, with the warnings they deserve.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;
use gumnut_crypto::{BundleIv, BundleKey, Certificate, PrivateKey};
use gumnut_types::AccountId;
use gumnut_workflows::Keys;
use zeroize::Zeroizing;

use super::{Context, read_bounded, remote};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use gumnut_settings::{KeyFile, Settings, SettingsError};

/// Largest PEM file that is read, in bytes: a chain of certificates fits.
const MAX_PEM: u64 = 1 << 20;

/// Largest file of a bundle's key, in bytes: its digits and some blanks.
const MAX_SECRET: u64 = 100;

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
    /// The cloud's certificate, instead of `EUCALYPTUS_CERT`; without either, `EUCA_BOOTSTRAP_URL` is asked
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
        context: &Context<'_>,
        settings: &Settings,
    ) -> Result<Keys, anyhow::Error> {
        let user = certificate(settings, KeyFile::Certificate, self.cert.as_deref())?;
        let private_key = private_key(settings, self.private_key.as_deref())?;
        let cloud = KeyFile::CloudCertificate;
        let cloud = match settings.key_file(cloud, self.cloud_cert.as_deref()) {
            Some(path) => read_certificate(cloud, &path)?,
            None => remote::block_on(remote::cloud_certificate(context, settings, None))?,
        };
        Ok(Keys::new(private_key, Some(user), cloud)?)
    }
}

/// The user's private key, which must be set somewhere.
pub(crate) fn private_key(
    settings: &Settings,
    option: Option<&Path>,
) -> Result<PrivateKey, Failure> {
    let path = settings.need_key_file(KeyFile::PrivateKey, option)?;
    read_private_key(&path)
}

/// The private key in one file.
pub(crate) fn read_private_key(path: &Path) -> Result<PrivateKey, Failure> {
    let key = load_private_key(path)?;
    if is_readable_by_others(path) {
        let path = path.display();
        Output::warn(format!(
            "other users may read {path}; run: chmod 600 {path}"
        ));
    }
    Ok(key)
}

/// The same without a warning.
pub(crate) fn load_private_key(path: &Path) -> Result<PrivateKey, Failure> {
    let pem = Zeroizing::new(read_bounded("private key", path, MAX_PEM)?);
    PrivateKey::from_pem(&pem).map_err(|error| unusable("private key", path, error))
}

/// A certificate, which must be set somewhere.
pub(crate) fn certificate(
    settings: &Settings,
    file: KeyFile,
    option: Option<&Path>,
) -> Result<Certificate, Failure> {
    let path = settings.need_key_file(file, option)?;
    read_certificate(file, &path)
}

/// The certificate in one file.
pub(crate) fn read_certificate(file: KeyFile, path: &Path) -> Result<Certificate, Failure> {
    let certificate = load_certificate(file, path)?;
    if certificate.is_expired_at(SystemTime::now()) {
        let (what, path) = (file, path.display());
        Output::warn(format!(
            "the {what} {path} has expired; it still carries a key, so clouds take bundles made with it"
        ));
    }
    Ok(certificate)
}

/// The same without a warning.
pub(crate) fn load_certificate(file: KeyFile, path: &Path) -> Result<Certificate, Failure> {
    let what = file.to_string();
    let pem = read_bounded(&what, path, MAX_PEM)?;
    Certificate::from_pem(&pem).map_err(|error| unusable(&what, path, error))
}

/// The key and the iv of a bundle, from files with their hex digits.
pub(crate) fn read_secrets(key: &Path, iv: &Path) -> Result<(BundleKey, BundleIv), Failure> {
    let read = |what, path| read_bounded(what, path, MAX_SECRET).map(Zeroizing::new);
    let (key_text, iv_text) = (read("bundle key", key)?, read("bundle iv", iv)?);
    Ok((
        BundleKey::from_hex(&key_text).map_err(|error| unusable("bundle key", key, error))?,
        BundleIv::from_hex(&iv_text).map_err(|error| unusable("bundle iv", iv, error))?,
    ))
}

fn unusable(what: &str, path: &Path, error: gumnut_crypto::CryptoError) -> Failure {
    Failure::new(
        Exit::Input,
        format!("cannot use {} as {what}", path.display()),
    )
    .because(error)
}

/// Whether the mode of a file lets others read it.
pub(crate) fn is_readable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs_err::metadata(path).map(|metadata| metadata.permissions().mode());
    mode.is_ok_and(|mode| mode & 0o077 != 0)
}
