#![doc = include_str!("../README.md")]

mod elf;
mod error;
mod features;
mod guest;
mod gzip;
mod inspect;
mod kernel;
mod partition;
mod resize;
mod superblock;
mod text;
mod virtual_disk;

pub use elf::Elf;
pub use error::{DiskImageError, ToolFailure};
pub use features::Features;
pub use guest::Guest;
pub use inspect::{Content, Contents, FileSystem, Inspection, RamdiskFormat, inspect};
pub use kernel::Kernel;
pub use partition::PartitionTable;
pub use resize::{Existing, Progress, ResizeOptions, Resized, Step, resize};
pub use superblock::{ExtKind, State, Superblock, Uuid};
pub use virtual_disk::VirtualDisk;
