//! `gumnut cloud backup` and `gumnut cloud restore`

use std::path::PathBuf;

use clap::Args;
use gumnut_cloud::{BackupOptions, Cloud};
use gumnut_terminal::{Lines, Session};
use serde_json::json;

use crate::data::Data;
use crate::refused::refused;

/// Back up the cloud, which can be running.
///
/// Each backup is a directory in DIR with the time as its name. It has the catalogue and all objects as they were at one moment, and the
/// keys. Objects that an earlier backup in DIR has are hard links to it. On the file system of the data directory the others are hard
/// links, too. A backup that was interrupted has a name that ends with .partial; the next one continues with its files.
#[derive(Args)]
#[command(after_help = "\
Examples:
  gumnut cloud backup /mnt/backup/cloud
  gumnut cloud backup /mnt/backup/cloud --verify --data /srv/cloud")]
pub struct Backup {
    #[command(flatten)]
    data: Data,
    /// Directory for the backups of this cloud, created if it does not exist
    #[arg(value_name = "DIR")]
    to: PathBuf,
    /// Copy objects of the cloud, even where hard links are possible
    #[arg(long)]
    copy: bool,
    /// Read all objects of the backup and compare them with their digests
    #[arg(long)]
    verify: bool,
}

/// Restore a backup to a new data directory.
///
/// Compares everything with the digests in the backup before the directory gets its name. Objects are hard links to the backup where the
/// file system allows it.
#[derive(Args)]
#[command(after_help = "\
Examples:
  gumnut cloud restore /mnt/backup/cloud --to /srv/cloud
  gumnut cloud restore /mnt/backup/cloud/2026-11-30T22-25-13Z --to /srv/cloud")]
pub struct Restore {
    /// A backup, or a directory with backups, of which the last is used
    #[arg(value_name = "DIR")]
    from: PathBuf,
    /// Data directory, which must be empty or not exist
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Copy the objects, even where hard links are possible
    #[arg(long)]
    copy: bool,
}

impl Backup {
    pub(crate) fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let options = BackupOptions::new(self.copy, self.verify);
        let backup = Cloud::backup(&self.data.folder()?, &self.to, options).map_err(refused)?;
        let lines = Lines::one(backup.path.display());
        session.output.result(&json!(backup), &lines)
    }
}

impl Restore {
    pub(crate) fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let restored = Cloud::restore(&self.from, &self.to, !self.copy).map_err(refused)?;
        let lines = Lines::one(restored.backup.display());
        session.output.result(&json!(restored), &lines)
    }
}
