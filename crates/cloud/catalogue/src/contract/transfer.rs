//! Rows that are copied from one database to another.

use gumnut_types::SecretString;
use proptest::prelude::*;

use super::Outcome;
use crate::{Column, Digest, Kind, Row, Table, Transfer, Value, copy_rows, digest};

/// Columns that may have no value.
const NULLABLE: [(Table, &str); 12] = [
    (Table::Accounts, "email"),
    (Table::Objects, "upload"),
    (Table::Segments, "checksum"),
    (Table::Uploads, "initiator"),
    (Table::Parts, "checksum"),
    (Table::Images, "name"),
    (Table::Images, "description"),
    (Table::Images, "kernel"),
    (Table::Images, "ramdisk"),
    (Table::Images, "platform"),
    (Table::Images, "root_device"),
    (Table::Images, "unique_name"),
];

/// Columns that refer to the primary key of another table.
const REFERENCES: [(Table, &str, Table); 17] = [
    (Table::Users, "account", Table::Accounts),
    (Table::AccessKeys, "user", Table::Users),
    (Table::Certificates, "user", Table::Users),
    (Table::Buckets, "owner", Table::Accounts),
    (Table::Objects, "bucket", Table::Buckets),
    (Table::Objects, "owner", Table::Accounts),
    (Table::Small, "object", Table::Objects),
    (Table::Segments, "object", Table::Objects),
    (Table::Uploads, "bucket", Table::Buckets),
    (Table::Uploads, "owner", Table::Accounts),
    (Table::Uploads, "initiator", Table::Users),
    (Table::Parts, "upload", Table::Uploads),
    (Table::Images, "owner", Table::Accounts),
    (Table::LaunchPermissions, "image", Table::Images),
    (Table::LaunchPermissions, "account", Table::Accounts),
    (Table::Tags, "resource", Table::Images),
    (Table::Tags, "account", Table::Accounts),
];

/// The rows of a catalogue, table by table.
pub type Rows = Vec<(Table, Vec<Row>)>;

/// Catalogues with any values that their columns can have.
pub fn catalogues() -> impl Strategy<Value = Rows> {
    let texts = proptest::collection::vec("\\PC{0,12}", 1..12);
    let numbers = proptest::collection::vec(any::<i64>(), 1..12);
    (texts, numbers, 0_usize..5).prop_map(|(texts, numbers, rows)| {
        let values = Values {
            texts,
            numbers,
            rows,
        };
        let tables = Table::ALL.into_iter();
        tables.map(|table| (table, values.table(table))).collect()
    })
}

/// Copies rows from one database, which is empty and gets them first, to another, which is empty, and has the
/// first half of them already: both have the same rows then, and a copy that is repeated changes nothing.
///
/// # Errors
/// If a database cannot be used.
pub async fn a_copy_has_the_same_rows(
    from: &dyn Transfer,
    to: &dyn Transfer,
    rows: Rows,
) -> Outcome {
    let mut expected = Vec::new();
    for (table, rows) in rows {
        let mut digest = Digest::default();
        for row in &rows {
            digest.add(row);
        }
        expected.push((table, digest));
        // The first rows were copied before: what is there is left as it is.
        let some = rows.iter().take(rows.len() / 2).cloned().collect();
        to.insert_rows(table, some).await?;
        from.insert_rows(table, rows).await?;
    }
    to.add_step("one".to_owned()).await?;
    to.add_step("one".to_owned()).await?;
    for _ in 0..2 {
        for &(table, expected) in &expected {
            assert_eq!(
                copy_rows(from, to, table, |_| {}).await?,
                expected,
                "{table:?}"
            );
            for database in [from, to] {
                assert_eq!(
                    digest(database, table, |_| {}).await?,
                    expected,
                    "{table:?}"
                );
            }
        }
    }
    assert_eq!(to.steps().await?, ["one"]);
    to.end_steps().await?;
    assert!(to.steps().await?.is_empty());
    Ok(())
}

/// Where the values of rows come from.
struct Values {
    texts: Vec<String>,
    numbers: Vec<i64>,
    /// Rows of each table.
    rows: usize,
}

impl Values {
    fn table(&self, table: Table) -> Vec<Row> {
        let row = |number| {
            let columns = table.columns().iter().enumerate();
            columns
                .map(|(index, column)| self.value(table, index, *column, number))
                .collect()
        };
        (0..self.rows).map(row).collect()
    }

    /// The value of a column of the row with this number.
    fn value(&self, table: Table, index: usize, column: Column, number: usize) -> Value {
        let drawn = self.number(index + number);
        if NULLABLE.contains(&(table, column.name)) && drawn % 3 == 0 {
            return Value::Null;
        }
        let referred = REFERENCES
            .iter()
            .find(|(from, name, _)| (*from, *name) == (table, column.name));
        if let Some(&(_, _, to)) = referred {
            // One row for each row where it is the key; elsewhere any of those up to it, so that the first rows need no others.
            let is_key = index < table.key_columns();
            let target = if is_key {
                number
            } else {
                (number * 7 + index) % (number + 1)
            };
            return self.value(to, 0, to.columns()[0], target);
        }
        if index == 0 && table.is_numbered() {
            return Value::Integer(i64::try_from(number).unwrap_or_default() + 1);
        }
        let text = &self.texts[(index + number) % self.texts.len()];
        match column.kind {
            Kind::Integer => Value::Integer(drawn),
            Kind::Boolean => Value::Boolean(drawn % 2 == 0),
            // The number makes the text another one in each row.
            Kind::Text => Value::Text(format!("{number}{text}")),
            Kind::Key => Value::Text(format!("{text}\0{number}")),
            Kind::Json => Value::Text(serde_json::json!({ "text": text, "n": drawn }).to_string()),
            Kind::Blob => Value::Text(format!("{number:024x}{:08x}", table as u8)),
            Kind::Secret => Value::Secret(SecretString::new(format!("{number}{text}"))),
            Kind::Bytes => Value::Bytes(format!("{text}\0{number}").into_bytes()),
        }
    }

    fn number(&self, index: usize) -> i64 {
        self.numbers[index % self.numbers.len()]
    }
}
