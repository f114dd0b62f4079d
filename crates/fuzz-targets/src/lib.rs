#![doc = include_str!("../README.md")]

mod error_body;
mod eucarc;
mod input;
mod joiner;
mod layers;
mod manifest;
mod names;
mod post_form;
mod query_response;
mod ramdisk;
mod signed_query;
mod tar;
mod unbundle;

pub use error_body::error_body;
pub use eucarc::eucarc;
pub use joiner::joiner;
pub use manifest::manifest;
pub use names::names;
pub use post_form::post_form;
pub use query_response::query_response;
pub use ramdisk::ramdisk;
pub use signed_query::signed_query;
pub use tar::tar;
pub use unbundle::unbundle;

/// A target: it panics when the bytes made something happen that must not.
pub type Target = fn(&[u8]);

/// Every target with the name of its corpus.
pub const TARGETS: [(&str, Target); 11] = [
    ("error_body", error_body),
    ("eucarc", eucarc),
    ("joiner", joiner),
    ("manifest", manifest),
    ("names", names),
    ("post_form", post_form),
    ("query_response", query_response),
    ("ramdisk", ramdisk),
    ("signed_query", signed_query),
    ("tar", tar),
    ("unbundle", unbundle),
];

/// The target of this name.
pub fn target(name: &str) -> Option<Target> {
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    found.map(|(_, target)| *target)
}
