//! What the connections of a program to the server do, for its metrics.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::connection::Pool;

/// What the connections of a program to the server do. Counts begin with 0 when the catalogue is opened.
#[derive(Clone, Debug)]
pub struct PostgresStatistics(pub(crate) Pool);

impl PostgresStatistics {
    /// Connections that are open.
    pub fn connections(&self) -> usize {
        self.0.status().size
    }

    /// Connections that somebody works with.
    pub fn in_use(&self) -> usize {
        let status = self.0.status();
        status.size.saturating_sub(status.available)
    }

    /// Callers that wait for a connection.
    pub fn waiting(&self) -> usize {
        self.0.status().waiting
    }

    /// Statements that were sent, those that begin and end transactions among them.
    pub fn statements(&self) -> u64 {
        self.count(|counts| &counts.statements)
    }

    /// How often a caller had to wait for the server: statements that are sent at once are one round trip.
    pub fn round_trips(&self) -> u64 {
        self.count(|counts| &counts.round_trips)
    }

    /// How often a unit of change or a read was tried again, because another was in the way or a connection was lost.
    pub fn retries(&self) -> u64 {
        self.count(|counts| &counts.retries)
    }

    fn count(&self, of: impl Fn(&crate::connection::Counts) -> &AtomicU64) -> u64 {
        of(&self.0.manager().counts).load(Ordering::Relaxed)
    }
}
