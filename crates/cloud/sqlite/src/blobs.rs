//! Which blobs rows name, which were given up, and whether the tables hold together.

use std::collections::HashSet;

use gumnut_cloud_catalogue::{CatalogueError, Key, KnownBlob, UploadRef};
use rusqlite::{Connection, Params, params};

use crate::failure::Failure;
use crate::json::Json;

statements! {
    GARBAGE = "SELECT blob FROM garbage ORDER BY rowid LIMIT ?";
    OLD_GARBAGE = "SELECT blob FROM garbage WHERE since <= ? ORDER BY rowid LIMIT ?";
    OLD_UPLOADS = "SELECT bucket, key, id FROM uploads WHERE started <= ? ORDER BY started LIMIT ?";
    UNKNOWN = "SELECT value FROM json_each(?) WHERE NOT EXISTS (SELECT 1 FROM segments WHERE blob = value) \
               AND NOT EXISTS (SELECT 1 FROM parts WHERE blob = value) \
               AND NOT EXISTS (SELECT 1 FROM garbage WHERE blob = value)";
    UNSWEPT = "SELECT value FROM json_each(?) WHERE value NOT IN (SELECT hour FROM swept)";
    KEEP_SWEPT = "INSERT OR IGNORE INTO swept (hour) VALUES (?)";
    FORGET = "DELETE FROM garbage WHERE blob IN (SELECT value FROM json_each(?))";
    NAMED = "SELECT value FROM json_each(?) WHERE EXISTS (SELECT 1 FROM segments WHERE blob = value) \
             OR EXISTS (SELECT 1 FROM parts WHERE blob = value)";
    KNOWN = "SELECT blob, size, etag, place FROM (\
             SELECT * FROM (SELECT s.blob, s.size, s.etag, o.bucket || '/' || o.key AS place FROM segments s \
             JOIN objects o ON o.id = s.object WHERE s.blob > ?1 ORDER BY s.blob LIMIT ?2) \
             UNION ALL SELECT * FROM (SELECT p.blob, p.size, p.etag, u.bucket || '/' || u.key FROM parts p \
             JOIN uploads u ON u.id = p.upload WHERE p.blob > ?1 ORDER BY p.blob LIMIT ?2)) ORDER BY blob LIMIT ?2";
    FIND = "SELECT s.blob, s.size, s.etag, o.bucket || '/' || o.key FROM segments s JOIN objects o ON o.id = s.object \
            WHERE s.blob IN (SELECT value FROM json_each(?1)) \
            UNION ALL SELECT p.blob, p.size, p.etag, u.bucket || '/' || u.key FROM parts p JOIN uploads u ON u.id = p.upload \
            WHERE p.blob IN (SELECT value FROM json_each(?1))";
    COUNT_OLD = "SELECT (SELECT count(*) FROM uploads WHERE started <= ?), (SELECT count(*) FROM garbage WHERE since <= ?)";
    OTHER_SIZE = "SELECT object, said, found FROM (SELECT o.id, o.bucket || '/' || o.key AS object, o.size AS said, \
                  coalesce((SELECT sum(size) FROM segments WHERE object = o.id), 0) + \
                  coalesce((SELECT length(bytes) FROM small WHERE object = o.id), 0) AS found FROM objects o) \
                  WHERE said <> found ORDER BY id LIMIT 100";
    WITHOUT_NEWEST = "SELECT bucket || '/' || key FROM objects GROUP BY bucket, key \
                      HAVING sum(current) <> 1 OR max(id) <> max(CASE WHEN current = 1 THEN id END) \
                      ORDER BY 1 LIMIT 100";
    NAMED_GARBAGE = "SELECT blob FROM garbage WHERE blob IN (SELECT blob FROM segments UNION ALL SELECT blob FROM parts) \
                     ORDER BY 1 LIMIT 100";
    NAMED_TWICE = "SELECT blob FROM parts WHERE blob IN (SELECT blob FROM segments) ORDER BY 1 LIMIT 100";
    NOT_JSON = "SELECT bucket || '/' || key FROM objects \
                WHERE NOT (json_valid(acl) AND json_valid(headers) AND json_valid(marks)) ORDER BY 1 LIMIT 100";
    QUICK_CHECK = "PRAGMA quick_check(1)";
    INTEGRITY_CHECK = "PRAGMA integrity_check";
    FOREIGN_KEY_CHECK = "PRAGMA foreign_key_check";
}

/// The blobs that a unit of change gives up.
#[derive(Debug)]
pub(crate) struct Garbage {
    /// The time of the unit, in milliseconds since 1970.
    pub(crate) now: i64,
    blobs: Vec<String>,
}

impl Garbage {
    /// Nothing is given up yet.
    pub(crate) fn new(now: i64) -> Self {
        let blobs = Vec::new();
        Self { now, blobs }
    }

