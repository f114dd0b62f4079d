//! Rows that are copied from one database to another.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use gumnut_types::SecretString;
use proptest::prelude::*;

use super::Outcome;
use crate::{
    CatalogueError, Column, Digest, Kind, MigrateError, Row, Table, Transfer, Value, copy_rows,
    digest, migrate,
};

/// Columns that may have no value.
const NULLABLE: [(Table, &str); 14] = [
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
    (Table::Instances, "address"),
    (Table::Instances, "user_data"),
];

/// Columns that refer to the primary key of another table.
const REFERENCES: [(Table, &str, Table); 20] = [
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
    (Table::Instances, "owner", Table::Accounts),
    (Table::KeyPairs, "account", Table::Accounts),
    (Table::SecurityGroups, "account", Table::Accounts),
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

/// Moves a catalogue from one database, which is empty and gets these rows first, to another, which is empty. The move is cut off
/// after some calls, then after some more and so on, until one gets to its end.
///
/// # Errors
/// If a database cannot be used.
pub async fn a_move_ends_after_any_interruption(
    from: Arc<dyn Transfer>,
    to: Arc<dyn Transfer>,
    rows: Rows,
) -> Outcome {
    let mut expected = 0;
    for (table, rows) in rows {
        expected += rows.len() as u64;
        from.insert_rows(table, rows).await?;
    }
    let mut calls = 1;
    let moved = loop {
        let left = Arc::new(AtomicUsize::new(calls));
        let [first, second] = [&from, &to].map(|inner| Interrupted {
            inner: Arc::clone(inner),
            left: Arc::clone(&left),
            is_too_late: calls % 2 == 0,
        });
        match migrate(&first, &second, "elsewhere", &|_| None).await {
            Ok(moved) => break moved,
            Err(MigrateError::Catalogue(CatalogueError::Closed)) => calls += 7,
            // The last answer of a move that has come to its end was lost.
            Err(MigrateError::Moved(_)) => break expected,
            Err(other) => panic!("{other:?}"),
        }
        if from.steps().await?.is_empty() && to.steps().await?.is_empty() {
            assert_eq!(digest(&*to, Table::Accounts, |_| {}).await?.rows, 0);
        }
    };
    assert_eq!(moved, expected);
    assert_eq!(from.steps().await?, ["moved to elsewhere"]);
    assert!(to.steps().await?.is_empty());
    for table in Table::ALL {
        let copy = digest(&*to, table, |_| {}).await?;
        assert_eq!(copy, digest(&*from, table, |_| {}).await?, "{table:?}");
    }
    let again = migrate(&*from, &*to, "elsewhere", &|_| None).await;
    assert!(matches!(again, Err(MigrateError::Moved(_))), "{again:?}");
    // To undo it, the step is forgotten; what was copied to is not empty any more.
    from.end_steps().await?;
    if expected > 0 {
        let again = migrate(&*from, &*to, "elsewhere", &|_| None).await;
        assert!(matches!(again, Err(MigrateError::NotEmpty(_))), "{again:?}");
    }
    Ok(())
}

/// A database that is closed after some calls.
#[derive(Debug)]
struct Interrupted {
    inner: Arc<dyn Transfer>,
    /// Calls that are left, of this database and another one.
    left: Arc<AtomicUsize>,
    /// Whether the last call happens and only its answer is lost.
    is_too_late: bool,
}

impl Interrupted {
    /// The answer of a call, unless it is lost.
    async fn answer<T: Send>(
        &self,
        call: impl Future<Output = Result<T, CatalogueError>> + Send,
    ) -> Result<T, CatalogueError> {
        if self.left.fetch_sub(1, Ordering::SeqCst) > 1 {
            return call.await;
        }
        self.left.store(0, Ordering::SeqCst);
        if self.is_too_late {
            call.await?;
        }
        Err(CatalogueError::Closed)
    }
}

#[async_trait]
impl Transfer for Interrupted {
    async fn rows(
        &self,
        table: Table,
        after: Option<Row>,
        limit: usize,
    ) -> Result<Vec<Row>, CatalogueError> {
        self.answer(self.inner.rows(table, after, limit)).await
    }

    async fn insert_rows(&self, table: Table, rows: Vec<Row>) -> Result<(), CatalogueError> {
        self.answer(self.inner.insert_rows(table, rows)).await
    }

    async fn steps(&self) -> Result<Vec<String>, CatalogueError> {
        self.answer(self.inner.steps()).await
    }

    async fn add_step(&self, step: String) -> Result<(), CatalogueError> {
        self.answer(self.inner.add_step(step)).await
    }

    async fn end_steps(&self) -> Result<(), CatalogueError> {
        self.answer(self.inner.end_steps()).await
    }
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
