#![doc = include_str!("../README.md")]

mod check;
mod collection;
mod compression;
mod content;
mod elf;
mod error;
mod features;
mod guest;
mod inspect;
mod kernel;
mod load;
mod partition;
mod ramdisk;
mod raw;
mod resize;
mod superblock;
mod tarball;
mod text;
mod tool;
mod unpack;
mod virtual_disk;
mod window;

pub use check::{
    Check, Finding, Hypervisor, HypervisorError, Severity, Start, Subject, check, check_kernel,
    check_ramdisk, checks,
};
pub use collection::{Collection, Item, Pair};
pub use compression::Compression;
pub use content::{Content, Contents, Disk, FileSystem, Inspection, Partition};
pub use elf::Elf;
pub use error::{DiskImageError, ToolFailure};
pub use features::Features;
pub use guest::{Guest, Leftover, Secret};
pub use inspect::inspect;
pub use kernel::Kernel;
pub use load::{Loaded, load};
pub use partition::{Entry, PartitionTable};
pub use ramdisk::Ramdisk;
pub use raw::{Conversion, DiskFormat, RawImage, convert};
pub use resize::{NewSize, Plan, ResizeOptions, Resized, Step, StepProgress, Target, plan, resize};
pub use superblock::{ExtKind, State, Superblock, Uuid};
pub use tool::find_program;
pub use unpack::{Unpacked, unpack};
pub use virtual_disk::VirtualDisk;

// What a caller needs to use this crate, so that most depend on nothing else for it.
pub use gumnut_types::{Existing, NoProgress, Progress};
