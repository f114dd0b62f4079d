//! Keys and certificates from files, with the warnings they deserve.

use std::path::Path;
use std::time::SystemTime;

use gumnut_crypto::{BundleIv, BundleKey, Certificate, CryptoError, PrivateKey};
use gumnut_settings::{KeyFile, Settings};
use zeroize::Zeroizing;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::read_bounded;
use crate::output::Output;

/// Largest PEM file that is read, in bytes: a chain of certificates fits.
const MAX_PEM: u64 = 1 << 20;

/// Largest file of a bundle's key, in bytes: its digits and some blanks.
const MAX_SECRET: u64 = 100;

/// The user's private key, from the file that `option` names, else the settings.
///
/// # Errors
/// When neither names one, or its file is none of a private key.
pub fn private_key(settings: &Settings, option: Option<&Path>) -> Result<PrivateKey, Failure> {
    let path = settings.need_key_file(KeyFile::PrivateKey, option)?;
    read_private_key(&path)
}

/// The private key in one file. Warns when other users of the machine may read the file.
///
/// # Errors
/// When the file cannot be read, or holds no private key.
pub fn read_private_key(path: &Path) -> Result<PrivateKey, Failure> {
    let key = load_private_key(path)?;
    if is_readable_by_others(path) {
        let path = path.display();
        Output::warn(format!(
            "other users may read {path}; run: chmod 600 {path}"
        ));
    }
    Ok(key)
}

/// The private key in one file, without a word about who may read it.
///
/// # Errors
/// When the file cannot be read, or holds no private key.
pub fn load_private_key(path: &Path) -> Result<PrivateKey, Failure> {
    let pem = Zeroizing::new(read_bounded("private key", path, MAX_PEM)?);
    PrivateKey::from_pem(&pem).map_err(|error| unusable("private key", path, error))
}

/// A certificate, from the file that `option` names, else the settings.
///
/// # Errors
/// When neither names one, or its file is none of a certificate.
pub fn certificate(
    settings: &Settings,
    file: KeyFile,
    option: Option<&Path>,
) -> Result<Certificate, Failure> {
    let path = settings.need_key_file(file, option)?;
    read_certificate(file, &path)
}

/// The certificate in one file. Warns when it has expired.
///
/// # Errors
/// When the file cannot be read, or holds no certificate.
pub fn read_certificate(file: KeyFile, path: &Path) -> Result<Certificate, Failure> {
    let certificate = load_certificate(file, path)?;
    if certificate.is_expired_at(SystemTime::now()) {
        let path = path.display();
        Output::warn(format!(
            "the {file} {path} has expired; clouds still accept bundles made with it"
        ));
    }
    Ok(certificate)
}

/// The certificate in one file, without a word about its age.
///
/// # Errors
/// When the file cannot be read, or holds no certificate.
pub fn load_certificate(file: KeyFile, path: &Path) -> Result<Certificate, Failure> {
    let what = file.to_string();
    let pem = read_bounded(&what, path, MAX_PEM)?;
    Certificate::from_pem(&pem).map_err(|error| unusable(&what, path, error))
}

/// The key and the iv of a bundle, from files with their hex digits.
///
/// # Errors
/// When a file cannot be read, or holds something else.
pub fn read_secrets(key: &Path, iv: &Path) -> Result<(BundleKey, BundleIv), Failure> {
    let key_text = Zeroizing::new(read_bounded("bundle key", key, MAX_SECRET)?);
    let iv_text = Zeroizing::new(read_bounded("bundle iv", iv, MAX_SECRET)?);
    Ok((
        BundleKey::from_hex(&key_text).map_err(|error| unusable("bundle key", key, error))?,
        BundleIv::from_hex(&iv_text).map_err(|error| unusable("bundle iv", iv, error))?,
    ))
}

fn unusable(what: &str, path: &Path, error: CryptoError) -> Failure {
    let message = format!("cannot use {} as {what}", path.display());
    Failure::new(Exit::Input, message).because(error)
}

/// Whether the mode of a file lets others read it.
pub fn is_readable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs_err::metadata(path).map(|metadata| metadata.permissions().mode());
    mode.is_ok_and(|mode| mode & 0o077 != 0)
}
