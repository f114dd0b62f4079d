//! What a database has to do for a copy.

use std::fmt;

use async_trait::async_trait;

use super::table::{Row, Table};
use crate::CatalogueError;

/// A database whose rows can be copied to and from another one.
///
/// Nobody else may use the database meanwhile.
#[async_trait]
pub trait Transfer: fmt::Debug + Send + Sync + 'static {
    /// At most `limit` rows of a table in an order of their keys that the database chooses: the first ones for `None`, else those
    /// behind the row `after`, of which only the key counts. The values are those of [`Table::columns`].
    async fn rows(
        &self,
        table: Table,
        after: Option<Row>,
        limit: usize,
    ) -> Result<Vec<Row>, CatalogueError>;

    /// Inserts rows as they are, all or none. Rows whose keys are there already are left as they are.
    async fn insert_rows(&self, table: Table, rows: Vec<Row>) -> Result<(), CatalogueError>;

    /// What [`Transfer::add_step`] has noted, in no order. A catalogue with steps is one that was moved away or is not complete:
    /// no cloud may serve it.
    async fn steps(&self) -> Result<Vec<String>, CatalogueError>;

    /// Notes a step of a copy; it is durable when this returns. One that is noted already is no error.
    async fn add_step(&self, step: String) -> Result<(), CatalogueError>;

    /// Ends a copy: numbers that the database gives rows from now on are larger than those that are there, and no step is
    /// noted any more.
    async fn end_steps(&self) -> Result<(), CatalogueError>;
}
