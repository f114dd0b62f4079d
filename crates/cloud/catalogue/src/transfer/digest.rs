//! Whether two tables have the same rows.

use sha2::{Digest as _, Sha256};

use super::database::Transfer;
use super::pages::Pages;
use super::table::{Row, Table, Value};
use crate::CatalogueError;

/// Stands for the rows of a table, whatever their order is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest {
    /// How many rows there are.
    pub rows: u64,
    /// The SHA-256 digests of the rows, added up bit by bit.
    pub sum: [u8; 32],
}

impl Digest {
    /// Adds a row, which must be another one than those before.
    pub fn add(&mut self, row: &Row) {
        let mut hash = Sha256::new();
        for value in row {
            hash_value(&mut hash, value);
        }
        self.rows += 1;
        for (sum, byte) in self.sum.iter_mut().zip(hash.finalize()) {
            *sum ^= byte;
        }
    }
}

/// The digest of a table, each row of which is shown as `shown` leaves it.
///
/// # Errors
/// When the database cannot be read.
pub async fn digest(
    database: &dyn Transfer,
    table: Table,
    mut shown: impl FnMut(&mut Row) + Send,
) -> Result<Digest, CatalogueError> {
    let (mut digest, mut pages) = (Digest::default(), Pages::of(database, table));
    while let Some(mut page) = pages.next().await? {
        for row in &mut page {
            shown(row);
            digest.add(row);
        }
    }
    Ok(digest)
}

/// Hashes a value so that no two sequences of values have the same bytes.
fn hash_value(hash: &mut Sha256, value: &Value) {
    let (kind, bytes) = match value {
        Value::Null => (0, &[][..]),
        Value::Integer(number) => (1, &number.to_be_bytes()[..]),
        Value::Boolean(is_true) => (2, &[u8::from(*is_true)][..]),
        Value::Text(text) => (3, text.as_bytes()),
        Value::Secret(text) => (4, text.expose().as_bytes()),
        Value::Bytes(bytes) => (5, &bytes[..]),
    };
    hash.update([kind]);
    hash.update((bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rows: &[Row]) -> Digest {
        let mut digest = Digest::default();
        for row in rows {
            digest.add(row);
        }
        digest
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn the_order_of_rows_does_not_count_and_each_value_does() {
        let one = vec![text("a"), Value::Null, Value::Integer(1)];
        let two = vec![text("b"), Value::Boolean(true), Value::Integer(2)];
        let both = of(&[one.clone(), two.clone()]);
        assert_eq!(both, of(&[two.clone(), one.clone()]));
        for other in [
            vec![text("a"), text(""), Value::Integer(1)],
            vec![text("a"), Value::Null, Value::Boolean(true)],
            vec![text("a"), Value::Null],
        ] {
            assert_ne!(both, of(&[other, two.clone()]));
        }
        assert_ne!(
            of(&[vec![text("ab"), text("c")]]),
            of(&[vec![text("a"), text("bc")]])
        );
        assert_ne!(both, of(&[one]));
    }
}
