#![doc = include_str!("../README.md")]

mod container;
mod error_body;
mod eucarc;
mod input;
mod joiner;
mod layers;
mod manifest;
mod metadata;
mod names;
mod network;
mod plan;
mod post_form;
mod query_response;
mod ramdisk;
mod signed_query;
mod tar;
mod unbundle;

pub use container::container;
pub use error_body::error_body;
pub use eucarc::eucarc;
pub use joiner::joiner;
pub use manifest::manifest;
pub use metadata::metadata;
pub use names::names;
pub use network::network;
pub use plan::plan;
pub use post_form::post_form;
pub use query_response::query_response;
pub use ramdisk::ramdisk;
pub use signed_query::signed_query;
pub use tar::tar;
pub use unbundle::unbundle;

/// A target: it panics when the bytes made something happen that must not.
pub type Target = fn(&[u8]);

/// Every target with the name of its corpus.
pub const TARGETS: [(&str, Target); 15] = [
    ("container", container),
    ("error_body", error_body),
    ("eucarc", eucarc),
    ("joiner", joiner),
    ("manifest", manifest),
    ("metadata", metadata),
    ("names", names),
    ("network", network),
    ("plan", plan),
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
