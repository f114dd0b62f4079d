//! A whole catalogue, from one database to another.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use gumnut_types::Fault;
use sha2::{Digest as _, Sha256};

use super::copy::copy_rows;
use super::database::Transfer;
use super::digest::{Digest, digest};
use super::table::{Kind, Row, Table, Value};
use crate::CatalogueError;

/// What the step begins with that names the copied catalogue, in the database that it is copied to.
const COPY_OF: &str = "copy of ";
/// What the step begins with that names the new place, in the database that was copied.
const MOVED_TO: &str = "moved to ";

/// Why a catalogue was not moved. It can be used where it was, unless it has been moved before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// One of the databases cannot be used. What has been copied is kept for the next time.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The catalogue was moved to another place.
    #[error("the catalogue is no longer in use: it was {0}")]
    Moved(String),
    /// The catalogue is itself a copy that was not completed.
    #[error("the catalogue is an incomplete copy; repeat the command that made it")]
    Incomplete,
    /// There is something in the database that the catalogue was to be copied to.
    #[error("the database is not empty (table {0}); use a new one")]
    NotEmpty(&'static str),
    /// What has been copied before is of another catalogue, or of an earlier state of this one.
    #[error(
        "the database has an incomplete copy of another catalogue or of an earlier state of this one; use a new database"
    )]
    Changed,
    /// The copy is not what was copied, because somebody changes one of the databases.
    #[error(
        "the copy of the table {0} differs; stop every cloud that uses one of the databases, and use a new database"
    )]
    Differs(&'static str),
}

impl MigrateError {
    /// Whose fault it is: that of what is in the databases, or the machine's.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Catalogue(_) => Fault::System,
            _ => Fault::Input,
        }
    }
}

/// Moves a catalogue to another database, whose tables must be empty, and gives the number of rows. Nobody may use the two meanwhile.
/// `rename` gives the name that a blob has in the new place; `None` for the same.
///
/// After it was interrupted, calling it again continues where it was. At the end the digests of all tables are compared, and the
/// first database gets a step that says where the catalogue is now; `place` is what the step says. Until then the second database has
/// steps, so that a cloud never serves both.
///
/// # Errors
/// When the catalogue cannot be moved; it can be used where it was then.
pub async fn migrate(
    from: &dyn Transfer,
    to: &dyn Transfer,
    place: &str,
    rename: &Rename<'_>,
) -> Result<u64, MigrateError> {
    let begun = begin_move(from, to, rename).await?;
    begun.finish(from, to, place, rename).await
}

/// Gives the name that a blob has in the new place of a catalogue; `None` for the same.
pub type Rename<'a> = dyn Fn(&str) -> Option<String> + Sync + 'a;

/// A move of a catalogue that was begun: the second database is marked as an incomplete copy of the first, and no other can be
/// copied to it.
#[derive(Debug)]
pub struct BegunMove {
    expected: BTreeMap<Table, Digest>,
    /// Whether it was begun before, and interrupted.
    is_continued: bool,
}

/// Begins to move a catalogue as [`migrate`] does, or continues.
///
/// # Errors
/// When the catalogue cannot be moved; it can be used where it was then.
pub async fn begin_move(
    from: &dyn Transfer,
    to: &dyn Transfer,
    rename: &Rename<'_>,
) -> Result<BegunMove, MigrateError> {
    let (moved, done) = (from.steps().await?, to.steps().await?);
    let mut expected = BTreeMap::new();
    for table in Table::ALL {
        let digest = digest(from, table, |row| renamed(table, row, rename));
        expected.insert(table, digest.await?);
    }
    let copy_of = format!("{COPY_OF}{}", state(&expected));
    let is_continued = done.contains(&copy_of);
    if !is_continued && !moved.is_empty() {
        insist_on_served(from).await?;
    }
    if !is_continued {
        begin(to, &done, copy_of).await?;
    }
    Ok(BegunMove {
        expected,
        is_continued,
    })
}

/// Gives the blobs of a row their new names.
fn renamed(table: Table, row: &mut Row, rename: &Rename<'_>) {
    for (value, column) in row.iter_mut().zip(table.columns()) {
        if let (Value::Text(name), Kind::Blob) = (&mut *value, column.kind)
            && let Some(new) = rename(name)
        {
            *name = new;
        }
    }
}

