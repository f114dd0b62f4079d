//! The tables, and how a file with older tables becomes one with these.

use std::path::Path;

use rusqlite::Connection;

use crate::CloudError;

/// The steps from an empty file to the tables of today; a file's `user_version` counts those it has had.
/// A step that has been released is never changed: changes are new steps.
const STEPS: [&str; 1] = [include_str!("schema.sql")];

/// Sets the connection up and brings the tables up to date.
pub(super) fn prepare(connection: &mut Connection, path: &Path) -> Result<(), CloudError> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // What was acknowledged must survive a power cut, and WAL alone promises that only of the order.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.set_prepared_statement_cache_capacity(64);

    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let had = usize::try_from(found)
        .ok()
        .filter(|had| *had <= STEPS.len());
    let had = had.ok_or_else(|| CloudError::Version {
        path: path.to_owned(),
        found,
        known,
    })?;
    if had < STEPS.len() {
        let transaction = connection.transaction()?;
        for step in &STEPS[had..] {
            transaction.execute_batch(step)?;
        }
        transaction.pragma_update(None, "user_version", known)?;
        transaction.commit()?;
    }
    Ok(())
}
