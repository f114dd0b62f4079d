//! Rows of accounts, users, their keys and certificates, and units of change of them.

use std::collections::HashMap;

use gumnut_cloud_catalogue::{
    AccessKey, Account, AccountName, AccountsChange, AccountsState, Caller, Conflict,
    KnownAccounts, NewCertificate, NewUser, Owner, UserRow,
};
use gumnut_types::{AccountId, SecretString};
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Row, params};

use crate::failure::Failure;
use crate::images::parsed;

statements! {
    IDENTITY = "SELECT u.id, u.name, a.id, a.name, a.canonical_id, u.admin, k.secret FROM access_keys k \
                JOIN users u ON u.id = k.user JOIN accounts a ON a.id = u.account WHERE k.access_key = ? AND k.active";
    BY_OWNER_ID = "SELECT canonical_id, name FROM accounts WHERE canonical_id = ?";
    BY_EMAIL = "SELECT canonical_id, name FROM accounts WHERE email = ?";
    ACCOUNTS = "SELECT id, name, canonical_id, email FROM accounts ORDER BY rowid";
    USERS = "SELECT a.id, a.name, a.canonical_id, a.email, u.id, u.name, u.admin FROM users u \
             JOIN accounts a ON a.id = u.account ORDER BY u.id";
    ACCESS_KEYS = "SELECT user, access_key FROM access_keys WHERE active ORDER BY created, rowid";
    ALL_CERTIFICATES = "SELECT user, fingerprint, active FROM certificates ORDER BY id";
    ACCESS_KEY = "SELECT u.name, u.account, k.access_key, k.secret FROM users u \
                  JOIN access_keys k ON k.user = u.id AND k.active \
                  WHERE (?1 IS NULL AND u.admin) OR u.name = ?1 ORDER BY u.id, k.created, k.rowid LIMIT 1";
    CERTIFICATES = "SELECT c.pem FROM certificates c JOIN users u ON u.id = c.user \
                    WHERE u.account = ? AND c.active ORDER BY c.id";
    ADD_ACCOUNT = "INSERT INTO accounts (id, name, canonical_id, email, created) VALUES (?, ?, ?, ?, ?) \
                   ON CONFLICT (id) DO NOTHING";
    SET_EMAIL = "UPDATE accounts SET email = ? WHERE id = ?";
    HAS_USER = "SELECT EXISTS (SELECT 1 FROM users WHERE name = ?)";
    ADD_USER = "INSERT INTO users (account, name, admin, created) VALUES (?, ?, ?, ?)";
    ADD_ACCESS_KEY = "INSERT INTO access_keys (access_key, user, secret, created) VALUES (?, ?, ?, ?)";
    ADD_CERTIFICATE = "INSERT INTO certificates (user, pem, fingerprint, created) VALUES (?, ?, ?, ?)";
    REVOKE_ACCESS_KEYS = "UPDATE access_keys SET active = 0 WHERE user = ?";
    REVOKE_CERTIFICATES = "UPDATE certificates SET active = 0 WHERE user = ?";
}

/// The user with this access key, and the secret key to it; only active keys count.
pub(crate) fn identity(
    connection: &Connection,
    access_key: &str,
) -> rusqlite::Result<Option<(Caller, SecretString)>> {
    connection
        .prepare_cached(IDENTITY)?
        .query_row([access_key], |row| {
            let caller = Caller {
                user_id: row.get(0)?,
                user: row.get(1)?,
                account: parsed(row, 2)?,
                account_name: row.get(3)?,
                canonical_id: row.get(4)?,
                admin: row.get(5)?,
            };
            Ok((caller, secret(row, 6)?))
        })
        .optional()
}

fn secret(row: &Row<'_>, column: usize) -> rusqlite::Result<SecretString> {
    Ok(SecretString::new(row.get::<_, String>(column)?))
}

/// The accounts that names stand for, as far as there are such.
pub(crate) fn named(
    connection: &Connection,
    names: Vec<AccountName>,
) -> rusqlite::Result<KnownAccounts> {
    let mut known = KnownAccounts::default();
    for name in names {
        let (sql, text) = match &name {
            AccountName::Id(id) => (BY_OWNER_ID, id),
            AccountName::Email(address) => (BY_EMAIL, address),
        };
        let owner = connection
            .prepare_cached(sql)?
            .query_row([text], |row| {
                Ok(Owner {
                    id: row.get(0)?,
                    name: row.get(1)?,
                })
            })
            .optional()?;
        known.0.extend(owner.map(|owner| (name, owner)));
    }
    Ok(known)
}

