//! Accounts, users, their keys, and the credentials that users get.

mod credentials;
pub(crate) mod files;
mod keys;
mod make;
mod users;

use gumnut_crypto::{Certificate, PublicKey};
use gumnut_types::AccountId;
use rusqlite::{Connection, Transaction};

use crate::catalogue::Catalogue;
use crate::data_dir::DataDir;
use crate::{Clock, CloudError};

pub use credentials::Credentials;
pub(crate) use keys::{CloudKeys, Keys};
pub(crate) use make::NewAccount;
#[cfg(test)]
pub(crate) use make::add;
pub use users::{User, Users};

/// Name of the first account, and of its user.
const FIRST_ACCOUNT: &str = "eucalyptus";
const FIRST_USER: &str = "admin";

/// Makes the administrator's account with an access key, unless there are accounts. The keys that it gives are to be
/// made.
pub(crate) fn init(
    data_dir: &DataDir,
    catalogue: &Catalogue,
    clock: &Clock,
) -> Result<Keys, CloudError> {
    let folder = files::folder(data_dir.path())?;
    catalogue.write_blocking(|tx: &Transaction<'_>| {
        let accounts: i64 = tx.query_row("SELECT count(*) FROM accounts", [], |row| row.get(0))?;
        if accounts > 0 {
            return Ok(());
        }
        let account = NewAccount {
            number: make::account_number()?,
            name: FIRST_ACCOUNT.to_owned(),
            user: FIRST_USER.to_owned(),
            admin: true,
        };
        make::insert_user(tx, &account, clock.now_millis()).map(drop)
    })?;
    Ok(Keys::new(folder, catalogue.clone(), clock.clone()))
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
    use std::path::Path;
    use std::process::Command;

    use super::*;

    /// What a start opens, and the users whose keys it begins to make.
    fn open(dir: &Path) -> (DataDir, Catalogue, Keys, Users) {
        let data_dir = DataDir::open(dir).unwrap();
        let catalogue = Catalogue::open(&dir.join("catalogue.sqlite")).unwrap();
        let keys = init(&data_dir, &catalogue, &Clock::system()).unwrap();
        let users = Users::open(dir, catalogue.clone(), Some(keys.clone()));
        (data_dir, catalogue, keys, users)
    }

    fn certificates(users: &Users) -> u32 {
        users.list().unwrap()[0].certificates
    }

    #[test]
    fn a_shell_and_openssl_understand_the_credentials() {
        let dir = tempfile::tempdir().unwrap();
        let (.., users) = open(dir.path());
        let out = dir.path().join("my creds");
        let credentials = users.credentials(None, "http://127.0.0.1:8773");
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
        let dir = tempfile::tempdir().unwrap();
        let read = |name: &str| fs_err::read_to_string(dir.path().join(name)).unwrap();
        for name in ["first", "second"] {
            let (.., users) = open(dir.path());
            let credentials = users.credentials(None, "http://h").unwrap();
            credentials.write_folder(&dir.path().join(name)).unwrap();
        }
        let exports = |name: &str| read(name).split_once('\n').unwrap().1.to_owned();
        assert_eq!(exports("first/eucarc"), exports("second/eucarc"));
        assert_eq!(read("first/cloud-cert.pem"), read("second/cloud-cert.pem"));
    }

    #[test]
    fn a_start_that_was_cut_short_is_made_good() {
        let dir = tempfile::tempdir().unwrap();
        let (data_dir, .., users) = open(dir.path());
        let before = users.credentials(None, "http://h").unwrap();
        assert_eq!(certificates(&users), 0);
        drop((data_dir, users));

        let (.., users) = open(dir.path());
        let after = users.credentials(None, "http://h").unwrap();
        after.write_folder(&dir.path().join("out")).unwrap();
        assert_eq!(after.access_key, before.access_key);
        assert_eq!(certificates(&users), 1);
    }

    #[test]
    fn who_waits_for_keys_gets_the_ones_that_are_made() {
        let dir = tempfile::tempdir().unwrap();
        let (_data_dir, _, keys, users) = open(dir.path());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| keys.make().unwrap());
            }
        });
        assert_eq!(certificates(&users), 1);
        let files = fs_err::read_dir(dir.path().join("keys")).unwrap();
        assert_eq!(files.count(), 4, "two keys with their certificates");
    }

    #[test]
    fn a_certificate_that_was_revoked_stays_so() {
        let dir = tempfile::tempdir().unwrap();
        let (data_dir, _, keys, users) = open(dir.path());
        keys.make().unwrap();
        users.revoke(FIRST_USER).unwrap();
        drop((data_dir, keys, users));
        let (_data_dir, _, keys, users) = open(dir.path());
        keys.make().unwrap();
        assert_eq!(certificates(&users), 0);
    }

    #[test]
    fn keys_that_cannot_be_made_are_an_error_for_all() {
        let dir = tempfile::tempdir().unwrap();
        let (_data_dir, _, keys, users) = open(dir.path());
        fs_err::create_dir(dir.path().join("keys/cloud-pk.pem.new")).unwrap();
        for _ in 0..2 {
            let error = keys.make().unwrap_err();
            assert!(
                matches!(&error, CloudError::NoKeys(why) if why.contains("cloud-pk.pem")),
                "{error}"
            );
        }
        let credentials = users.credentials(None, "http://h").unwrap();
        let error = credentials.write_zip(&dir.path().join("zip")).unwrap_err();
        assert!(matches!(error, CloudError::NoKeys(_)));
    }

    #[test]
    fn certificates_belong_to_their_account() {
        let dir = tempfile::tempdir().unwrap();
        let (_data_dir, catalogue, made, _users) = open(dir.path());
        made.make().unwrap();
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
