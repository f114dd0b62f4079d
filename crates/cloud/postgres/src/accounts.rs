//! Rows of accounts, users, their keys and certificates, and units of change of them.

use std::collections::HashMap;

use futures::future::{join, join5};
use gumnut_cloud_catalogue::{
    AccessKey, Account, AccountName, AccountsChange, AccountsState, Caller, Conflict,
    KnownAccounts, NewCertificate, NewUser, Owner, UserRow,
};
use gumnut_types::{AccountId, SecretString};
use tokio_postgres::Row;

use crate::buckets::{self, Now};
use crate::connection::{Connection, Write, in_order};
use crate::failure::Failure;
use crate::transaction::Unit;
use crate::values::{Secret, Sought, get, owner, parsed};

statements! {
    IDENTITY = "SELECT u.id, u.name, a.id, a.name, a.canonical_id, u.admin, k.secret FROM access_keys k \
                JOIN users u ON u.id = k.user_id JOIN accounts a ON a.id = u.account WHERE k.access_key = $1 AND k.active";
    BY_OWNER_ID = "SELECT canonical_id, name FROM accounts WHERE canonical_id = $1";
    BY_EMAIL = "SELECT canonical_id, name FROM accounts WHERE lower(email) = $1";
    // Decisions about accounts rest on all of them, so they come one after the other.
    LOCK = "SELECT 1 FROM schema FOR UPDATE";
    ACCOUNTS = "SELECT id, name, canonical_id, email FROM accounts ORDER BY added";
    USERS = "SELECT a.id, a.name, a.canonical_id, a.email, u.id, u.name, u.admin FROM users u \
             JOIN accounts a ON a.id = u.account ORDER BY u.id";
    ACCESS_KEYS = "SELECT user_id, access_key FROM access_keys WHERE active ORDER BY created, added";
    ALL_CERTIFICATES = "SELECT user_id, fingerprint, active FROM certificates ORDER BY id";
    ACCESS_KEY = "SELECT u.name, u.account, k.access_key, k.secret FROM users u \
                  JOIN access_keys k ON k.user_id = u.id AND k.active \
                  WHERE ($1 AND u.admin) OR u.name = $2 ORDER BY u.id, k.created, k.added LIMIT 1";
    CERTIFICATES = "SELECT c.pem FROM certificates c JOIN users u ON u.id = c.user_id \
                    WHERE u.account = $1 AND c.active ORDER BY c.id";
    ADD_ACCOUNT = "INSERT INTO accounts (id, name, canonical_id, email, created) VALUES ($1, $2, $3, $4, $5) \
                   ON CONFLICT (id) DO NOTHING";
    SET_EMAIL = "UPDATE accounts SET email = $1 WHERE id = $2";
    ADD_USER = "WITH u AS (\
                  INSERT INTO users (account, name, admin, created) VALUES ($1, $2, $3, $4) RETURNING id\
                ), k AS (\
                  INSERT INTO access_keys (access_key, user_id, secret, created) SELECT $5, u.id, $6, $4 FROM u\
                ) \
                INSERT INTO certificates (user_id, pem, fingerprint, created) \
                SELECT u.id, $7::text, $8::text, $4 FROM u WHERE $7::text IS NOT NULL";
    ADD_CERTIFICATE = "INSERT INTO certificates (user_id, pem, fingerprint, created) VALUES ($1, $2, $3, $4)";
    REVOKE_ACCESS_KEYS = "UPDATE access_keys SET active = FALSE WHERE user_id = $1";
    REVOKE_CERTIFICATES = "UPDATE certificates SET active = FALSE WHERE user_id = $1";
}

/// The user with this access key, and the secret key to it; only active keys count.
pub(crate) async fn identity(
    connection: &Connection,
    access_key: &str,
) -> Result<Option<(Caller, SecretString)>, Failure> {
    let Some(row) = connection.row(IDENTITY, &[&Sought(access_key)]).await? else {
        return Ok(None);
    };
    let caller = Caller {
        user_id: get(&row, 0)?,
        user: get(&row, 1)?,
        account: parsed(&row, 2)?,
        account_name: get(&row, 3)?,
        canonical_id: get(&row, 4)?,
        admin: get(&row, 5)?,
    };
    Ok(Some((caller, secret(&row, 6)?)))
}

fn secret(row: &Row, column: usize) -> Result<SecretString, Failure> {
    Ok(SecretString::new(get::<String>(row, column)?))
}

/// The accounts that names stand for, as far as there are such.
pub(crate) async fn named(
    connection: &Connection,
    names: Vec<AccountName>,
) -> Result<KnownAccounts, Failure> {
    let asked = names.iter().map(|name| async move {
        match name {
            AccountName::Id(id) => connection.row(BY_OWNER_ID, &[&Sought(id)]).await,
            AccountName::Email(email) => {
                let email = email.to_ascii_lowercase();
                connection.row(BY_EMAIL, &[&Sought(&email)]).await
            }
        }
    });
    let answers = in_order(asked).await;
    let mut known = KnownAccounts::default();
    for (name, answer) in names.into_iter().zip(answers) {
        let found: Option<Owner> = answer?.map(|row| owner(&row, 0)).transpose()?;
        known.0.extend(found.map(|owner| (name, owner)));
    }
    Ok(known)
}

