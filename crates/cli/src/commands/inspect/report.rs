//! What was found in a file.

use serde_json::Value;

/// What was found in a file: as a JSON value, and as labelled lines for people.
pub(super) struct Report {
    pub(super) json: Value,
    pub(super) lines: Vec<(&'static str, String)>,
}
