//! Users, as the administrator of the machine sees them. The cloud may be running meanwhile.

use gumnut_cloud_catalogue::{
    Account, AccountsChange, AccountsState, Catalogue, CatalogueError, Clock, Conflict, NewUser,
    UserRow,
};
use gumnut_crypto::PrivateKey;
use gumnut_types::AccountId;

use crate::credentials::{Credentials, Source};
use crate::keys::Keys;
use crate::wait::wait;
use crate::{AccountsError, SecretFiles, Trust, make};

/// Longest name of a user or an account, in bytes: certificates carry it.
const MAX_NAME: usize = 64;

/// Longest e-mail address, in bytes, as mail servers have it.
const MAX_EMAIL: usize = 254;

/// The users of a cloud.
#[derive(Debug)]
pub struct Users {
    catalogue: Catalogue,
    secrets: SecretFiles,
    trust: Trust,
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
    /// The e-mail address of the account, by which ACLs may name it, too; `None` when it has none.
    pub email: Option<String>,
    /// Whether the user administrates the whole cloud.
    pub admin: bool,
    /// Access keys that are good.
    pub access_keys: Vec<String>,
    /// Certificates that are good.
    pub certificates: u32,
}

impl Users {
    /// The users in this catalogue, whose credentials name what is to be trusted as `trust` has it. `keys` are those that a
    /// cloud of this process may still be making; `None` when there is no such cloud.
    pub fn open(
        catalogue: Catalogue,
        secrets: SecretFiles,
        trust: Trust,
        keys: Option<Keys>,
    ) -> Self {
        Self {
            catalogue,
            secrets,
            trust,
            keys,
        }
    }

    /// Adds a user with an access key, an RSA key and a certificate. The account is made if there is none of this
    /// name; without one it has the name of the user. `email` becomes the e-mail address of the account, which keeps the one
    /// that it has for `None`.
    ///
    /// # Errors
    /// When a name or an address cannot be one or is taken, or the catalogue or the master key cannot be used.
    pub fn add(
        &self,
        name: &str,
        account: Option<&str>,
        admin: bool,
        email: Option<&str>,
    ) -> Result<User, AccountsError> {
        let account = account.unwrap_or(name);
        check_name(name)?;
        check_name(account)?;
        if let Some(email) = email {
            check_email(email)?;
        }
        // Before the long work, and once more with it: somebody else may add a user meanwhile.
        let account = account_for(&wait(self.catalogue.accounts())?, name, account)?;
        let key = PrivateKey::generate(make::KEY_BITS)?;
        let secrets = self.secrets.open(&self.catalogue)?;
        let mut new = make::user(account, name, admin)?;
        new.certificate = Some(make::certify(&secrets, name, &key, &Clock::system())?);
        let address = email.map(str::to_owned);
        let decide = move |state: &AccountsState| add(state, &new, address.as_deref());
        wait(self.catalogue.change_accounts(decide)).map_err(|error| taken(error, email))?;
        self.find(name)?
            .ok_or_else(|| AccountsError::NoUser(name.to_owned()))
    }

    /// Gives the account of a user an e-mail address, by which ACLs may name it, or takes it away for `None`.
    ///
    /// # Errors
    /// When there is no such user, the text cannot be an address, another account has it, or the catalogue cannot be used.
    pub fn set_email(&self, name: &str, email: Option<&str>) -> Result<User, AccountsError> {
        if let Some(email) = email {
            check_email(email)?;
        }
        let (user, address) = (name.to_owned(), email.map(str::to_owned));
        let decide = move |state: &AccountsState| set_email(state, &user, address.as_deref());
        wait(self.catalogue.change_accounts(decide)).map_err(|error| taken(error, email))?;
        self.find(name)?
            .ok_or_else(|| AccountsError::NoUser(name.to_owned()))
    }

    /// All users, in the order in which they were added.
    ///
    /// # Errors
    /// When the catalogue cannot be used.
    pub fn list(&self) -> Result<Vec<User>, AccountsError> {
        let users = wait(self.catalogue.accounts())?.users;
        Ok(users.into_iter().map(User::from).collect())
    }

    /// Revokes the user's keys and certificates. Images and objects of the account are kept.
    ///
    /// # Errors
    /// When there is no such user, or the catalogue cannot be used.
    pub fn revoke(&self, name: &str) -> Result<(), AccountsError> {
        let name = name.to_owned();
        wait(
            self.catalogue
                .change_accounts(move |state| revoke(state, &name)),
        )
    }

