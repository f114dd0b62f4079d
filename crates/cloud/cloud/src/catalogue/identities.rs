//! Who is behind keys, owner ids and addresses. The rows themselves are made by `accounts`.

use gumnut_types::{AccountId, SecretString};
use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use gumnut_cloud_catalogue::Owner;

use crate::auth::Caller;

/// The user with this access key, and the secret key to it; only active keys count.
pub(crate) fn by_access_key(
    connection: &Connection,
    access_key: &str,
) -> rusqlite::Result<Option<(Caller, SecretString)>> {
    let sql = "SELECT u.id, u.name, a.id, a.name, a.canonical_id, u.admin, k.secret \
               FROM access_keys k JOIN users u ON u.id = k.user JOIN accounts a ON a.id = u.account \
               WHERE k.access_key = ? AND k.active";
    let user = |row: &Row<'_>| Ok((caller(row)?, SecretString::new(row.get::<_, String>(6)?)));
    connection
        .prepare_cached(sql)?
        .query_row([access_key], user)
        .optional()
}

fn caller(row: &Row<'_>) -> rusqlite::Result<Caller> {
    let account: String = row.get(2)?;
    let account: AccountId = account.parse().map_err(|error| {
        let error = FromSqlError::other(error);
        rusqlite::Error::FromSqlConversionFailure(2, Type::Text, error.into())
    })?;
    Ok(Caller {
        user_id: row.get(0)?,
        user: row.get(1)?,
        account,
        account_name: row.get(3)?,
        canonical_id: row.get(4)?,
        admin: row.get(5)?,
    })
}

/// The account with this owner id.
pub(crate) fn by_owner_id(connection: &Connection, id: &str) -> rusqlite::Result<Option<Owner>> {
    owner(
        connection,
        "SELECT canonical_id, name FROM accounts WHERE canonical_id = ?",
        id,
    )
}

/// The account with this address.
pub(crate) fn by_email(connection: &Connection, email: &str) -> rusqlite::Result<Option<Owner>> {
    owner(
        connection,
        "SELECT canonical_id, name FROM accounts WHERE email = ?",
        email,
    )
}

fn owner(connection: &Connection, sql: &str, value: &str) -> rusqlite::Result<Option<Owner>> {
    let mut statement = connection.prepare_cached(sql)?;
    let owner = |row: &Row<'_>| {
        Ok(Owner {
            id: row.get(0)?,
            name: row.get(1)?,
        })
    };
    statement.query_row(params![value], owner).optional()
}