/// The oldest good access key of a user, or of the first administrator who has one for `None`.
pub(crate) async fn access_key(
    connection: &Connection,
    user: Option<&str>,
) -> Result<Option<AccessKey>, Failure> {
    let name = user.map(Sought);
    let row = connection
        .row(ACCESS_KEY, &[&user.is_none(), &name])
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    Ok(Some(AccessKey {
        user: get(&row, 0)?,
        account: get(&row, 1)?,
        access_key: get(&row, 2)?,
        secret_key: secret(&row, 3)?,
    }))
}

/// The good certificates of an account, in PEM.
pub(crate) async fn certificates(
    connection: &Connection,
    account: &AccountId,
) -> Result<Vec<String>, Failure> {
    let rows = connection.rows(CERTIFICATES, &[&account.as_str()]).await?;
    rows.iter().map(|row| get(row, 0)).collect()
}

/// All accounts and users. Everything is sent at once.
pub(crate) async fn load(connection: &Connection, now: Now) -> Result<AccountsState, Failure> {
    let (keys, certificates, users, accounts, now) = join5(
        connection.rows(ACCESS_KEYS, &[]),
        connection.rows(ALL_CERTIFICATES, &[]),
        connection.rows(USERS, &[]),
        connection.rows(ACCOUNTS, &[]),
        buckets::time(connection, now),
    )
    .await;
    let mut access_keys: HashMap<i64, Vec<String>> = HashMap::new();
    for row in keys? {
        access_keys
            .entry(get(&row, 0)?)
            .or_default()
            .push(get(&row, 1)?);
    }
    let mut good_certificates: HashMap<i64, Vec<String>> = HashMap::new();
    for row in certificates? {
        // Who has an entry had a certificate, be it revoked.
        let good = good_certificates.entry(get(&row, 0)?).or_default();
        if get(&row, 2)? {
            good.push(get(&row, 1)?);
        }
    }
    let users = users?.into_iter().map(|row| {
        let id = get(&row, 4)?;
        let certificates = good_certificates.remove(&id);
        Ok(UserRow {
            id,
            name: get(&row, 5)?,
            account: account(&row)?,
            admin: get(&row, 6)?,
            access_keys: access_keys.remove(&id).unwrap_or_default(),
            had_certificate: certificates.is_some(),
            certificates: certificates.unwrap_or_default(),
        })
    });
    Ok(AccountsState {
        users: users.collect::<Result<_, Failure>>()?,
        accounts: accounts?.iter().map(account).collect::<Result<_, _>>()?,
        now: now?,
    })
}

fn account(row: &Row) -> Result<Account, Failure> {
    Ok(Account {
        number: parsed(row, 0)?,
        name: get(row, 1)?,
        canonical_id: get(row, 2)?,
        email: get(row, 3)?,
    })
}

/// What the constraint guards that a row of an account or a user would violate.
pub(crate) fn conflict(constraint: &str) -> Conflict {
    match constraint {
        "accounts_email" => Conflict::Email,
        _ => Conflict::Name,
    }
}

/// A unit of change of accounts.
#[derive(Debug)]
pub(crate) struct Accounts {
    pub(crate) now: Now,
}

impl Unit for Accounts {
    type State = AccountsState;
    type Change = AccountsChange;

    async fn load(&self, connection: &Connection) -> Result<AccountsState, Failure> {
        let locked = connection.rows(LOCK, &[]);
        let (locked, state) = join(locked, load(connection, self.now)).await;
        locked?;
        state
    }

    fn writes(&self, state: &AccountsState, change: AccountsChange) -> Result<Vec<Write>, Failure> {
        let mut writes = Vec::new();
        if let Some(user) = change.add {
            writes.extend(add(user, state.now));
        }
        if let Some((user, NewCertificate { pem, fingerprint })) = change.certify {
            writes.push(Write {
                sql: ADD_CERTIFICATE,
                values: values![user, pem, fingerprint, state.now],
            });
        }
        if let Some(user) = change.revoke {
            let revoke = |sql| Write {
                sql,
                values: values![user],
            };
            writes.extend([REVOKE_ACCESS_KEYS, REVOKE_CERTIFICATES].map(revoke));
        }
        if let Some((account, email)) = change.email {
            writes.push(Write {
                sql: SET_EMAIL,
                values: values![email, account.as_str().to_owned()],
            });
        }
        Ok(writes)
    }
}

fn add(new: NewUser, now: i64) -> [Write; 2] {
    let Account {
        number,
        name,
        canonical_id,
        email,
    } = new.account;
    let number = number.as_str().to_owned();
    let (pem, fingerprint) = new.certificate.map(|it| (it.pem, it.fingerprint)).unzip();
    [
        Write {
            sql: ADD_ACCOUNT,
            values: values![number.clone(), name, canonical_id, email, now],
        },
        Write {
            sql: ADD_USER,
            values: values![
                number,
                new.name,
                new.admin,
                now,
                new.access_key,
                Secret(new.secret_key),
                pem,
                fingerprint,
            ],
        },
    ]
}
