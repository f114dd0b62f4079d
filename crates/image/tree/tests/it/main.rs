//! Archives of GNU tar, and such as no program writes.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod gnu;
mod hostile;
mod made;
