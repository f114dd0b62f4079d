#![doc = include_str!("../README.md")]
#![expect(
    clippy::cast_possible_truncation,
    reason = "fields of the format have 8 to 32 bits; the plan and the geometry keep what is stored in them below"
)]

mod allocator;
mod attributes;
mod block_map;
mod checksum;
mod content;
mod directory;
mod disk;
mod error;
mod extents;
mod geometry;
mod hash;
mod indirect;
mod inode;
mod journal;
mod names;
mod options;
mod plan;
mod resize;
mod room;
mod shape;
mod superblock;
mod tree;
mod writer;
mod xattr;

pub use attributes::{Attributes, Time};
pub use content::FileWriter;
pub use disk::Output;
pub use error::ExtError;
pub use options::{FileSystem, InodeSize, Label, Options, Size};
pub use plan::Plan;
pub use shape::FileShape;
pub use tree::{Content, NodeId, Tree};
pub use writer::{Writer, Written};