impl BegunMove {
    /// Whether the move was begun before, and interrupted.
    pub fn is_continued(&self) -> bool {
        self.is_continued
    }

    /// Copies the rows that are left, compares the digests of all tables, and lets clouds serve the second database and no longer the
    /// first. Gives the number of rows.
    ///
    /// # Errors
    /// When the catalogue cannot be moved; it can be used where it was then.
    pub async fn finish(
        self,
        from: &dyn Transfer,
        to: &dyn Transfer,
        place: &str,
        rename: &Rename<'_>,
    ) -> Result<u64, MigrateError> {
        let done = to.steps().await?;
        for table in Table::ALL {
            let step = format!("table {}", table.name());
            if !done.contains(&step) {
                let copied = copy_rows(from, to, table, |row| renamed(table, row, rename));
                copied.await?;
                to.add_step(step).await?;
            }
        }
        end(from, to, place, &self.expected).await
    }
}

/// Compares the digests of all tables, and marks the first database as moved.
async fn end(
    from: &dyn Transfer,
    to: &dyn Transfer,
    place: &str,
    expected: &BTreeMap<Table, Digest>,
) -> Result<u64, MigrateError> {
    for (table, expected) in expected {
        if digest(to, *table, |_| {}).await? != *expected {
            return Err(MigrateError::Differs(table.name()));
        }
    }
    // First the old place: at no moment can both be served.
    from.add_step(format!("{MOVED_TO}{place}")).await?;
    to.end_steps().await?;
    Ok(expected.values().map(|digest| digest.rows).sum())
}

/// Insists on a catalogue that a cloud may serve: complete, and not moved to another place.
///
/// # Errors
/// [`MigrateError::Moved`] or [`MigrateError::Incomplete`] when it is not; [`MigrateError::Catalogue`] when it cannot be used.
pub async fn insist_on_served(database: &dyn Transfer) -> Result<(), MigrateError> {
    match database.steps().await?.into_iter().next() {
        None => Ok(()),
        Some(step) if step.starts_with(MOVED_TO) => Err(MigrateError::Moved(step)),
        Some(_) => Err(MigrateError::Incomplete),
    }
}

/// Whether a catalogue was moved to this place.
///
/// # Errors
/// When the database cannot be used.
pub async fn is_moved_to(database: &dyn Transfer, place: &str) -> Result<bool, CatalogueError> {
    let steps = database.steps().await?;
    Ok(steps.contains(&format!("{MOVED_TO}{place}")))
}

/// Makes a catalogue that was moved to another place one that a cloud may serve again. Changes since then are in the other place only.
///
/// # Errors
/// [`MigrateError::Incomplete`] when it is a copy that was not completed; [`MigrateError::Catalogue`] when it cannot be used.
pub async fn undo_move(database: &dyn Transfer) -> Result<(), MigrateError> {
    match insist_on_served(database).await {
        Err(MigrateError::Moved(_)) => Ok(database.end_steps().await?),
        other => other,
    }
}

/// Begins a copy in a database that must be empty.
async fn begin(to: &dyn Transfer, done: &[String], copy_of: String) -> Result<(), MigrateError> {
    if done.iter().any(|step| step.starts_with(MOVED_TO)) {
        return Err(MigrateError::NotEmpty("migrated"));
    }
    if !done.is_empty() {
        return Err(MigrateError::Changed);
    }
    for table in Table::ALL {
        if !to.rows(table, None, 1).await?.is_empty() {
            return Err(MigrateError::NotEmpty(table.name()));
        }
    }
    Ok(to.add_step(copy_of).await?)
}

/// Stands for the state of a catalogue, in hex.
fn state(digests: &BTreeMap<Table, Digest>) -> String {
    let mut hash = Sha256::new();
    for (table, digest) in digests {
        hash.update(table.name());
        hash.update(digest.rows.to_be_bytes());
        hash.update(digest.sum);
    }
    HEXLOWER.encode(&hash.finalize())
}
