//! Rows of key pairs, and units of change of them.

use gumnut_cloud_catalogue::{KeyPair, KeyPairChange, KeyPairsState};
use gumnut_types::AccountId;
use rusqlite::{Connection, Row, params};

use crate::images::parsed;

statements! {
    OF_ACCOUNT = "SELECT account, name, id, fingerprint, public, created FROM key_pairs WHERE account = ? ORDER BY name";
    INSERT = "INSERT INTO key_pairs (account, name, id, fingerprint, public, created) VALUES (?, ?, ?, ?, ?, ?)";
    REMOVE = "DELETE FROM key_pairs WHERE account = ? AND name = ?";
}

fn key_pair(row: &Row<'_>) -> rusqlite::Result<KeyPair> {
    Ok(KeyPair {
        owner: parsed(row, 0)?,
        name: row.get(1)?,
        id: row.get(2)?,
        fingerprint: row.get(3)?,
        public: row.get(4)?,
        created: row.get(5)?,
    })
}

/// The key pairs of an account, by name.
pub(crate) fn load(
    connection: &Connection,
    account: &AccountId,
    now: i64,
) -> rusqlite::Result<KeyPairsState> {
    let mut statement = connection.prepare_cached(OF_ACCOUNT)?;
    let key_pairs = statement.query_map([account.as_str()], key_pair)?;
    Ok(KeyPairsState {
        key_pairs: key_pairs.collect::<Result<_, _>>()?,
        now,
    })
}

/// Changes key pairs of an account.
pub(crate) fn apply(
    connection: &Connection,
    account: &AccountId,
    change: &KeyPairChange,
) -> rusqlite::Result<()> {
    if let Some(name) = &change.remove {
        let mut remove = connection.prepare_cached(REMOVE)?;
        remove.execute([account.as_str(), name])?;
    }
    if let Some(new) = &change.insert {
        connection.prepare_cached(INSERT)?.execute(params![
            account.as_str(),
            new.name,
            new.id,
            new.fingerprint,
            new.public,
            new.created,
        ])?;
    }
    Ok(())
}
