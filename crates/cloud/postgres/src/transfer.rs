//! Rows on their way to another database, or from one.

use gumnut_cloud_catalogue::{Column, Kind, Row, Table, Value};
use gumnut_types::SecretString;
use tokio_postgres::types::ToSql;

use crate::connection::Connection;
use crate::failure::Failure;
use crate::values::{get, key};

statements! {
    STEPS = "SELECT step FROM migrated";
    ADD_STEP = "INSERT INTO migrated (step) VALUES ($1) ON CONFLICT (step) DO NOTHING";
    END_STEPS = "DELETE FROM migrated";
    NUMBER_USERS = "SELECT setval(pg_get_serial_sequence('users', 'id'), coalesce(max(id), 1), max(id) IS NOT NULL) FROM users";
    NUMBER_CERTIFICATES = "SELECT setval(pg_get_serial_sequence('certificates', 'id'), coalesce(max(id), 1), \
                           max(id) IS NOT NULL) FROM certificates";
    NUMBER_OBJECTS = "SELECT setval(pg_get_serial_sequence('objects', 'id'), coalesce(max(id), 1), max(id) IS NOT NULL) \
                      FROM objects";
}

/// A value as this database has it.
#[derive(Debug)]
enum Stored {
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
    Integer(Option<i64>),
    Boolean(Option<bool>),
}

impl Stored {
    fn of(value: &Value, kind: Kind) -> Self {
        match (value, kind) {
            (Value::Text(text), Kind::Key) => Self::Bytes(Some(text.clone().into_bytes())),
            (Value::Text(text), _) => Self::Text(Some(text.clone())),
            (Value::Secret(text), _) => Self::Text(Some(text.expose().to_owned())),
            (Value::Bytes(bytes), _) => Self::Bytes(Some(bytes.clone())),
            (Value::Integer(number), _) => Self::Integer(Some(*number)),
            (Value::Boolean(is_true), _) => Self::Boolean(Some(*is_true)),
            (Value::Null, Kind::Integer) => Self::Integer(None),
            (Value::Null, Kind::Boolean) => Self::Boolean(None),
            (Value::Null, Kind::Key | Kind::Bytes) => Self::Bytes(None),
            (Value::Null, _) => Self::Text(None),
        }
    }

    fn value(&self) -> &(dyn ToSql + Sync) {
        match self {
            Self::Text(text) => text,
            Self::Bytes(bytes) => bytes,
            Self::Integer(number) => number,
            Self::Boolean(is_true) => is_true,
        }
    }
}

fn stored<'a>(columns: &'a [Column], row: &'a Row) -> impl Iterator<Item = Stored> + 'a {
    row.iter()
        .zip(columns)
        .map(|(value, column)| Stored::of(value, column.kind))
}

/// At most `limit` rows of a table behind the row `after`.
pub(crate) async fn rows(
    connection: &Connection,
    table: Table,
    after: Option<&Row>,
    limit: i64,
) -> Result<Vec<Row>, Failure> {
    let key = &table.columns()[..table.key_columns()];
    let key: Vec<_> = after.iter().flat_map(|row| stored(key, row)).collect();
    let values = key.iter().map(Stored::value);
    let values: Vec<_> = values.chain([&limit as &(dyn ToSql + Sync)]).collect();
    let rows = connection
        .unprepared(&select(table, after.is_some()), &[values])
        .await?;
    let rows = rows.iter().map(|row| {
        let columns = table.columns().iter().enumerate();
        columns
            .map(|(index, column)| value(row, index, column.kind))
            .collect()
    });
    rows.collect()
}

/// Inserts rows whose keys are not there, all or none.
pub(crate) async fn insert(
    connection: &Connection,
    table: Table,
    rows: &[Row],
) -> Result<(), Failure> {
    let rows: Vec<Vec<_>> = rows
        .iter()
        .map(|row| stored(table.columns(), row).collect())
        .collect();
    let values: Vec<Vec<_>> = rows
        .iter()
        .map(|row| row.iter().map(Stored::value).collect())
        .collect();
    connection
        .unprepared(&insertion(table), &values)
        .await
        .map(drop)
}

/// The steps that are noted.
pub(crate) async fn steps(connection: &Connection) -> Result<Vec<String>, Failure> {
    let rows = connection.rows(STEPS, &[]).await?;
    rows.iter().map(|row| get(row, 0)).collect()
}

/// Notes a step.
pub(crate) async fn add_step(connection: &Connection, step: &str) -> Result<(), Failure> {
    connection.rows(ADD_STEP, &[&step]).await.map(drop)
}

/// Lets new rows have larger numbers than those that are there, and forgets the steps.
pub(crate) async fn end_steps(connection: &Connection) -> Result<(), Failure> {
    for sql in [NUMBER_USERS, NUMBER_CERTIFICATES, NUMBER_OBJECTS, END_STEPS] {
        connection.rows(sql, &[]).await?;
    }
    Ok(())
}

fn value(row: &tokio_postgres::Row, index: usize, kind: Kind) -> Result<Value, Failure> {
    Ok(match kind {
        Kind::Integer => get::<Option<i64>>(row, index)?.map_or(Value::Null, Value::Integer),
        Kind::Boolean => get::<Option<bool>>(row, index)?.map_or(Value::Null, Value::Boolean),
        Kind::Text | Kind::Json | Kind::Blob => {
            get::<Option<String>>(row, index)?.map_or(Value::Null, Value::Text)
        }
        Kind::Key => Value::Text(key(row, index)?),
        Kind::Secret => Value::Secret(SecretString::new(get::<String>(row, index)?)),
        Kind::Bytes => get::<Option<Vec<u8>>>(row, index)?.map_or(Value::Null, Value::Bytes),
    })
}

/// The name that a column has here: `user` is a word of SQL.
fn name(column: &Column) -> &'static str {
    if column.name == "user" {
        "user_id"
    } else {
        column.name
    }
}

fn names(table: Table, count: usize) -> String {
    let names: Vec<_> = table.columns()[..count].iter().map(name).collect();
    names.join(", ")
}

/// Places of so many values, behind those before them.
fn places(count: usize) -> String {
    let places: Vec<_> = (1..=count).map(|number| format!("${number}")).collect();
    places.join(", ")
}

pub(crate) fn select(table: Table, is_behind: bool) -> String {
    let count = table.key_columns();
    let (columns, key) = (names(table, table.columns().len()), names(table, count));
    let (behind, limit) = if is_behind {
        (format!("WHERE ({key}) > ({}) ", places(count)), count + 1)
    } else {
        (String::new(), 1)
    };
    format!(
        "SELECT {columns} FROM {} {behind}ORDER BY {key} LIMIT ${limit}",
        table.name()
    )
}

pub(crate) fn insertion(table: Table) -> String {
    let count = table.columns().len();
    let (mut columns, mut values) = (names(table, count), places(count));
    if table == Table::Objects {
        // Of two versions of a key the newer has the larger number, too.
        columns.push_str(", ordinal");
        values.push_str(", $1");
    }
    format!(
        "INSERT INTO {} ({columns}) VALUES ({values}) ON CONFLICT DO NOTHING",
        table.name()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_told_from_those_before_by_their_keys() {
        let text = select(Table::Segments, true);
        let expected = "SELECT object, number, blob, size, etag, checksum FROM segments \
                        WHERE (object, number) > ($1, $2) ORDER BY object, number LIMIT $3";
        assert_eq!(text, expected);
        let text = insertion(Table::AccessKeys);
        let expected = "INSERT INTO access_keys (access_key, user_id, secret, active, created) \
                        VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
        assert_eq!(text, expected);
    }
}
