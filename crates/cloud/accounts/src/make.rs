//! Making keys, certificates and rows.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use data_encoding::HEXLOWER;
use gumnut_cloud_catalogue::{Account, Clock, NewCertificate, NewUser};
use gumnut_crypto::{Certificate, CertificateSpec, PrivateKey};
use gumnut_types::{AccountId, SecretString};

use crate::{AccountsError, files};

/// Size of RSA keys, as Eucalyptus makes them.
pub(crate) const KEY_BITS: usize = 2048;
/// Life of certificates: ten years.
const VALIDITY: Duration = Duration::from_hours(24 * 3650);

/// Makes the cloud's key and certificate, unless they are there.
pub(crate) fn cloud_keys(folder: &Path, clock: &Clock) -> Result<(), AccountsError> {
    if folder.join(files::CLOUD_CERTIFICATE).exists() {
        return Ok(());
    }
    let key = PrivateKey::generate(KEY_BITS)?;
    let certificate = certificate(&key, "cloud", clock)?;
    files::write(&folder.join(files::CLOUD_KEY), key.to_pem()?.as_bytes())?;
    files::write(
        &folder.join(files::CLOUD_CERTIFICATE),
        certificate.to_pem()?.as_bytes(),
    )
}

fn certificate(key: &PrivateKey, name: &str, clock: &Clock) -> Result<Certificate, AccountsError> {
    let now = SystemTime::from(clock.now());
    let spec = CertificateSpec {
        common_name: name,
        not_before: now,
        not_after: now + VALIDITY,
    };
    Ok(Certificate::self_signed(key, &spec)?)
}

/// The files of a user's key and certificate, named after the key as the old console did.
pub(crate) fn user_files(folder: &Path, user: &str, fingerprint: &str) -> [PathBuf; 2] {
    let digits: String = fingerprint
        .chars()
        .filter(char::is_ascii_hexdigit)
        .take(8)
        .collect();
    let base = format!("euca2-{user}-{}", digits.to_ascii_lowercase());
    [
        folder.join(format!("{base}-pk.pem")),
        folder.join(format!("{base}-cert.pem")),
    ]
}

/// Makes a certificate for a user's key and writes both to files; a row is to name them.
pub(crate) fn certify(
    folder: &Path,
    user: &str,
    key: &PrivateKey,
    clock: &Clock,
) -> Result<NewCertificate, AccountsError> {
    let pem = certificate(key, user, clock)?.to_pem()?;
    let fingerprint = key.public_key().fingerprint();
    let [key_file, certificate_file] = user_files(folder, user, &fingerprint);
    files::write(&key_file, key.to_pem()?.as_bytes())?;
    files::write(&certificate_file, pem.as_bytes())?;
    Ok(NewCertificate { pem, fingerprint })
}

/// A user with a new access key, in an account.
pub(crate) fn user(account: Account, name: &str, admin: bool) -> Result<NewUser, AccountsError> {
    let letters_of_key = letters::<17>(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")?;
    let secret_key =
        letters::<40>(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789ab")?;
    Ok(NewUser {
        account,
        name: name.to_owned(),
        admin,
        access_key: format!("AKI{}", letters_of_key.expose()),
        secret_key,
        certificate: None,
    })
}

/// A new account with a random number and canonical user id.
pub(crate) fn account(name: &str) -> Result<Account, AccountsError> {
    Ok(Account {
        number: account_number()?,
        name: name.to_owned(),
        canonical_id: HEXLOWER.encode(&random::<32>()?),
        email: None,
    })
}

/// A random account number.
fn account_number() -> Result<AccountId, AccountsError> {
    let number = u64::from_le_bytes(random()?) % 1_000_000_000_000;
    // Twelve digits are an account number.
    Ok(format!("{number:012}")
        .parse()
        .unwrap_or_else(|_| unreachable!("twelve digits")))
}

fn random<const N: usize>() -> Result<[u8; N], AccountsError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(AccountsError::Random)?;
    Ok(bytes)
}

/// Random letters of an alphabet whose length is a power of two, so that none is likelier than another.
fn letters<const N: usize>(alphabet: &[u8]) -> Result<SecretString, AccountsError> {
    let bytes = zeroize::Zeroizing::new(random::<N>()?);
    Ok(SecretString::new(
        bytes
            .iter()
            .map(|byte| char::from(alphabet[usize::from(*byte) & (alphabet.len() - 1)]))
            .collect::<String>(),
    ))
}