    /// The credentials of a user, or of the first administrator, for a cloud that answers at `endpoint`.
    ///
    /// # Errors
    /// When there is no such user, none whose keys are good, or the catalogue or the master key cannot be used.
    pub fn credentials(
        &self,
        name: Option<&str>,
        endpoint: &str,
    ) -> Result<Credentials, AccountsError> {
        let source = Source {
            catalogue: self.catalogue.clone(),
            secrets: self.secrets.clone(),
            trust: self.trust.clone(),
            keys: self.keys.clone(),
            endpoint: endpoint.to_owned(),
        };
        Credentials::of(source, name)
    }

    fn find(&self, name: &str) -> Result<Option<User>, AccountsError> {
        let users = self.list()?;
        Ok(users.into_iter().find(|user| user.name == name))
    }
}

impl User {
    /// Name, account number, account, role (`admin` or `user`), state (`active` or `revoked`) and e-mail address.
    pub fn columns(&self) -> [&str; 6] {
        let role = if self.admin { "admin" } else { "user" };
        let state = if self.access_keys.is_empty() {
            "revoked"
        } else {
            "active"
        };
        let email = self.email.as_deref().unwrap_or_default();
        [
            &self.name,
            &self.account,
            &self.account_name,
            role,
            state,
            email,
        ]
    }
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        Self {
            name: row.name,
            account: row.account.number.to_string(),
            account_name: row.account.name,
            owner_id: row.account.canonical_id,
            email: row.account.email,
            admin: row.admin,
            certificates: u32::try_from(row.certificates.len()).unwrap_or(u32::MAX),
            access_keys: row.access_keys,
        }
    }
}

/// The account of a new user: the one of this name, or a new one.
fn account_for(state: &AccountsState, user: &str, account: &str) -> Result<Account, AccountsError> {
    name_is_free(state, user)?;
    match state.accounts.iter().find(|known| known.name == account) {
        Some(known) => Ok(known.clone()),
        None => make::account(account),
    }
}

fn name_is_free(state: &AccountsState, user: &str) -> Result<(), AccountsError> {
    if state.users.iter().any(|known| known.name == user) {
        return Err(AccountsError::UserExists(user.to_owned()));
    }
    Ok(())
}

/// Names the e-mail address where that is what is taken.
fn taken(error: AccountsError, email: Option<&str>) -> AccountsError {
    match (error, email) {
        (AccountsError::Catalogue(CatalogueError::Conflict(Conflict::Email)), Some(email)) => {
            AccountsError::EmailTaken(email.to_owned())
        }
        (error, _) => error,
    }
}

/// Decides on adding a user: the cloud has only one of a name.
fn add(
    state: &AccountsState,
    new: &NewUser,
    email: Option<&str>,
) -> Result<(AccountsChange, ()), AccountsError> {
    name_is_free(state, &new.name)?;
    let other = state
        .accounts
        .iter()
        .any(|known| known.name == new.account.name && known.number != new.account.number);
    if other {
        return Err(CatalogueError::Conflict(Conflict::Name).into());
    }
    let number = || new.account.number.clone();
    let change = AccountsChange {
        add: Some(new.clone()),
        email: email.map(|email| (number(), Some(email.to_owned()))),
        ..AccountsChange::default()
    };
    Ok((change, ()))
}

/// Decides on making the keys and certificates of a user useless.
fn revoke(state: &AccountsState, name: &str) -> Result<(AccountsChange, ()), AccountsError> {
    let user = state
        .users
        .iter()
        .find(|user| user.name == name)
        .ok_or_else(|| AccountsError::NoUser(name.to_owned()))?;
    let change = AccountsChange {
        revoke: Some(user.id),
        ..AccountsChange::default()
    };
    Ok((change, ()))
}

/// Decides on the e-mail address of a user's account.
fn set_email(
    state: &AccountsState,
    name: &str,
    email: Option<&str>,
) -> Result<(AccountsChange, ()), AccountsError> {
    let user = state
        .users
        .iter()
        .find(|user| user.name == name)
        .ok_or_else(|| AccountsError::NoSuchUser(name.to_owned()))?;
    let change = AccountsChange {
        email: Some((user.account.number.clone(), email.map(str::to_owned))),
        ..AccountsChange::default()
    };
    Ok((change, ()))
}

