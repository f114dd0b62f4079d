//! Bodies that can be sent again from their start.

use std::path::PathBuf;

use bytes::Bytes;

/// What a request carries. Each attempt sends it from its start.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Body {
    /// Bytes in memory.
    Bytes(Bytes),
    /// A file, which is streamed. It must not change meanwhile.
    File {
        /// Its path.
        path: PathBuf,
        /// Its length in bytes.
        length: u64,
        /// Its SHA-256 in lower-case hex, which version 4 signs.
        sha256: String,
    },
}

impl Body {
    /// No body.
    pub fn empty() -> Self {
        Self::Bytes(Bytes::new())
    }

    /// Its length in bytes.
    pub fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { length, .. } => *length,
        }
    }
}
