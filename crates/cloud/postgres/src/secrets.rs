//! Secrets, leases and readiness: what the front ends of a cloud share beside users and objects.

use std::time::Duration;

use futures::future::join;

use crate::buckets::{self, Now};
use crate::connection::Connection;
use crate::error::PostgresError;
use crate::failure::Failure;
use crate::schema;
use crate::values::{Sought, get};

statements! {
    FIND = "SELECT wrapped FROM secrets WHERE name = $1";
    KEEP = "INSERT INTO secrets (name, wrapped, made) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING";
    LEASE = "INSERT INTO leases (name, owner, expires) VALUES ($1, $2, $3) \
             ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, expires = excluded.expires \
             WHERE leases.owner = excluded.owner OR leases.expires <= $4 RETURNING owner";
    SCHEMA = "SELECT version, oldest_program, current_setting('transaction_read_only') = 'on' FROM schema";
}

/// The secret of this name, as it was kept.
pub(crate) async fn find(connection: &Connection, name: &str) -> Result<Option<Vec<u8>>, Failure> {
    let row = connection.row(FIND, &[&Sought(name)]).await?;
    row.map(|row| get(&row, 0)).transpose()
}

/// Keeps a secret unless there is one of this name, and gives the one that is kept.
pub(crate) async fn keep(
    connection: &Connection,
    name: &str,
    candidate: &[u8],
    now: Now,
) -> Result<Vec<u8>, Failure> {
    let now = buckets::time(connection, now).await?;
    // Behind the insertion, which waits for that of another.
    let (inserted, found) = join(
        connection.rows(KEEP, &[&name, &candidate, &now]),
        connection.row(FIND, &[&name]),
    )
    .await;
    inserted?;
    get(&found?.ok_or(Failure::Stale)?, 0)
}

/// Takes or extends a lease; whether the owner has it now.
pub(crate) async fn lease(
    connection: &Connection,
    name: &str,
    owner: &str,
    time: Duration,
    now: Now,
) -> Result<bool, Failure> {
    let now = buckets::time(connection, now).await?;
    let time = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    let expires = now.saturating_add(time);
    let row = connection
        .row(LEASE, &[&name, &owner, &expires, &now])
        .await?;
    Ok(row.is_some())
}

/// The time, when the tables still go with this program and can be changed.
pub(crate) async fn ready(connection: &Connection, now: Now) -> Result<i64, Failure> {
    let (found, now) = join(connection.row(SCHEMA, &[]), buckets::time(connection, now)).await;
    let found = found?.ok_or(Failure::Stale)?;
    schema::insist(&found)?;
    if get(&found, 2)? {
        return Err(PostgresError::ReadOnly("transaction_read_only is on".into()).into());
    }
    now
}
