#![doc = include_str!("../README.md")]

mod error_body;
mod input;
mod joiner;
mod layers;
mod manifest;
mod query_response;
mod unbundle;

pub use error_body::error_body;
pub use joiner::joiner;
pub use manifest::manifest;
pub use query_response::query_response;
pub use unbundle::unbundle;

/// A target: it panics when the bytes made something happen that must not.
pub type Target = fn(&[u8]);

/// Every target with the name of its corpus.
pub const TARGETS: [(&str, Target); 5] = [
    ("error_body", error_body),
    ("joiner", joiner),
    ("manifest", manifest),
    ("query_response", query_response),
    ("unbundle", unbundle),
];

/// The target of this name.
pub fn target(name: &str) -> Option<Target> {
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    found.map(|(_, target)| *target)
}
