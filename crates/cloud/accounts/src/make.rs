//! Making keys, certificates and rows.

use std::time::{Duration, SystemTime};

use data_encoding::HEXLOWER;
use gumnut_cloud_catalogue::{Account, Clock, NewCertificate, NewUser};
use gumnut_crypto::{Certificate, CertificateSpec, PrivateKey};
use gumnut_types::{AccountId, SecretString};
use zeroize::Zeroizing;

use crate::secrets::{CLOUD, joined, of_user};
use crate::{AccountsError, Secrets};

/// Size of RSA keys, as Eucalyptus makes them.
pub(crate) const KEY_BITS: usize = 2048;
/// Life of certificates: ten years.
const VALIDITY: Duration = Duration::from_hours(24 * 3650);

/// Makes the cloud's key and certificate, unless they are there.
pub(crate) fn cloud_keys(secrets: &Secrets, clock: &Clock) -> Result<(), AccountsError> {
    if secrets.find(CLOUD)?.is_some() {
        return Ok(());
    }
    let key = PrivateKey::generate(KEY_BITS)?;
    let certificate = certificate(&key, "cloud", clock)?;
    let pem = joined(&key.to_pem()?, &certificate.to_pem()?);
    secrets.keep(CLOUD, pem.as_bytes()).map(drop)
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

/// The names of the files of a user's key and certificate, named after the key as the old console did.
pub(crate) fn user_files(user: &str, fingerprint: &str) -> [String; 2] {
    let digits: String = fingerprint
        .chars()
        .filter(char::is_ascii_hexdigit)
        .take(8)
        .collect();
    let base = format!("euca2-{user}-{}", digits.to_ascii_lowercase());
    [format!("{base}-pk.pem"), format!("{base}-cert.pem")]
}

/// Makes a certificate for a user's key and keeps the key; a row is to have the certificate.
pub(crate) fn certify(
    secrets: &Secrets,
    user: &str,
    key: &PrivateKey,
    clock: &Clock,
) -> Result<NewCertificate, AccountsError> {
    let pem = certificate(key, user, clock)?.to_pem()?;
    let fingerprint = key.public_key().fingerprint();
    secrets.keep(&of_user(&fingerprint), key.to_pem()?.as_bytes())?;
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
    let bytes = Zeroizing::new(random::<N>()?);
    Ok(SecretString::new(
        bytes
            .iter()
            .map(|byte| char::from(alphabet[usize::from(*byte) & (alphabet.len() - 1)]))
            .collect::<String>(),
    ))
}
