//! Making keys, certificates and rows.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use data_encoding::HEXLOWER;
use gumnut_crypto::{Certificate, CertificateSpec, PrivateKey};
use gumnut_types::{AccountId, SecretString};
use rusqlite::{Transaction, params};

use super::files;
use crate::catalogue::Catalogue;
use crate::{Clock, CloudError};

/// Size of RSA keys, as Eucalyptus makes them.
pub(super) const KEY_BITS: usize = 2048;
/// Life of certificates: ten years.
const VALIDITY: Duration = Duration::from_hours(24 * 3650);

/// A user with an account, which is made when there is none of its number.
#[derive(Debug)]
pub(crate) struct NewAccount {
    pub(crate) number: AccountId,
    pub(crate) name: String,
    pub(crate) user: String,
    pub(crate) admin: bool,
    pub(crate) key: PrivateKey,
}

/// Makes the cloud's key and certificate, unless they are there.
pub(super) fn cloud_keys(folder: &Path, clock: &Clock) -> Result<(), CloudError> {
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

fn certificate(key: &PrivateKey, name: &str, clock: &Clock) -> Result<Certificate, CloudError> {
    let now = SystemTime::from(clock.now());
    let spec = CertificateSpec {
        common_name: name,
        not_before: now,
        not_after: now + VALIDITY,
    };
    Ok(Certificate::self_signed(key, &spec)?)
}

/// The files of a user's key and certificate, named after the key as the old console did.
pub(super) fn user_files(folder: &Path, user: &str, fingerprint: &str) -> [PathBuf; 2] {
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

/// Adds a user with an access key and a certificate.
pub(crate) fn add(
    folder: &Path,
    catalogue: &Catalogue,
    clock: &Clock,
    account: &NewAccount,
) -> Result<(), CloudError> {
    let certificate = certificate(&account.key, &account.user, clock)?;
    let fingerprint = account.key.public_key().fingerprint();
    let [key_file, certificate_file] = user_files(folder, &account.user, &fingerprint);
    let pem = certificate.to_pem()?;
    files::write(&key_file, account.key.to_pem()?.as_bytes())?;
    files::write(&certificate_file, pem.as_bytes())?;
    let rows = Rows {
        canonical_id: HEXLOWER.encode(&random::<32>()?),
        access_key: format!(
            "AKI{}",
            letters::<17>(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")?.expose()
        ),
        secret: letters::<40>(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789ab")?,
        pem,
        fingerprint,
        now: clock.now_millis(),
    };
    catalogue.write_blocking(|transaction: &Transaction<'_>| rows.insert(transaction, account))
}

/// What an account needs beside what its maker says.
struct Rows {
    canonical_id: String,
    access_key: String,
    secret: SecretString,
    pem: String,
    fingerprint: String,
    now: i64,
}

impl Rows {
    fn insert(
        &self,
        transaction: &Transaction<'_>,
        account: &NewAccount,
    ) -> Result<(), CloudError> {
        transaction.execute(
            "INSERT INTO accounts (id, name, canonical_id, created) VALUES (?, ?, ?, ?) \
             ON CONFLICT (id) DO NOTHING",
            params![
                account.number.as_str(),
                account.name,
                self.canonical_id,
                self.now
            ],
        )?;
        transaction.execute(
            "INSERT INTO users (account, name, admin, created) VALUES (?, ?, ?, ?)",
            params![
                account.number.as_str(),
                account.user,
                account.admin,
                self.now
            ],
        )?;
        let user = transaction.last_insert_rowid();
        transaction.execute(
            "INSERT INTO access_keys (access_key, user, secret, created) VALUES (?, ?, ?, ?)",
            params![self.access_key, user, self.secret.expose(), self.now],
        )?;
        transaction.execute(
            "INSERT INTO certificates (user, pem, fingerprint, created) VALUES (?, ?, ?, ?)",
            params![user, self.pem, self.fingerprint, self.now],
        )?;
        Ok(())
    }
}

/// A random account number.
pub(super) fn account_number() -> Result<AccountId, CloudError> {
    let number = u64::from_le_bytes(random()?) % 1_000_000_000_000;
    // Twelve digits are an account number.
    Ok(format!("{number:012}")
        .parse()
        .unwrap_or_else(|_| unreachable!("twelve digits")))
}

fn random<const N: usize>() -> Result<[u8; N], CloudError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(CloudError::Random)?;
    Ok(bytes)
}

/// Random letters of an alphabet whose length is a power of two, so that none is likelier than another.
fn letters<const N: usize>(alphabet: &[u8]) -> Result<SecretString, CloudError> {
    let bytes = random::<N>()?;
    let letter = |byte: &u8| char::from(alphabet[usize::from(*byte) & (alphabet.len() - 1)]);
    Ok(SecretString::new(
        bytes.iter().map(letter).collect::<String>(),
    ))
}
