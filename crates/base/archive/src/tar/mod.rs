//! A tar stream of one member: encoded as euca2ools 3.1 to 3.4 do it, decoded strictly.

mod header;
mod map;
mod members;
mod number;
mod pax;
mod reader;
mod stream;

pub use map::{Segment, SparseMap};
pub use members::{Entry, read_members};
pub use reader::{MemberReader, Piece};
pub use stream::TarStream;

/// The unit of a tar stream, in bytes.
const RECORD: usize = 512;
