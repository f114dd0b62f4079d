//! Rows on their way to another database, or from one.

use gumnut_cloud_catalogue::{Kind, Row, Table, Value};
use gumnut_types::SecretString;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql, params_from_iter};

statements! {
    STEPS = "SELECT step FROM migrated";
    ADD_STEP = "INSERT INTO migrated (step) VALUES (?) ON CONFLICT (step) DO NOTHING";
    END_STEPS = "DELETE FROM migrated";
}

/// A value as this database has it.
struct Stored<'a>(&'a Value);

impl ToSql for Stored<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self.0 {
            Value::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Value::Integer(number) => ToSqlOutput::from(*number),
            Value::Boolean(is_true) => ToSqlOutput::from(*is_true),
            Value::Text(text) => ToSqlOutput::from(text.as_str()),
            Value::Secret(text) => ToSqlOutput::from(text.expose()),
            Value::Bytes(bytes) => ToSqlOutput::from(bytes.as_slice()),
        })
    }
}

/// At most `limit` rows of a table behind the row `after`.
pub(crate) fn rows(
    connection: &Connection,
    table: Table,
    after: Option<&Row>,
    limit: i64,
) -> rusqlite::Result<Vec<Row>> {
    let mut statement = connection.prepare_cached(&select(table, after.is_some()))?;
    let key = after
        .iter()
        .flat_map(|row| row.iter().take(table.key_columns()));
    let key: Vec<_> = key.map(Stored).collect();
    let values = key.iter().map(|value| value as &dyn ToSql);
    let values = values.chain([&limit as &dyn ToSql]);
    let read = |row: &rusqlite::Row<'_>| {
        let columns = table.columns().iter().enumerate();
        columns
            .map(|(index, column)| value(row, index, column.kind))
            .collect()
    };
    statement
        .query_map(params_from_iter(values), read)?
        .collect()
}

/// Inserts rows whose keys are not there.
pub(crate) fn insert(connection: &Connection, table: Table, rows: &[Row]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(&insertion(table))?;
    for row in rows {
        statement.execute(params_from_iter(row.iter().map(Stored)))?;
    }
    Ok(())
}

/// The steps that are noted.
pub(crate) fn steps(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare_cached(STEPS)?
        .query_map([], |row| row.get(0))?
        .collect()
}

/// Notes a step.
pub(crate) fn add_step(connection: &Connection, step: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached(ADD_STEP)?
        .execute([step])
        .map(drop)
}

/// Forgets the steps. Rows get numbers above those that are there anyway.
pub(crate) fn end_steps(connection: &Connection) -> rusqlite::Result<()> {
    connection.prepare_cached(END_STEPS)?.execute([]).map(drop)
}

fn value(row: &rusqlite::Row<'_>, index: usize, kind: Kind) -> rusqlite::Result<Value> {
    if matches!(row.get_ref(index)?, ValueRef::Null) {
        return Ok(Value::Null);
    }
    Ok(match kind {
        Kind::Integer => Value::Integer(row.get(index)?),
        Kind::Boolean => Value::Boolean(row.get(index)?),
        Kind::Text | Kind::Key | Kind::Json | Kind::Blob => Value::Text(row.get(index)?),
        Kind::Secret => Value::Secret(SecretString::new(row.get::<_, String>(index)?)),
        Kind::Bytes => Value::Bytes(row.get(index)?),
    })
}

fn names(table: Table, count: usize) -> String {
    let names: Vec<_> = table.columns()[..count]
        .iter()
        .map(|column| column.name)
        .collect();
    names.join(", ")
}

fn marks(count: usize) -> String {
    vec!["?"; count].join(", ")
}

fn select(table: Table, is_behind: bool) -> String {
    let (columns, key) = (
        names(table, table.columns().len()),
        names(table, table.key_columns()),
    );
    let behind = if is_behind {
        format!("WHERE ({key}) > ({}) ", marks(table.key_columns()))
    } else {
        String::new()
    };
    format!(
        "SELECT {columns} FROM {} {behind}ORDER BY {key} LIMIT ?",
        table.name()
    )
}

fn insertion(table: Table) -> String {
    let count = table.columns().len();
    let (columns, key) = (names(table, count), names(table, table.key_columns()));
    format!(
        "INSERT INTO {} ({columns}) VALUES ({}) ON CONFLICT ({key}) DO NOTHING",
        table.name(),
        marks(count)
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::schema;

    /// The tables that a catalogue has for itself.
    const OWN: [&str; 4] = ["identity", "leases", "migrated", "swept"];

    fn texts(connection: &Connection, sql: &str) -> BTreeSet<String> {
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn all_tables_and_columns_are_copied() {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::prepare(&mut connection).unwrap();
        let mut tables = texts(
            &connection,
            "SELECT name FROM sqlite_schema WHERE type = 'table'",
        );
        for own in OWN {
            assert!(tables.remove(own), "{own}");
        }
        let copied: BTreeSet<_> = Table::ALL
            .iter()
            .map(|table| table.name().to_owned())
            .collect();
        assert_eq!(tables, copied);
        for table in Table::ALL {
            let named: BTreeSet<_> = table
                .columns()
                .iter()
                .map(|it| it.name.to_owned())
                .collect();
            let sql = format!("SELECT name FROM pragma_table_info('{}')", table.name());
            assert_eq!(texts(&connection, &sql), named, "{table:?}");
            for sql in [select(table, false), select(table, true), insertion(table)] {
                connection.prepare(&sql).unwrap();
            }
        }
    }
}
