//! A copy of a catalogue in a file of its own.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql};

statements! {
    VACUUM_INTO = "VACUUM INTO ?";
}

/// The path of a file as SQLite takes it, whatever its bytes are.
struct FilePath<'a>(&'a Path);

impl ToSql for FilePath<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let bytes = self.0.as_os_str().as_bytes();
        Ok(ToSqlOutput::Borrowed(ValueRef::Text(bytes)))
    }
}

/// Writes what a catalogue holds at this moment to an empty file. The disk is not waited for.
pub(crate) fn vacuum_into(connection: &Connection, to: &Path) -> rusqlite::Result<()> {
    connection.execute(VACUUM_INTO, [FilePath(to)]).map(drop)
}
