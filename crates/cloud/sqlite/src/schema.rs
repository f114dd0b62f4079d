//! The tables, and how a file with older tables becomes one with these.

use gumnut_cloud_catalogue::CatalogueError;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, TransactionBehavior};

use crate::failure::Failure;

/// The steps from an empty file to the tables of today; a file's `user_version` counts those it has had.
/// A step that has been released is never changed: changes are new steps.
const STEPS: [&str; 14] = [
    include_str!("steps/1-tables.sql"),
    include_str!("steps/2-versions.sql"),
    include_str!("steps/3-completed.sql"),
    include_str!("steps/4-checksums.sql"),
    include_str!("steps/5-garbage.sql"),
    include_str!("steps/6-initiators.sql"),
    include_str!("steps/7-identity.sql"),
    include_str!("steps/8-secrets.sql"),
    include_str!("steps/9-migrated.sql"),
    include_str!("steps/10-small.sql"),
    include_str!("steps/11-swept.sql"),
    include_str!("steps/12-instances.sql"),
    include_str!("steps/13-key-pairs.sql"),
    include_str!("steps/14-groups.sql"),
];

/// Prepared statements that are kept.
const STATEMENTS: usize = 128;

/// Pages that are written again in a second or two: 256 MiB.
const FEW_PAGES: u32 = 64 << 10;

/// Sets the connection up and brings the tables up to date.
pub(crate) fn prepare(connection: &mut Connection) -> Result<(), Failure> {
    // Of a new file; pages that become free can be given back to the disk then.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // What was acknowledged must survive a power cut, and WAL alone promises that only of the order.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    keep_statements(connection)?;
    if missing(connection)?.is_empty() {
        return Ok(());
    }
    let is_old = !is_new(connection)?;
    // Another process may bring them up to date meanwhile, so this one looks again when it is the only one.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for step in missing(&transaction)? {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", STEPS.len())?;
    transaction.commit().map_err(Failure::of_commit)?;
    if is_old {
        // Without room for a copy of the file it remains as it is, and uses its free pages only for what is put.
        let _ = let_pages_move(connection);
    }
    Ok(())
}

/// Writes an older file again, in which free pages cannot be given back to the disk; one that takes long is left as it is.
fn let_pages_move(connection: &Connection) -> rusqlite::Result<()> {
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, u32>(0));
    if number("auto_vacuum")? == 0 && number("page_count")? <= FEW_PAGES {
        connection.execute_batch("VACUUM")?;
    }
    Ok(())
}

