#![doc = include_str!("../README.md")]
#![expect(
    clippy::cast_possible_truncation,
    reason = "permissions are masked, and lengths in memory and numbers of files have been compared with a limit"
)]

mod acl;
mod archive;
mod container;
mod container_files;
mod contents;
mod digest;
mod directory;
mod error;
mod exclude;
mod file_tree;
mod glob;
mod header;
mod kernel;
mod layers;
mod layout;
mod limits;
mod look;
mod member;
mod notes;
mod path;
mod pax;
mod private_key;
mod reader;
mod seal;
mod sparse;
mod stored;

pub use archive::{ArchiveOptions, ArchiveSource};
pub use container::{ContainerChoice, ContainerConfig};
pub use container_files::{ContainerArchive, ContainerFiles, is_container_archive};
pub use directory::{DirectoryOptions, DirectorySource, FileIdentity};
pub use error::{TarError, TreeError};
pub use file_tree::{FileContent, FileEntry, FileId, FileKind, FileTree, Origin, Walk};
pub use glob::Patterns;
pub use kernel::Kernel;
pub use layers::{Layers, Seen, Whiteouts};
pub use layout::{Layout, Source};
pub use limits::TarLimits;
pub use look::Look;
pub use member::{Member, MemberKind, Time};
pub use notes::{Note, NoteKind, Notes};
pub use reader::TarReader;
