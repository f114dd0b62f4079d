#![doc = include_str!("../README.md")]
#![expect(
    clippy::cast_possible_truncation,
    reason = "permissions are masked, and lengths in memory have been compared with a limit"
)]

mod acl;
mod error;
mod header;
mod limits;
mod member;
mod path;
mod pax;
mod reader;
mod sparse;

pub use error::TarError;
pub use limits::TarLimits;
pub use member::{Member, MemberKind, Time};
pub use reader::TarReader;
