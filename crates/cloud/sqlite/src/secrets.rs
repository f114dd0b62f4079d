//! Secrets and leases: what the front ends of a cloud share beside users and objects.

use rusqlite::{Connection, OptionalExtension as _, params};

statements! {
    FIND = "SELECT wrapped FROM secrets WHERE name = ?";
    KEEP = "INSERT INTO secrets (name, wrapped, made) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
    LEASE = "INSERT INTO leases (name, owner, expires) VALUES (?1, ?2, ?3) \
             ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, expires = excluded.expires \
             WHERE leases.owner = excluded.owner OR leases.expires <= ?4";
}

/// The secret of this name, as it was kept.
pub(crate) fn find(connection: &Connection, name: &str) -> rusqlite::Result<Option<Vec<u8>>> {
    connection
        .prepare_cached(FIND)?
        .query_row([name], |row| row.get(0))
        .optional()
}

/// Keeps a secret unless there is one of this name, and gives the one that is kept.
pub(crate) fn keep(
    connection: &Connection,
    name: &str,
    candidate: &[u8],
    now: i64,
) -> rusqlite::Result<Vec<u8>> {
    connection
        .prepare_cached(KEEP)?
        .execute(params![name, candidate, now])?;
    connection
        .prepare_cached(FIND)?
        .query_row([name], |row| row.get(0))
}

/// Takes or extends a lease up to `expires`, in milliseconds since 1970; whether the owner has it now.
pub(crate) fn lease(
    connection: &Connection,
    name: &str,
    owner: &str,
    expires: i64,
    now: i64,
) -> rusqlite::Result<bool> {
    let changed = connection
        .prepare_cached(LEASE)?
        .execute(params![name, owner, expires, now])?;
    Ok(changed == 1)
}