/// Something before and behind one `@`, without spaces: more cannot be said without sending mail.
fn check_email(email: &str) -> Result<(), AccountsError> {
    let is_plain = email.chars().all(|c| c.is_ascii_graphic());
    let parts: Vec<_> = email.split('@').collect();
    let is_address = parts.len() == 2 && parts.iter().all(|part| !part.is_empty());
    if is_plain && is_address && email.len() <= MAX_EMAIL {
        return Ok(());
    }
    Err(AccountsError::Email(
        email.chars().take(MAX_EMAIL).collect(),
    ))
}

/// Names stand in certificates, in file names, and beside account numbers.
fn check_name(name: &str) -> Result<(), AccountsError> {
    let begins_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    let is_legal = name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"._-@".contains(&b));
    let is_number = name.parse::<AccountId>().is_ok();
    if begins_well && name.len() <= MAX_NAME && is_legal && !is_number {
        return Ok(());
    }
    Err(AccountsError::UserName(
        name.chars().take(MAX_NAME).collect(),
    ))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use gumnut_cloud_sqlite::SqliteCatalogue;

    use super::*;
    use crate::init;

    fn users() -> (tempfile::TempDir, Users) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("catalogue.sqlite");
        let catalogue = Catalogue::new(SqliteCatalogue::open(&path, Clock::system()).unwrap());
        let files = SecretFiles::in_data_dir(dir.path());
        let keys = init(&catalogue, &files, &Clock::system()).unwrap();
        keys.make().unwrap();
        let users = Users::open(catalogue, files, Trust::Of(None), None);
        (dir, users)
    }

    #[test]
    fn users_are_added_listed_and_revoked() {
        let (_dir, users) = users();
        let bob = users.add("bob", None, false, None).unwrap();
        assert_eq!((bob.account_name.as_str(), bob.admin), ("bob", false));
        let eve = users.add("eve", Some("bob"), true, None).unwrap();
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
        assert!(matches!(none, AccountsError::NoUser(name) if name == "bob"));
        assert!(users.credentials(Some("eve"), "http://h").is_ok());
    }

    #[test]
    fn an_account_has_an_address_that_no_other_has() {
        let (_dir, users) = users();
        users.add("bob", None, false, None).unwrap();
        users.add("eve", Some("bob"), false, None).unwrap();
        let bob = users.set_email("bob", Some("Bob@example.com")).unwrap();
        assert_eq!(bob.email.as_deref(), Some("Bob@example.com"));
        let eve = users.find("eve").unwrap().unwrap();
        assert_eq!(eve.email, bob.email, "it is that of the account");
        let taken = users.set_email("admin", Some("bob@EXAMPLE.com"));
        assert!(
            matches!(taken, Err(AccountsError::EmailTaken(_))),
            "{taken:?}"
        );
        assert_eq!(users.set_email("bob", None).unwrap().email, None);
        users.set_email("admin", Some("bob@example.com")).unwrap();
        let long = format!("{}@example.com", "x".repeat(250));
        for email in [
            "", "bob", "@x", "bob@", "a@b@c", "b ob@x", "bob\n@x", "ü@x", &long,
        ] {
            let refused = users.set_email("bob", Some(email));
            assert!(matches!(refused, Err(AccountsError::Email(_))), "{email:?}");
        }
        let nobody = users.set_email("nobody", None);
        assert!(matches!(nobody, Err(AccountsError::NoSuchUser(_))));
    }

    #[test]
    fn names_that_cannot_be_are_refused() {
        let (_dir, users) = users();
        let long = "x".repeat(65);
        for name in ["", "a/b", "..", "-x", "a b", "ü", "123456789012", &long] {
            let error = users.add(name, None, false, None).unwrap_err();
            assert!(
                matches!(error, AccountsError::UserName(_)),
                "{name}: {error}"
            );
        }
        let error = users.add("admin", None, false, None).unwrap_err();
        assert!(matches!(error, AccountsError::UserExists(_)));
        assert!(matches!(
            users.revoke("nobody"),
            Err(AccountsError::NoUser(_))
        ));
    }

    #[test]
    fn a_foreign_program_reads_the_zip_and_finds_modes_and_keys() {
        let (dir, users) = users();
        users.add("bob", None, false, None).unwrap();
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
