//! Decisions: pure functions from a state of the catalogue and a request to a change, or to a refusal. They may run several
//! times, each time with a newer state, and so draw nothing at random and look at no clock.

pub(crate) mod bucket;
pub(crate) mod complete;
pub(crate) mod delete;
pub(crate) mod object;
pub(crate) mod put;
pub(crate) mod upload;
mod version;
