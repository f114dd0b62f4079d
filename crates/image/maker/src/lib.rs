#![doc = include_str!("../README.md")]

mod error;
mod fstab;
mod identity;
mod init;
mod maker;
mod open;
mod options;
mod running;
mod summary;

pub use error::MakeError;
pub use maker::{KernelCopies, Made, Prepared, prepare};
pub use open::{Input, recognise};
pub use options::{Addition, FileSystemUuid, Filter, Fstab, Init, MakeOptions, SourceForm};
pub use running::{Running, parse_uuid, path_in_volume};
pub use summary::Summary;

// What a caller needs to use this crate.
pub use gumnut_ext::{FileSystem, Label, Size};
pub use gumnut_tree::{ContainerChoice, Note, NoteKind, Notes, Patterns, TarLimits};
