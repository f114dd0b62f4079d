//! The rows of a table, from one database to another.

use super::database::Transfer;
use super::digest::Digest;
use super::pages::Pages;
use super::table::{Row, Table};
use crate::CatalogueError;

/// Copies the rows of a table, each as `shown` leaves it, and gives their digest. Rows that are there already are left as they are.
///
/// # Errors
/// When one of the databases cannot be used. What was copied until then is there.
pub async fn copy_rows(
    from: &dyn Transfer,
    to: &dyn Transfer,
    table: Table,
    mut shown: impl FnMut(&mut Row) + Send,
) -> Result<Digest, CatalogueError> {
    let (mut digest, mut pages) = (Digest::default(), Pages::of(from, table));
    while let Some(mut page) = pages.next().await? {
        for row in &mut page {
            shown(row);
            digest.add(row);
        }
        to.insert_rows(table, page).await?;
    }
    Ok(digest)
}
