//! Copying a catalogue from one database to another, row by row.
//!
//! Both databases have the same tables and columns behind this seam, whatever their own schema is. Tables that a database has for
//! itself (its schema version, leases of collectors) are not copied.

mod copy;
mod database;
mod digest;
mod migrate;
mod pages;
mod table;

pub use copy::copy_rows;
pub use database::Transfer;
pub use digest::{Digest, digest};
pub use migrate::{
    BegunMove, MigrateError, Rename, begin_move, insist_on_served, is_moved_to, migrate, undo_move,
};
pub use table::{Column, Kind, Row, Table, Value};
