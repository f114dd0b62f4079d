//! Which catalogue a file is, and how far it has come.

use rusqlite::Connection;

use crate::mark::State;

statements! {
    STATE = "SELECT id, changes FROM identity";
    COUNT = "UPDATE identity SET changes = changes + 1 RETURNING changes";
}

/// The id of the catalogue and the number of its changes.
pub(crate) fn state(connection: &Connection) -> rusqlite::Result<State> {
    connection.prepare_cached(STATE)?.query_row([], |row| {
        Ok(State {
            id: row.get(0)?,
            changes: row.get(1)?,
        })
    })
}

/// Counts a unit of change, within it; gives the number that it has.
pub(crate) fn count(connection: &Connection) -> rusqlite::Result<u64> {
    connection
        .prepare_cached(COUNT)?
        .query_row([], |row| row.get(0))
}