    /// Runs a statement that inserts blobs into the table and returns those that were not there.
    pub(crate) fn add(
        &mut self,
        connection: &Connection,
        sql: &str,
        values: impl Params,
    ) -> rusqlite::Result<()> {
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query(values)?;
        while let Some(row) = rows.next()? {
            self.blobs.push(row.get(0)?);
        }
        Ok(())
    }

    /// Takes blobs back that another row of the unit names.
    pub(crate) fn reclaim<'a>(
        &mut self,
        connection: &Connection,
        blobs: impl Iterator<Item = &'a str>,
    ) -> rusqlite::Result<()> {
        if self.blobs.is_empty() {
            return Ok(());
        }
        let named: HashSet<_> = blobs.collect();
        let (again, given_up) = self
            .blobs
            .drain(..)
            .partition(|it| named.contains(it.as_str()));
        self.blobs = given_up;
        forget(connection, &again)
    }

    /// The names of the blobs.
    pub(crate) fn into_blobs(self) -> Vec<String> {
        self.blobs
    }
}

/// At most `limit` blobs that were given up, those that were so first, first.
pub(crate) fn garbage(connection: &Connection, limit: i64) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare_cached(GARBAGE)?
        .query_map([limit], |row| row.get(0))?
        .collect()
}

/// At most `limit` blobs that were given up by the time `until`.
pub(crate) fn old_garbage(
    connection: &Connection,
    until: i64,
    limit: i64,
) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare_cached(OLD_GARBAGE)?
        .query_map([until, limit], |row| row.get(0))?
        .collect()
}

/// At most `limit` uploads that began by the time `until`.
pub(crate) fn old_uploads(
    connection: &Connection,
    until: i64,
    limit: i64,
) -> Result<Vec<UploadRef>, Failure> {
    let mut statement = connection.prepare_cached(OLD_UPLOADS)?;
    let mut rows = statement.query([until, limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let key: String = row.get(1)?;
        found.push(UploadRef {
            bucket: row.get(0)?,
            key: Key::new(key).map_err(|error| CatalogueError::Database(error.into()))?,
            id: row.get(2)?,
        });
    }
    Ok(found)
}

/// Those of the blobs that no row names and that were not given up.
pub(crate) fn unknown(connection: &Connection, blobs: &[String]) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare_cached(UNKNOWN)?
        .query_map(params![Json(blobs)], |row| row.get(0))?
        .collect()
}

/// Those of the hours that were not kept as swept.
pub(crate) fn unswept(connection: &Connection, hours: &[u32]) -> rusqlite::Result<Vec<u32>> {
    connection
        .prepare_cached(UNSWEPT)?
        .query_map(params![Json(hours)], |row| row.get(0))?
        .collect()
}

/// Keeps an hour as swept.
pub(crate) fn keep_swept(connection: &Connection, hour: u32) -> rusqlite::Result<()> {
    connection
        .prepare_cached(KEEP_SWEPT)?
        .execute([hour])
        .map(drop)
}

/// Forgets blobs that were given up.
pub(crate) fn forget(connection: &Connection, blobs: &[String]) -> rusqlite::Result<()> {
    if blobs.is_empty() {
        return Ok(());
    }
    connection
        .prepare_cached(FORGET)?
        .execute(params![Json(blobs)])
        .map(drop)
}

/// Those of the blobs that a row names.
pub(crate) fn named(connection: &Connection, blobs: &[String]) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare_cached(NAMED)?
        .query_map(params![Json(blobs)], |row| row.get(0))?
        .collect()
}

/// At most `limit` blobs that rows name, behind the name `after`.
pub(crate) fn known(
    connection: &Connection,
    after: &str,
    limit: i64,
) -> rusqlite::Result<Vec<KnownBlob>> {
    known_blobs(connection, KNOWN, params![after, limit])
}

/// Those of the blobs that a row names, with what they must be.
pub(crate) fn find(connection: &Connection, blobs: &[String]) -> rusqlite::Result<Vec<KnownBlob>> {
    known_blobs(connection, FIND, params![Json(blobs)])
}

fn known_blobs(
    connection: &Connection,
    sql: &str,
    values: impl Params,
) -> rusqlite::Result<Vec<KnownBlob>> {
    connection
        .prepare_cached(sql)?
        .query_map(values, |row| {
            Ok(KnownBlob {
                name: row.get(0)?,
                size: row.get(1)?,
                md5: row.get(2)?,
                object: row.get(3)?,
            })
        })?
        .collect()
}

