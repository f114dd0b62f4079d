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

/// A key and a certificate for a user; files hold them, and a row is to name them.
pub(super) struct NewCertificate {
    pem: String,
    fingerprint: String,
    now: i64,
}

impl NewCertificate {
    pub(super) fn make(
        folder: &Path,
        user: &str,
        key: &PrivateKey,
        clock: &Clock,
    ) -> Result<Self, CloudError> {
        let pem = certificate(key, user, clock)?.to_pem()?;
        let fingerprint = key.public_key().fingerprint();
        let [key_file, certificate_file] = user_files(folder, user, &fingerprint);
        files::write(&key_file, key.to_pem()?.as_bytes())?;
        files::write(&certificate_file, pem.as_bytes())?;
        Ok(Self {
            pem,
            fingerprint,
            now: clock.now_millis(),
        })
    }

    pub(super) fn insert(&self, tx: &Transaction<'_>, user: i64) -> rusqlite::Result<()> {
        let sql = "INSERT INTO certificates (user, pem, fingerprint, created) VALUES (?, ?, ?, ?)";
        tx.execute(sql, params![user, self.pem, self.fingerprint, self.now])
            .map(drop)
    }
}

/// Adds a user with an access key and a certificate.
pub(crate) fn add(
    folder: &Path,
    catalogue: &Catalogue,
    clock: &Clock,
    (account, key): (&NewAccount, &PrivateKey),
) -> Result<(), CloudError> {
    let certificate = NewCertificate::make(folder, &account.user, key, clock)?;
    catalogue.write_blocking(|tx: &Transaction<'_>| {
        let user = insert_user(tx, account, clock.now_millis())?;
        Ok(certificate.insert(tx, user)?)
    })
}

/// Adds a user with an access key, and gives the number of its row.
pub(super) fn insert_user(
    tx: &Transaction<'_>,
    account: &NewAccount,
    now: i64,
) -> Result<i64, CloudError> {
    tx.execute(
        "INSERT INTO accounts (id, name, canonical_id, created) VALUES (?, ?, ?, ?) \
         ON CONFLICT (id) DO NOTHING",
        params![
            account.number.as_str(),
            account.name,
            HEXLOWER.encode(&random::<32>()?),
            now
        ],
    )?;
    tx.execute(
        "INSERT INTO users (account, name, admin, created) VALUES (?, ?, ?, ?)",
        params![account.number.as_str(), account.user, account.admin, now],
    )?;
    let user = tx.last_insert_rowid();
    let letters_of_keys = letters::<17>(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")?;
    let secret =
        letters::<40>(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789ab")?;
    tx.execute(
        "INSERT INTO access_keys (access_key, user, secret, created) VALUES (?, ?, ?, ?)",
        params![
            format!("AKI{}", letters_of_keys.expose()),
            user,
            secret.expose(),
            now
        ],
    )?;
    Ok(user)
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
