//! Users, as the administrator of the machine sees them. The cloud may be running meanwhile.

use std::path::{Path, PathBuf};

use gumnut_crypto::PrivateKey;
use gumnut_types::AccountId;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction};

use super::credentials::{Credentials, Place};
use super::files;
use super::keys::Keys;
use super::make::{self, NewAccount, add};
use crate::catalogue::Catalogue;
use crate::{Clock, CloudError};

/// Longest name of a user or an account, in bytes: certificates carry it.
const MAX_NAME: usize = 64;

/// The users of a cloud.
#[derive(Debug)]
pub struct Users {
    data_dir: PathBuf,
    catalogue: Catalogue,
    /// Those that a cloud of this process may still be making.
    keys: Option<Keys>,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The name, of which the cloud has only one.
    pub name: String,
    /// The number of the account.
    pub account: String,
    /// The name of the account.
    pub account_name: String,
    /// By what ACLs of the object store name the account.
    pub owner_id: String,
    /// Whether the user administrates the whole cloud.
    pub admin: bool,
    /// Access keys that are good.
    pub access_keys: Vec<String>,
    /// Certificates that are good.
    pub certificates: u32,
}

impl Users {
    pub(crate) fn open(data_dir: &Path, catalogue: Catalogue, keys: Option<Keys>) -> Self {
        Self {
            data_dir: data_dir.to_owned(),
            catalogue,
            keys,
        }
    }

    /// Adds a user with an access key, an RSA key and a certificate. The account is made if there is none of this
    /// name; without one it has the name of the user.
    ///
    /// # Errors
    /// When a name cannot be one or is taken, or the data folder cannot be used.
    pub fn add(&self, name: &str, account: Option<&str>, admin: bool) -> Result<User, CloudError> {
        let account = account.unwrap_or(name);
        check_name(name)?;
        check_name(account)?;
        let taken = self.find(name)?.is_some();
        if taken {
            return Err(CloudError::UserExists(name.to_owned()));
        }
        let number = match self.account(account)? {
            Some(number) => number,
            None => make::account_number()?,
        };
        let new = NewAccount {
            number,
            name: account.to_owned(),
            user: name.to_owned(),
            admin,
        };
        let key = PrivateKey::generate(make::KEY_BITS)?;
        let folder = files::folder(&self.data_dir)?;
        add(&folder, &self.catalogue, &Clock::system(), (&new, &key))?;
        self.find(name)?
            .ok_or_else(|| CloudError::NoUser(name.to_owned()))
    }

    /// All users, in the order in which they were added.
    ///
    /// # Errors
    /// When the catalogue cannot be used.
    pub fn list(&self) -> Result<Vec<User>, CloudError> {
        Ok(self.catalogue.read_blocking(all)?)
    }

    /// Makes the user's keys and certificates useless. Images and objects of the account stay.
    ///
    /// # Errors
    /// When there is no such user, or the catalogue cannot be used.
    pub fn revoke(&self, name: &str) -> Result<(), CloudError> {
        self.catalogue
            .write_blocking(|transaction: &Transaction<'_>| {
                let id = "(SELECT id FROM users WHERE name = ?)";
                let mut found = 0;
                for table in ["access_keys", "certificates"] {
                    let sql = format!("UPDATE {table} SET active = 0 WHERE user = {id}");
                    found += transaction.execute(&sql, [name])?;
                }
                if found == 0 {
                    return Err(CloudError::NoUser(name.to_owned()));
                }
                Ok(())
            })
    }

    /// The credentials of a user, or of the first administrator, for a cloud that answers at `endpoint`.
    ///
    /// # Errors
    /// When there is no such user, none whose keys are good, or the data folder cannot be used.
    pub fn credentials(
        &self,
        name: Option<&str>,
        endpoint: &str,
    ) -> Result<Credentials, CloudError> {
        let place = Place {
            data_dir: self.data_dir.clone(),
            catalogue: self.catalogue.clone(),
            keys: self.keys.clone(),
            endpoint: endpoint.to_owned(),
        };
        Credentials::of(place, name)
    }

    fn find(&self, name: &str) -> Result<Option<User>, CloudError> {
        let users = self.list()?;
        Ok(users.into_iter().find(|user| user.name == name))
    }

    fn account(&self, name: &str) -> Result<Option<AccountId>, CloudError> {
        let sql = "SELECT id FROM accounts WHERE name = ?";
        let number = self.catalogue.read_blocking(|connection: &Connection| {
            let number = connection.query_row(sql, [name], |row| row.get::<_, String>(0));
            number.optional()
        })?;
        Ok(number.and_then(|number| number.parse().ok()))
    }
}

fn all(connection: &Connection) -> rusqlite::Result<Vec<User>> {
    let sql = "SELECT u.id, u.name, a.id, a.name, u.admin, \
               (SELECT count(*) FROM certificates c WHERE c.user = u.id AND c.active), a.canonical_id \
               FROM users u JOIN accounts a ON a.id = u.account ORDER BY u.id";
    let mut users = connection.prepare_cached(sql)?;
    let sql = "SELECT access_key FROM access_keys WHERE user = ? AND active ORDER BY created";
    let mut keys = connection.prepare_cached(sql)?;
    let user = |row: &Row<'_>| {
        let id: i64 = row.get(0)?;
        Ok(User {
            name: row.get(1)?,
            account: row.get(2)?,
            account_name: row.get(3)?,
            admin: row.get(4)?,
            access_keys: keys
                .query_map([id], |row| row.get(0))?
                .collect::<Result<_, _>>()?,
            certificates: row.get(5)?,
            owner_id: row.get(6)?,
        })
    };
    users.query_map([], user)?.collect()
}