/// How many uploads began by the first time, and how many blobs were given up by the second.
pub(crate) fn count_old(
    connection: &Connection,
    [uploads, garbage]: [i64; 2],
) -> rusqlite::Result<(u64, u64)> {
    connection
        .prepare_cached(COUNT_OLD)?
        .query_row([uploads, garbage], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Insists that the file holds together, as far as can be told without comparing tables with their indexes.
pub(crate) fn check(connection: &Connection) -> Result<(), Failure> {
    let first: String = connection.query_row(QUICK_CHECK, [], |row| row.get(0))?;
    if first == "ok" {
        return Ok(());
    }
    Err(CatalogueError::Damaged { reason: first }.into())
}

/// What does not hold together, a line each.
pub(crate) fn faults(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut lines: Vec<String> = connection
        .prepare(INTEGRITY_CHECK)?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    lines.retain(|line| line != "ok");
    let mut dangling = connection.prepare(FOREIGN_KEY_CHECK)?;
    for table in dangling.query_map([], |row| row.get::<_, String>(0))? {
        lines.push(format!("a row of {} refers to nothing", table?));
    }
    let mut other_size = connection.prepare(OTHER_SIZE)?;
    let rows = other_size.query_map([], |row| {
        let (object, said, found): (String, u64, u64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(format!("{object} has {said} bytes, but {found} are stored"))
    })?;
    for line in rows {
        lines.push(line?);
    }
    for (sql, fault) in [
        (
            WITHOUT_NEWEST,
            "has no newest version, or not the newest one",
        ),
        (NOT_JSON, "has a row that cannot be read"),
        (NAMED_GARBAGE, "was given up and is in use"),
        (NAMED_TWICE, "belongs to an object and to a part"),
    ] {
        let mut statement = connection.prepare(sql)?;
        for name in statement.query_map([], |row| row.get::<_, String>(0))? {
            lines.push(format!("{} {fault}", name?));
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema;

    #[test]
    fn rows_that_contradict_each_other_are_faults() {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::prepare(&mut connection).unwrap();
        let version = |id: u8, key: &str, version: &str, current: u8, acl: &str| {
            format!(
                "INSERT INTO objects VALUES ({id}, 'b', '{key}', '{version}', {current}, 0, '1', '{acl}', 1, 'e', '{{}}', '{{}}', 0, NULL);
                 INSERT INTO segments VALUES ({id}, 0, 'blob{id}', 1, 'e', NULL);"
            )
        };
        let rows = [
            "INSERT INTO accounts VALUES ('1', 'a', 'c', NULL, 0);
             INSERT INTO buckets VALUES ('b', '1', '[]', 0, '{}');
             INSERT INTO uploads (id, bucket, key, owner, acl, headers, started) VALUES ('u', 'b', 'k', '1', '[]', '{}', 0);"
                .to_owned(),
            version(1, "right", "one", 0, "[]"),
            version(2, "right", "two", 1, "[]"),
            version(3, "older", "one", 1, "[]"),
            version(4, "older", "two", 0, "[]"),
            version(5, "none", "one", 0, "[]"),
            version(6, "text", "one", 1, "["),
            "INSERT INTO parts (upload, number, blob, size, etag, modified) VALUES ('u', 1, 'blob1', 1, 'e', 0), ('u', 2, 'p', 1, 'e', 0);
             INSERT INTO garbage VALUES ('blob2', 0), ('p', 0), ('gone', 0);"
                .to_owned(),
        ];
        connection.execute_batch(&rows.concat()).unwrap();
        let expected = [
            "b/none has no newest version, or not the newest one",
            "b/older has no newest version, or not the newest one",
            "b/text has a row that cannot be read",
            "blob2 was given up and is in use",
            "p was given up and is in use",
            "blob1 belongs to an object and to a part",
        ];
        assert_eq!(faults(&connection).unwrap(), expected);
    }

    #[test]
    fn an_object_of_another_size_than_its_bytes_is_a_fault() {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::prepare(&mut connection).unwrap();
        let object = |id: u8, size: u8| {
            format!(
                "INSERT INTO objects VALUES ({id}, 'b', 'k{id}', 'null', 1, 0, '1', '[]', {size}, 'e', '{{}}', '{{}}', 0, NULL);"
            )
        };
        let rows = [
            "INSERT INTO accounts VALUES ('1', 'a', 'c', NULL, 0);
             INSERT INTO buckets VALUES ('b', '1', '[]', 0, '{}');"
                .to_owned(),
            object(1, 3),
            object(2, 3),
            object(3, 3),
            object(4, 3),
            "INSERT INTO small VALUES (1, x'010203'), (2, x'0102');
             INSERT INTO segments VALUES (3, 0, 'x', 1, 'e', NULL), (3, 1, 'y', 2, 'e', NULL), (4, 0, 'z', 4, 'e', NULL);"
                .to_owned(),
        ];
        connection.execute_batch(&rows.concat()).unwrap();
        let expected = [
            "b/k2 has 3 bytes, but 2 are stored",
            "b/k4 has 3 bytes, but 4 are stored",
        ];
        assert_eq!(faults(&connection).unwrap(), expected);
    }
}
