//! Which blobs rows name, which were given up, and whether the tables hold together.

use std::collections::HashSet;

use gumnut_cloud_catalogue::{CatalogueError, KnownBlob};
use rusqlite::{Connection, Params, params};

use crate::failure::Failure;
use crate::json::Json;

statements! {
    GARBAGE = "SELECT blob FROM garbage ORDER BY rowid LIMIT ?";
    FORGET = "DELETE FROM garbage WHERE blob IN (SELECT value FROM json_each(?))";
    NAMED = "SELECT value FROM json_each(?) WHERE EXISTS (SELECT 1 FROM segments WHERE blob = value) \
             OR EXISTS (SELECT 1 FROM parts WHERE blob = value)";
    KNOWN = "SELECT s.blob, s.size, s.etag, o.bucket || '/' || o.key FROM segments s \
             JOIN objects o ON o.id = s.object \
             UNION ALL SELECT p.blob, p.size, p.etag, u.bucket || '/' || u.key FROM parts p \
             JOIN uploads u ON u.id = p.upload";
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

/// Every blob that a row names, with what it must be.
pub(crate) fn known(connection: &Connection) -> rusqlite::Result<Vec<KnownBlob>> {
    connection
        .prepare(KNOWN)?
        .query_map([], |row| {
            Ok(KnownBlob {
                name: row.get(0)?,
                size: row.get(1)?,
                md5: row.get(2)?,
                object: row.get(3)?,
            })
        })?
        .collect()
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
    Ok(lines)
}
