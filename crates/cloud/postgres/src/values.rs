//! Values on their way into and out of rows.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use gumnut_cloud_catalogue::{CatalogueError, Owner};
use gumnut_types::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_postgres::Row;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::failure::Failure;

/// A value of a statement that outlives the call.
pub(crate) type Value = Box<dyn ToSql + Send + Sync>;

/// Makes a list of values for a statement.
macro_rules! values {
    ($($value:expr),* $(,)?) => {
        vec![$(Box::new($value) as crate::values::Value),*]
    };
}

/// A text that is looked for. No column holds U+0000, so that a text with one is found nowhere.
#[derive(Debug)]
pub(crate) struct Sought<'a>(pub(crate) &'a str);

impl ToSql for Sought<'_> {
    fn to_sql(
        &self,
        type_: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        if self.0.contains('\0') {
            return Ok(IsNull::Yes);
        }
        self.0.to_sql(type_, out)
    }

    fn accepts(type_: &Type) -> bool {
        <&str as ToSql>::accepts(type_)
    }

    to_sql_checked!();
}

/// A secret, of which nothing is printed.
pub(crate) struct Secret(pub(crate) SecretString);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl ToSql for Secret {
    fn to_sql(
        &self,
        type_: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        self.0.expose().to_sql(type_, out)
    }

    fn accepts(type_: &Type) -> bool {
        <&str as ToSql>::accepts(type_)
    }

    to_sql_checked!();
}

/// A value as JSON text.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(Failure::of)
}

/// An unsigned number as SQL has it.
pub(crate) fn signed(number: u64) -> Result<i64, Failure> {
    i64::try_from(number).map_err(Failure::of)
}

/// A limit as SQL takes it.
pub(crate) fn most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// An id as the tables compare it: without regard to the case of ASCII letters.
pub(crate) fn folded(id: &str) -> String {
    id.to_ascii_lowercase()
}

/// A column of a row.
pub(crate) fn get<'a, T: FromSql<'a>>(row: &'a Row, column: usize) -> Result<T, Failure> {
    row.try_get(column).map_err(not_understood)
}

/// A number that is never negative.
pub(crate) fn unsigned<T: TryFrom<i64, Error: Error + Send + Sync + 'static>>(
    row: &Row,
    column: usize,
) -> Result<T, Failure> {
    T::try_from(get(row, column)?).map_err(not_understood)
}

/// The key of an object, which is kept as bytes.
pub(crate) fn key(row: &Row, column: usize) -> Result<String, Failure> {
    String::from_utf8(get(row, column)?).map_err(not_understood)
}

/// A text of which something is made.
pub(crate) fn parsed<T>(row: &Row, column: usize) -> Result<T, Failure>
where
    T: FromStr<Err: Error + Send + Sync + 'static>,
{
    get::<&str>(row, column)?.parse().map_err(not_understood)
}

/// A value that is JSON in its column.
pub(crate) fn from_json<T: DeserializeOwned>(row: &Row, column: usize) -> Result<T, Failure> {
    serde_json::from_str(get(row, column)?).map_err(not_understood)
}

/// An account as answers show it: its canonical id in this column, and its name in the next.
pub(crate) fn owner(row: &Row, column: usize) -> Result<Owner, Failure> {
    Ok(Owner {
        id: get(row, column)?,
        name: get(row, column + 1)?,
    })
}

/// What a column holds is not what this program writes.
pub(crate) fn not_understood(error: impl Into<Box<dyn Error + Send + Sync>>) -> Failure {
    CatalogueError::Row(error.into()).into()
}
