#![doc = include_str!("../README.md")]

mod check;
mod collection;
mod content;
mod elf;
mod error;
mod features;
mod guest;
mod inspect;
mod kernel;
mod load;
mod other;
mod partition;
mod purpose;
mod ramdisk;
mod raw;
mod resize;
mod superblock;
mod tarball;
mod text;
mod tool;
mod unpack;
mod virtual_disk;
mod volume;
mod window;

pub use check::{
    Check, Finding, Hypervisor, HypervisorError, Severity, Start, Subject, check, check_kernel,
    check_ramdisk, checks,
};
pub use collection::{Collection, Item, Pair};
pub use content::{Content, Contents, Disk, FileSystem, Inspection, Packed, Partition};
pub use elf::{Elf, ElfRole};
pub use error::{DiskImageError, ToolFailure};
pub use features::Features;
pub use guest::{Guest, Leftover, Secret};
pub use inspect::inspect;
pub use kernel::{Kernel, KernelForm};
pub use load::{Loaded, load};
pub use other::{Archive, Text};
pub use partition::{Entry, PartitionTable};
pub use purpose::insist;
pub use ramdisk::Ramdisk;
pub use raw::{Conversion, DiskFormat, Layer, RawImage, convert};
pub use resize::{NewSize, Plan, ResizeOptions, Resized, Step, StepProgress, Target, plan, resize};
pub use superblock::{ExtKind, State, Superblock, Uuid};
pub use tool::find_program;
pub use unpack::{Unpacked, unpack};
pub use virtual_disk::VirtualDisk;
pub use volume::Volume;

// What a caller needs to use this crate, so that most depend on nothing else for it.
pub use gumnut_compression::Compression;
pub use gumnut_types::{Existing, NoProgress, Progress};
