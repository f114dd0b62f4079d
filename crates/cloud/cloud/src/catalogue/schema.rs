//! The tables, and how a file with older tables becomes one with these.

use std::path::Path;

use rusqlite::Connection;

use crate::CloudError;

/// The steps from an empty file to the tables of today; a file's `user_version` counts those it has had.
/// A step that has been released is never changed: changes are new steps.
const STEPS: [&str; 4] = [
    include_str!("schema.sql"),
    include_str!("versions.sql"),
    include_str!("completed.sql"),
    include_str!("checksums.sql"),
];

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_of_the_first_tables_become_versions() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(STEPS[0]).unwrap();
        let rows = "PRAGMA user_version = 1;
            INSERT INTO accounts VALUES ('111111111111', 'a', 'c', NULL, 0);
            INSERT INTO buckets VALUES ('b', '111111111111', '[]', 0);
            INSERT INTO objects VALUES (7, 'b', 'k', '111111111111', '[]', 3, 'e', '{}', 9);
            INSERT INTO segments VALUES (7, 0, 'blob', 3, 'e');";
        connection.execute_batch(rows).unwrap();
        prepare(&mut connection, Path::new("catalogue")).unwrap();
        let object = super::super::objects::find(&connection, "b", "k").unwrap();
        let object = object.unwrap();
        assert_eq!(
            (object.id, object.version.as_str(), object.size),
            (7, "null", 3)
        );
        let files = super::super::objects::delete(&connection, "b", "k", "null").unwrap();
        assert_eq!(files, ["blob"]);
        let orphans = "SELECT count(*) FROM segments";
        let orphans: i64 = connection.query_row(orphans, [], |row| row.get(0)).unwrap();
        assert_eq!(orphans, 0);
        let mut check = connection.prepare("PRAGMA foreign_key_check").unwrap();
        assert!(check.query([]).unwrap().next().unwrap().is_none());
    }
}