/// Lets a connection keep its prepared statements, and each its plan.
pub(crate) fn keep_statements(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Otherwise SQLite prepares a statement again each time that it gets other values, in case these have a better plan: that takes
    // several times as long as running it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// Whether the file has had no step at all.
pub(crate) fn is_new(connection: &Connection) -> Result<bool, Failure> {
    Ok(version(connection)? == 0)
}

/// Insists that the tables are those of this program still: a later one may have brought them up to date meanwhile.
pub(crate) fn insist(connection: &Connection) -> Result<(), Failure> {
    missing(connection).map(drop)
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// The steps that the file has not had.
fn missing(connection: &Connection) -> Result<&'static [&'static str], Failure> {
    let found = version(connection)?;
    let had = usize::try_from(found).ok();
    had.and_then(|had| STEPS.get(had..)).ok_or_else(|| {
        let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
        Failure::from(CatalogueError::Version { found, known })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blobs::Garbage;

    /// A file as a gumnut of so many steps left it.
    fn old(steps: usize, rows: &str) -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        for step in &STEPS[..steps] {
            connection.execute_batch(step).unwrap();
        }
        let version = format!("PRAGMA user_version = {steps};");
        connection.execute_batch(&(version + rows)).unwrap();
        connection
    }

    fn texts(connection: &Connection, sql: &str) -> Vec<String> {
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    }

    const ACCOUNT: &str = "INSERT INTO accounts VALUES ('111111111111', 'a', 'c', NULL, 0);";

    #[test]
    fn objects_of_the_first_tables_become_versions() {
        let rows = format!(
            "{ACCOUNT}
             INSERT INTO buckets VALUES ('b', '111111111111', '[]', 0);
             INSERT INTO objects VALUES (7, 'b', 'k', '111111111111', '[]', 3, 'e', '{{}}', 9);
             INSERT INTO segments VALUES (7, 0, 'blob', 3, 'e');"
        );
        let mut connection = old(1, &rows);
        prepare(&mut connection).unwrap();
        let object = crate::objects::current(&connection, "b", "k").unwrap();
        let object = object.unwrap();
        assert_eq!(
            (object.id, object.version.as_str(), object.size),
            (7, "null", 3)
        );
        let mut garbage = Garbage::new(1);
        crate::objects::delete(&connection, "b", "k", 7, &mut garbage).unwrap();
        assert_eq!(garbage.into_blobs(), ["blob"]);
        assert_eq!(texts(&connection, "SELECT blob FROM garbage"), ["blob"]);
        assert!(texts(&connection, "SELECT blob FROM segments").is_empty());
        assert!(texts(&connection, "PRAGMA foreign_key_check").is_empty());
    }

    #[test]
    fn of_images_with_one_name_the_first_that_can_be_used_holds_it() {
        let images = [
            ("emi-9", "deregistered", "'twice'"),
            ("emi-8", "available", "'twice'"),
            ("emi-7", "available", "'twice'"),
            ("emi-6", "pending", "'once'"),
            ("emi-5", "available", "NULL"),
            ("emi-4", "available", "NULL"),
        ];
        let images = images.map(|(id, state, name)| {
            format!(
                "INSERT INTO images VALUES ('{id}', 'b/k', '{state}', '111111111111', 'u', 'machine', 'i386', {name},
                 NULL, NULL, NULL, NULL, NULL, '[]', '[]', '[]', 'hvm', 0, 1, 1, 'd', 's', 'strict', '[]', 3, 4);"
            )
        });
        let rows = ACCOUNT.to_owned() + &images.concat();
        let mut connection = old(4, &rows);
        prepare(&mut connection).unwrap();
        let images = crate::images::all(&connection, None).unwrap();
        assert_eq!(images.len(), 6);
        assert!(images.iter().all(|image| image.changed == 4));
        let held = images.iter().filter(|image| image.name_is_unique);
        let held: Vec<_> = held.map(|image| image.id.as_str()).collect();
        assert_eq!(held, ["emi-6", "emi-8"]);
    }

    #[test]
    fn uploads_of_before_get_an_initiator_and_markers_without_an_object_go() {
        let long = "k".repeat(1025);
        let version = |key: &str, version: &str, marker: u8| {
            format!(
                "INSERT INTO objects VALUES (NULL, 'b', '{key}', '{version}', {marker}, {marker}, '111111111111', '[]', 0, '',
                 '{{}}', '{{}}', 9, NULL);"
            )
        };
        let rows = [
            ACCOUNT.to_owned(),
            "INSERT INTO users VALUES (3, '111111111111', 'u', 1, 0), (4, '111111111111', 'v', 0, 0);
             INSERT INTO buckets VALUES ('b', '111111111111', '[]', 0, '{}');
             INSERT INTO uploads VALUES ('up', 'b', 'k', '111111111111', '[]', '{}', 9, '{}', 'null');"
                .to_owned(),
            version(&long, "v1", 1),
            version("short", "v2", 1),
            version("old", "v3", 0),
        ];
        let mut connection = old(5, &rows.concat());
        prepare(&mut connection).unwrap();
        let upload = crate::uploads::find(&connection, "up").unwrap().unwrap();
        let initiator = upload.initiator.unwrap();
        assert_eq!((initiator.user_id, initiator.account), (3, upload.owner));
        let left = texts(&connection, "SELECT key FROM objects ORDER BY key");
        assert_eq!(left, ["old", "short"]);
    }

    #[test]
    fn a_file_of_a_later_gumnut_is_left_alone() {
        let next = i64::try_from(STEPS.len() + 1).unwrap();
        for version in [next, -1] {
            let mut connection = Connection::open_in_memory().unwrap();
            connection
                .pragma_update(None, "user_version", version)
                .unwrap();
            let error = CatalogueError::from(prepare(&mut connection).unwrap_err());
            assert!(
                matches!(error, CatalogueError::Version { found, known } if found == version && known == next - 1)
            );
        }
    }
}
