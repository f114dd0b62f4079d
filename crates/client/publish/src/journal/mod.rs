//! The journal of a run: a file of JSON lines, each on the disk before the next step begins.

mod file;
mod folder;
mod record;
mod runs;
mod state;

pub(crate) use self::file::Journal;
pub(crate) use self::folder::RunFolder;
pub(crate) use self::record::{Prepared, Record, Sealing, StoredPart, VERSION};
pub use self::runs::{RunInfo, RunStatus, Runs};
pub(crate) use self::state::{Begun, ImageState};
