//! Settings files beside bash, which is the judge of what they say.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod eucarc;
mod judge;
