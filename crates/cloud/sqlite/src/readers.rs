//! Connections that only read.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags};

use crate::failure::Failure;
use crate::schema;
use crate::thread::unpanicked;

/// Connections that wait for the next read; more than these at once are closed after theirs.
const MOST_IDLE: usize = 16;

// Prepared once for each connection, as all statements: most reads take little longer than SQLite needs to understand these.
statements! {
    BEGIN = "BEGIN";
    END = "COMMIT";
}

/// Connections that only read. Each read takes one of its own, and none waits for a change or for another read.
#[derive(Debug)]
pub(crate) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    /// Connections to a file that has its tables.
    pub(crate) fn of(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            idle: Mutex::default(),
        }
    }

    /// Runs a read on this thread. All of it sees one state, which has every change that was committed before.
    pub(crate) fn read<T>(
        &self,
        look: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let connection = idle.map_or_else(|| self.open(), Ok)?;
        let found = unpanicked(|| {
            connection.prepare_cached(BEGIN)?.execute([])?;
            look(&connection)
        });
        let ended = connection
            .prepare_cached(END)
            .and_then(|mut end| end.execute([]));
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // One that would keep its state for good is closed instead.
        if ended.is_ok() && idle.len() < MOST_IDLE {
            idle.push(connection);
        }
        found
    }

    fn open(&self) -> Result<Connection, Failure> {
        // A connection is used by one thread at a time, so SQLite needs no lock of its own.
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        schema::keep_statements(&connection)?;
        Ok(connection)
    }
}
