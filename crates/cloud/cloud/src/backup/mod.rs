//! Backups of a data directory, whose cloud may run, and restoring them.
//!
//! A backup is a directory that looks like a data directory: `catalogue.sqlite` as it was at one moment, `catalogue.id`, the files
//! of all blobs that it names in `objects`, and the files with keys. Several of them are in one directory, and share the files
//! of blobs as hard links. The manifest `backup.json` says what must be there.

mod check;
mod error;
mod folder;
mod make;
mod manifest;
mod place;
mod restore;

pub use error::BackupError;
pub(crate) use make::make;
pub use make::{Backup, BackupOptions};
pub use restore::Restored;
pub(crate) use restore::restore;
