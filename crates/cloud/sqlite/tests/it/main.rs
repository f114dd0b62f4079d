//! Tests of the catalogue that need processes of their own.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod crashes;
mod disk;
mod handles;
mod kills;
mod tools;
mod trace;
mod work;
