//! Rows of key pairs, and units of change of them.

use futures::future::{join, join3};
use gumnut_cloud_catalogue::{KeyPair, KeyPairChange, KeyPairsState};
use gumnut_types::AccountId;
use tokio_postgres::Row;

use crate::buckets::{self, Now};
use crate::connection::{Connection, Write};
use crate::failure::Failure;
use crate::transaction::Unit;
use crate::values::{get, parsed};

statements! {
    OF_ACCOUNT = "SELECT account, name, id, fingerprint, public, created FROM key_pairs WHERE account = $1 ORDER BY name";
    INSERT = "INSERT INTO key_pairs (account, name, id, fingerprint, public, created) VALUES ($1, $2, $3, $4, $5, $6)";
    REMOVE = "DELETE FROM key_pairs WHERE account = $1 AND name = $2";
}

fn key_pair(row: &Row) -> Result<KeyPair, Failure> {
    Ok(KeyPair {
        owner: parsed(row, 0)?,
        name: get(row, 1)?,
        id: get(row, 2)?,
        fingerprint: get(row, 3)?,
        public: get(row, 4)?,
        created: get(row, 5)?,
    })
}

fn state(rows: &[Row], now: i64) -> Result<KeyPairsState, Failure> {
    Ok(KeyPairsState {
        key_pairs: rows.iter().map(key_pair).collect::<Result<_, _>>()?,
        now,
    })
}

/// The key pairs of an account, by name.
pub(crate) async fn find(
    connection: &Connection,
    account: &AccountId,
    now: Now,
) -> Result<KeyPairsState, Failure> {
    let (rows, now) = join(
        connection.rows(OF_ACCOUNT, &[&account.as_str()]),
        buckets::time(connection, now),
    )
    .await;
    state(&rows?, now?)
}

/// A unit of change of the key pairs of an account.
#[derive(Debug)]
pub(crate) struct KeyPairs {
    pub(crate) account: AccountId,
    pub(crate) now: Now,
}

impl Unit for KeyPairs {
    type State = KeyPairsState;
    type Change = KeyPairChange;

    async fn load(&self, connection: &Connection) -> Result<KeyPairsState, Failure> {
        let account = self.account.as_str();
        // Behind the lock: who waited there for another unit sees the key pair that it has added.
        let (locked, rows, now) = join3(
            connection.rows(buckets::LOCK_ACCOUNT, &[&account]),
            connection.rows(OF_ACCOUNT, &[&account]),
            buckets::time(connection, self.now),
        )
        .await;
        locked?;
        state(&rows?, now?)
    }

    fn writes(&self, _state: &KeyPairsState, change: KeyPairChange) -> Result<Vec<Write>, Failure> {
        let account = || self.account.as_str().to_owned();
        let mut writes = Vec::new();
        if let Some(name) = change.remove {
            writes.push(Write {
                sql: REMOVE,
                values: values![account(), name],
            });
        }
        if let Some(new) = change.insert {
            writes.push(Write {
                sql: INSERT,
                values: values![
                    account(),
                    new.name,
                    new.id,
                    new.fingerprint,
                    new.public,
                    new.created,
                ],
            });
        }
        Ok(writes)
    }
}
