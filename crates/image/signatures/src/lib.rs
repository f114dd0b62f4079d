#![doc = include_str!("../README.md")]

mod drivers;
mod elf;
mod kernel;
mod other;
mod ramdisk;
mod text;
mod volume;
mod window;

pub use drivers::Drivers;
pub use elf::{Elf, ElfRole};
pub use kernel::{Kernel, KernelForm};
pub use other::{Archive, Text};
pub use ramdisk::Ramdisk;
pub use text::{be32, be64, le16, le32, le64, printable};
pub use volume::Volume;
pub use window::Window;
