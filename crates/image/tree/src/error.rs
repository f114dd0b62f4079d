//! Why an archive is refused.

use std::io;

use gumnut_types::Fault;
use thiserror::Error;

/// Why a tar archive cannot be read. Paths are escaped where they are not ASCII.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TarError {
    /// The archive cannot be read.
    #[error("cannot read the archive")]
    Read(
        /// Reason.
        #[source]
        io::Error,
    ),
    /// The archive ends within a member.
    #[error("the archive is truncated: it ends within {0}")]
    Truncated(
        /// Path of the member, or what ends too early.
        String,
    ),
    /// Something that is not a tar archive, or a damaged one.
    #[error("the header at byte {0} is not one of a tar archive, or is damaged")]
    Checksum(
        /// Position of the header.
        u64,
    ),
    /// A number of a header that is not a number, or out of range.
    #[error("{field} of {path} is not a number in its range")]
    Number {
        /// Path of the member.
        path: String,
        /// The field.
        field: &'static str,
    },
    /// A malformed extended header.
    #[error("the extended header at byte {0} is malformed")]
    Pax(
        /// Position of the header.
        u64,
    ),
    /// A value in an extended header that cannot be understood.
    #[error("{key} of {path} cannot be understood")]
    Value {
        /// Path of the member.
        path: String,
        /// The keyword.
        key: String,
    },
    /// A name in an ACL. Archives with numbers have no such names: `tar --numeric-owner`.
    #[error("an ACL of {path} names {name:?} without a number")]
    AclName {
        /// Path of the member.
        path: String,
        /// The user or group.
        name: String,
    },
    /// A path that leads out of the tree.
    #[error("{0} contains `..`")]
    Outside(
        /// The path.
        String,
    ),
    /// The ranges of a sparse file overlap, or end behind its end.
    #[error("the map of the sparse file {0} is malformed")]
    Sparse(
        /// Path of the member.
        String,
    ),
    /// A member that is part of a file in several volumes, or of a kind that no program writes.
    #[error("{path} is of the type {kind:?}, which is not supported")]
    Kind {
        /// Path of the member.
        path: String,
        /// The type in the header.
        kind: char,
    },
    /// More than the limits allow.
    #[error("{what} of {path} exceed the limit of {limit}")]
    Limit {
        /// Path of the member.
        path: String,
        /// What is limited.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
}

impl TarError {
    /// Who can do something about it.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Read(_) => Fault::System,
            _ => Fault::Input,
        }
    }
}

/// A path as it can be printed.
pub(crate) fn printable(path: &[u8]) -> String {
    path.escape_ascii().to_string()
}
