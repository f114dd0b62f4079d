//! A table, a page at a time.

use super::database::Transfer;
use super::table::{Row, Table};
use crate::CatalogueError;

/// Rows that are read at a time.
const PAGE: usize = 500;

/// The rows of a table that are still to be read.
pub(super) struct Pages<'a> {
    database: &'a dyn Transfer,
    table: Table,
    /// The last row that was read; `None` before the first.
    last: Option<Row>,
}

impl<'a> Pages<'a> {
    pub(super) fn of(database: &'a dyn Transfer, table: Table) -> Self {
        Self {
            database,
            table,
            last: None,
        }
    }

    /// The next rows; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Row>>, CatalogueError> {
        let after = self.last.take();
        let page = self.database.rows(self.table, after, PAGE).await?;
        self.last = page.last().cloned();
        Ok((!page.is_empty()).then_some(page))
    }
}