/// Names stand in certificates, in file names, and beside account numbers.
fn check_name(name: &str) -> Result<(), CloudError> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"._-@".contains(&b);
    let begins_well = name
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_alphanumeric());
    let is_number = name.parse::<AccountId>().is_ok();
    if begins_well && name.len() <= MAX_NAME && name.bytes().all(legal) && !is_number {
        return Ok(());
    }
    Err(CloudError::UserName(name.chars().take(MAX_NAME).collect()))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::{Cloud, Config};

    fn users() -> (tempfile::TempDir, Users) {
        let dir = tempfile::tempdir().unwrap();
        Cloud::init(&Config::new(dir.path())).unwrap();
        let users = Cloud::users(dir.path()).unwrap();
        (dir, users)
    }

    #[test]
    fn users_are_added_listed_and_revoked() {
        let (_dir, users) = users();
        let bob = users.add("bob", None, false).unwrap();
        assert_eq!((bob.account_name.as_str(), bob.admin), ("bob", false));
        let eve = users.add("eve", Some("bob"), true).unwrap();
        assert_eq!(eve.account, bob.account);
        let names: Vec<_> = users
            .list()
            .unwrap()
            .into_iter()
            .map(|user| user.name)
            .collect();
        assert_eq!(names, ["admin", "bob", "eve"]);
        users.revoke("bob").unwrap();
        let bob = users.find("bob").unwrap().unwrap();
        assert_eq!((bob.access_keys.len(), bob.certificates), (0, 0));
        let none = users.credentials(Some("bob"), "http://h").unwrap_err();
        assert!(matches!(none, CloudError::NoUser(name) if name == "bob"));
        assert!(users.credentials(Some("eve"), "http://h").is_ok());
    }

    #[test]
    fn names_that_cannot_be_are_refused() {
        let (_dir, users) = users();
        let long = "x".repeat(65);
        for name in ["", "a/b", "..", "-x", "a b", "ü", "123456789012", &long] {
            let error = users.add(name, None, false).unwrap_err();
            assert!(matches!(error, CloudError::UserName(_)), "{name}: {error}");
        }
        let error = users.add("admin", None, false).unwrap_err();
        assert!(matches!(error, CloudError::UserExists(_)));
        assert!(matches!(users.revoke("nobody"), Err(CloudError::NoUser(_))));
    }

    #[test]
    fn a_foreign_program_reads_the_zip_and_finds_modes_and_keys() {
        let (dir, users) = users();
        users.add("bob", None, false).unwrap();
        let zip = dir.path().join("euca2-bob-x509.zip");
        let credentials = users.credentials(Some("bob"), "http://h:1").unwrap();
        credentials.write_zip(&zip).unwrap();
        let script = "import sys, zipfile\n\
            z = zipfile.ZipFile(sys.argv[1])\n\
            assert z.testzip() is None\n\
            for i in z.infolist(): print(oct(i.external_attr >> 16 & 0o777), i.filename)\n\
            z.extractall(sys.argv[2])\n";
        let out = dir.path().join("unpacked");
        let mut python = Command::new("python3");
        let output = python.args(["-c", script]).arg(&zip).arg(&out).output();
        let output = output.unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        let listing = String::from_utf8(output.stdout).unwrap();
        let mut names = Vec::new();
        for line in listing.lines() {
            let (mode, name) = line.split_once(' ').unwrap();
            assert_eq!(mode, "0o600", "{name}");
            names.push(name.to_owned());
        }
        let key = names.iter().find(|name| name.ends_with("-pk.pem")).unwrap();
        let base = key.strip_suffix("-pk.pem").unwrap();
        let digits = base.strip_prefix("euca2-bob-").unwrap();
        assert!(digits.len() == 8 && digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let certificate = format!("{base}-cert.pem");
        assert_eq!(
            names,
            ["eucarc", "iamrc", key, &certificate, "cloud-cert.pem"]
        );
        let check = ". ./eucarc && cmp <(openssl x509 -in \"$EC2_CERT\" -noout -pubkey) \
            <(openssl rsa -in \"$EC2_PRIVATE_KEY\" -pubout 2>/dev/null) && grep -q \"$EC2_ACCESS_KEY\" \
            \"$AWS_CREDENTIAL_FILE\" && echo \"$AWS_ENDPOINT_URL_S3 $EC2_USER_ID\"";
        let mut shell = Command::new("bash");
        let output = shell
            .args(["-c", check])
            .current_dir(&out)
            .output()
            .unwrap();
        let line = String::from_utf8(output.stdout).unwrap();
        let expected = format!(
            "http://h:1/services/objectstorage {}\n",
            credentials.account
        );
        assert_eq!(line, expected);
    }
}
