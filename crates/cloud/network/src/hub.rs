//! The switch with its lock and its clock.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::switch::Switch;

/// What every task of the network uses.
#[derive(Debug)]
pub(crate) struct Hub {
    switch: Mutex<Switch>,
    start: Instant,
}

impl Hub {
    pub(crate) fn new(switch: Switch) -> Self {
        Self {
            switch: Mutex::new(switch),
            start: Instant::now(),
        }
    }

    /// The switch. It is held for a few microseconds and never while something is waited for.
    pub(crate) fn switch(&self) -> MutexGuard<'_, Switch> {
        // A panic in another task has left the tables as they were.
        self.switch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Duration {
        self.start.elapsed()
    }
}
