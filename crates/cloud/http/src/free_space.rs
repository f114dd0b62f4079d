//! The room that is left where a server keeps things.

use std::io;

/// Reports how many bytes are free where the server keeps things, for the metrics; it lives as long as the last connection.
pub type FreeSpace = Box<dyn Fn() -> io::Result<u64> + Send + Sync>;
