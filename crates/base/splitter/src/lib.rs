#![doc = include_str!("../README.md")]

mod channel;
mod error;
mod folder_sink;
mod folder_source;
mod joiner;
mod memory;
mod names;
mod part;
mod splitter;
mod sync;

pub use channel::{ChannelSink, FinishedPart};
pub use error::SplitterError;
pub use folder_sink::{Committed, FolderSink};
pub use folder_source::FolderSource;
pub use joiner::{ExpectedPart, Joiner};
pub use memory::MemoryParts;
pub use names::BundleNames;
pub use part::{PartRecord, PartSink, PartSource};
pub use splitter::Splitter;

// What a caller needs to use a `FolderSink`.
pub use gumnut_types::Existing;