/// The oldest good access key of a user, or of the first administrator who has one for `None`.
pub(crate) fn access_key(
    connection: &Connection,
    user: Option<&str>,
) -> rusqlite::Result<Option<AccessKey>> {
    connection
        .prepare_cached(ACCESS_KEY)?
        .query_row([user], |row| {
            Ok(AccessKey {
                user: row.get(0)?,
                account: row.get(1)?,
                access_key: row.get(2)?,
                secret_key: secret(row, 3)?,
            })
        })
        .optional()
}

/// The good certificates of an account, in PEM.
pub(crate) fn certificates(
    connection: &Connection,
    account: &AccountId,
) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare_cached(CERTIFICATES)?
        .query_map([account.as_str()], |row| row.get(0))?
        .collect()
}

/// Loads what a decision about accounts rests on: all of them.
pub(crate) fn load(connection: &Connection, now: i64) -> rusqlite::Result<AccountsState> {
    let mut access_keys: HashMap<i64, Vec<String>> = HashMap::new();
    let mut statement = connection.prepare_cached(ACCESS_KEYS)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        access_keys
            .entry(row.get(0)?)
            .or_default()
            .push(row.get(1)?);
    }
    let mut certificates: HashMap<i64, Vec<String>> = HashMap::new();
    let mut statement = connection.prepare_cached(ALL_CERTIFICATES)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        // Who has an entry had a certificate, be it revoked.
        let good = certificates.entry(row.get(0)?).or_default();
        if row.get(2)? {
            good.push(row.get(1)?);
        }
    }
    let users = connection
        .prepare_cached(USERS)?
        .query_map([], |row| {
            let id = row.get(4)?;
            let certificates = certificates.remove(&id);
            Ok(UserRow {
                id,
                name: row.get(5)?,
                account: account(row)?,
                admin: row.get(6)?,
                access_keys: access_keys.remove(&id).unwrap_or_default(),
                had_certificate: certificates.is_some(),
                certificates: certificates.unwrap_or_default(),
            })
        })?
        .collect::<Result<_, _>>()?;
    let accounts = connection
        .prepare_cached(ACCOUNTS)?
        .query_map([], account)?
        .collect::<Result<_, _>>()?;
    Ok(AccountsState {
        accounts,
        users,
        now,
    })
}

fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    Ok(Account {
        number: parsed(row, 0)?,
        name: row.get(1)?,
        canonical_id: row.get(2)?,
        email: row.get(3)?,
    })
}

/// Changes rows of accounts.
pub(crate) fn apply(
    connection: &Connection,
    change: &AccountsChange,
    now: i64,
) -> Result<(), Failure> {
    if let Some(user) = &change.add {
        add(connection, user, now)?;
    }
    if let Some((user, certificate)) = &change.certify {
        certify(connection, *user, certificate, now)?;
    }
    if let Some(user) = change.revoke {
        for sql in [REVOKE_ACCESS_KEYS, REVOKE_CERTIFICATES] {
            connection.prepare_cached(sql)?.execute([user])?;
        }
    }
    if let Some((account, email)) = &change.email {
        connection
            .prepare_cached(SET_EMAIL)?
            .execute(params![email, account.as_str()])
            .map_err(|error| taken(error, Conflict::Email))?;
    }
    Ok(())
}

/// Makes a conflict of what a unique column refuses.
fn taken(error: rusqlite::Error, conflict: Conflict) -> Failure {
    match error.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation) => conflict.into(),
        _ => error.into(),
    }
}

fn add(connection: &Connection, new: &NewUser, now: i64) -> Result<(), Failure> {
    let Account {
        number,
        name,
        canonical_id,
        email,
    } = &new.account;
    connection
        .prepare_cached(ADD_ACCOUNT)?
        .execute(params![number.as_str(), name, canonical_id, email, now])
        .map_err(|error| taken(error, Conflict::Name))?;
    // The table would let another account have a user of the name.
    let is_taken = connection
        .prepare_cached(HAS_USER)?
        .query_row([&new.name], |row| row.get(0))?;
    if is_taken {
        return Err(Conflict::Name.into());
    }
    connection.prepare_cached(ADD_USER)?.execute(params![
        number.as_str(),
        new.name,
        new.admin,
        now
    ])?;
    let user = connection.last_insert_rowid();
    connection.prepare_cached(ADD_ACCESS_KEY)?.execute(params![
        new.access_key,
        user,
        new.secret_key.expose(),
        now
    ])?;
    if let Some(certificate) = &new.certificate {
        certify(connection, user, certificate, now)?;
    }
    Ok(())
}

fn certify(
    connection: &Connection,
    user: i64,
    certificate: &NewCertificate,
    now: i64,
) -> rusqlite::Result<()> {
    let NewCertificate { pem, fingerprint } = certificate;
    connection
        .prepare_cached(ADD_CERTIFICATE)?
        .execute(params![user, pem, fingerprint, now])
        .map(drop)
}
