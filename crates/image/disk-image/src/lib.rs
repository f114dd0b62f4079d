#![doc = include_str!("../README.md")]

mod check;
mod collection;
mod content;
mod copy;
mod error;
mod features;
mod guest;
mod inject;
mod inspect;
mod load;
mod partial;
mod partition;
mod purpose;
mod raw;
mod resize;
mod superblock;
mod tarball;
mod tool;
mod unpack;
mod virtual_disk;

pub use check::{
    Check, Finding, Hypervisor, HypervisorError, Severity, Start, Subject, check, check_kernel,
    check_ramdisk, checks,
};
pub use collection::{Collection, Item, Pair};
pub use content::{Content, Contents, Disk, FileSystem, Inspection, Packed, Partition};
pub use error::{DiskImageError, ToolFailure};
pub use features::Features;
pub use guest::{Guest, Leftover, Secret};
pub use inject::{inject_key, replay_journal};
pub use inspect::{built_in_drivers, inspect};
pub use load::{Loaded, load};
pub use partial::Partial;
pub use partition::{Entry, PartitionTable};
pub use purpose::insist;
pub use raw::{Conversion, DiskFormat, Layer, RawImage, convert};
pub use resize::{NewSize, Plan, ResizeOptions, Resized, Step, StepProgress, Target, plan, resize};
pub use superblock::{ExtKind, State, Superblock, Uuid};
pub use tool::find_program;
pub use unpack::{Unpacked, unpack};
pub use virtual_disk::VirtualDisk;

// What a caller needs to use this crate, so that most depend on nothing else for it.
pub use gumnut_compression::Compression;
pub use gumnut_signatures::{
    Archive, Drivers, Elf, ElfRole, Kernel, KernelForm, Ramdisk, Text, Volume,
};
pub use gumnut_types::{Existing, NoProgress, Progress};
