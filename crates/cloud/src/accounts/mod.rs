//! Accounts, users, their keys, and the credentials that users get.

mod credentials;
pub(crate) mod files;
mod make;
mod users;

use std::panic::resume_unwind;
use std::path::Path;
use std::thread;

use gumnut_crypto::{Certificate, PrivateKey, PublicKey};
use gumnut_types::AccountId;
use rusqlite::Connection;

use crate::catalogue::Catalogue;
use crate::data_dir::DataDir;
use crate::{Clock, CloudError};

pub use credentials::Credentials;
pub(crate) use make::{NewAccount, add};
pub use users::{User, Users};

/// Name of the first account, and of its user.
const FIRST_ACCOUNT: &str = "eucalyptus";
const FIRST_USER: &str = "admin";

/// The cloud's own key and certificate.
#[derive(Debug)]
pub(crate) struct CloudKeys {
    pub(crate) key: PrivateKey,
    pub(crate) certificate: Certificate,
}

/// Makes the cloud's keys and the administrator's account, unless they are there.
pub(crate) fn init(
    data_dir: &DataDir,
    catalogue: &Catalogue,
    clock: &Clock,
) -> Result<(), CloudError> {
    let folder = files::folder(data_dir.path())?;
    let accounts: i64 = catalogue.read_blocking(|connection: &Connection| {
        connection.query_row("SELECT count(*) FROM accounts", [], |row| row.get(0))
    })?;
    // Nearly all the time of a first start goes into the two keys.
    let (made, key) = thread::scope(|scope| {
        let cloud = scope.spawn(|| make::cloud_keys(&folder, clock));
        let key = (accounts == 0).then(|| PrivateKey::generate(make::KEY_BITS));
        let made = cloud.join();
        (made.unwrap_or_else(|panic| resume_unwind(panic)), key)
    });
    made?;
    let Some(key) = key.transpose()? else {
        return Ok(());
    };
    let account = NewAccount {
        number: make::account_number()?,
        name: FIRST_ACCOUNT.to_owned(),
        user: FIRST_USER.to_owned(),
        admin: true,
        key,
    };
    add(&folder, catalogue, clock, &account)
}

/// The cloud's own key and certificate, which [`init`] has made.
pub(crate) fn cloud_keys(data_dir: &Path) -> Result<CloudKeys, CloudError> {
    let folder = files::folder(data_dir)?;
    Ok(CloudKeys {
        key: PrivateKey::from_pem(files::read(&folder.join(files::CLOUD_KEY))?.as_bytes())?,
        certificate: Certificate::from_pem(
            files::read(&folder.join(files::CLOUD_CERTIFICATE))?.as_bytes(),
        )?,
    })
}

/// The keys of an account's active certificates.
pub(crate) fn certificate_keys(
    connection: &Connection,
    account: &AccountId,
) -> rusqlite::Result<Vec<PublicKey>> {
    let sql = "SELECT c.pem FROM certificates c JOIN users u ON u.id = c.user \
               WHERE u.account = ? AND c.active ORDER BY c.id";
    let mut statement = connection.prepare_cached(sql)?;
    let pems = statement.query_map([account.as_str()], |row| row.get::<_, String>(0))?;
    let mut keys = Vec::new();
    for pem in pems {
        // A certificate that cannot be read any more has signed nothing.
        keys.extend(Certificate::from_pem(pem?.as_bytes()).map(|read| read.public_key().clone()));
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::process::Command;

    use super::*;

    fn cloud() -> (tempfile::TempDir, DataDir, Catalogue) {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = DataDir::open(dir.path()).unwrap();
        let catalogue = Catalogue::open(&dir.path().join("catalogue.sqlite")).unwrap();
        init(&data_dir, &catalogue, &Clock::system()).unwrap();
        (dir, data_dir, catalogue)
    }

    #[test]
    fn a_shell_and_openssl_understand_the_credentials() {
        let (dir, data_dir, catalogue) = cloud();
        let out = dir.path().join("my creds");
        let endpoint = "http://127.0.0.1:8773";
        let credentials = Credentials::of(data_dir.path(), &catalogue, None, endpoint);
        credentials.unwrap().write_folder(&out).unwrap();
        let mode = |path: &Path| fs_err::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&out), 0o700);
        for entry in fs_err::read_dir(&out).unwrap() {
            assert_eq!(mode(&entry.unwrap().path()), 0o600);
        }
        let script = ". ./eucarc && cd / && openssl x509 -noout -in \"$EC2_CERT\" \
            && openssl rsa -check -noout -in \"$EC2_PRIVATE_KEY\" \
            && openssl x509 -noout -in \"$EUCALYPTUS_CERT\" && echo \"$S3_URL $EC2_URL $EC2_USER_ID $EC2_ACCESS_KEY\"";
        // A plain shell does not say where the file is that it reads, so that the file has to know.
        let elsewhere =
            ". '../my creds/eucarc' && ".to_owned() + script.split_once("&& ").unwrap().1;
        let run = |shell: &str, script: &str, folder: &Path| {
            let mut command = Command::new(shell);
            let output = command.args(["-c", script]).current_dir(folder).output();
            let output = output.unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{shell}: {stderr}");
            String::from_utf8(output.stdout).unwrap()
        };
        let keys = dir.path().join("keys");
        let stdout = run("bash", script, &out);
        for other in [
            run("bash", &elsewhere, &keys),
            run("sh", &elsewhere, &keys),
            run("sh", script, &out),
        ] {
            assert_eq!(other, stdout);
        }
        let line = stdout.lines().last().unwrap();
        let words: Vec<_> = line.split(' ').collect();
        assert_eq!(words[0], "http://127.0.0.1:8773/services/objectstorage");
        assert_eq!(words[1], "http://127.0.0.1:8773/services/compute");
        assert!(words[2].parse::<AccountId>().is_ok());
        assert_eq!(words[3].len(), 20);
    }

    #[test]
    fn a_second_start_changes_nothing() {
        let (dir, data_dir, catalogue) = cloud();
        let read = |name: &str| fs_err::read_to_string(dir.path().join(name)).unwrap();
        let write = |name: &str| {
            let out = dir.path().join(name);
            let credentials = Credentials::of(data_dir.path(), &catalogue, None, "http://h");
            credentials.unwrap().write_folder(&out).unwrap();
        };
        write("first");
        init(&data_dir, &catalogue, &Clock::system()).unwrap();
        write("second");
        let exports = |name: &str| read(name).split_once('\n').unwrap().1.to_owned();
        assert_eq!(exports("first/eucarc"), exports("second/eucarc"));
        assert_eq!(read("first/cloud-cert.pem"), read("second/cloud-cert.pem"));
    }

    #[test]
    fn certificates_belong_to_their_account() {
        let (_dir, _data_dir, catalogue) = cloud();
        let keys = |account: String| {
            let account = account.parse().unwrap();
            catalogue
                .read_blocking(move |connection: &Connection| {
                    certificate_keys(connection, &account)
                })
                .unwrap()
        };
        let number = catalogue.read_blocking(|connection: &Connection| {
            connection.query_row("SELECT id FROM accounts", [], |row| row.get::<_, String>(0))
        });
        assert_eq!(keys(number.unwrap()).len(), 1);
        assert!(keys("999999999999".to_owned()).is_empty());
    }
}
