//! Whole bundles: round trips, foreign bundles, foreign tools, damage, failures.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod attacks;
mod damage;
mod examples;
mod failures;
mod files;
mod programs;
mod round_trip;
mod support;
mod vectors;
