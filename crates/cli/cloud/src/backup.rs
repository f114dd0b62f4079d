//! `gumnut cloud backup`, `gumnut cloud restore` and `gumnut cloud migrate`

use std::path::PathBuf;

use clap::Args;
use gumnut_cloud::{BackupOptions, Cloud, MoveRequest};
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

/// Move the catalogue of a cloud that is stopped to PostgreSQL, or back.
///
/// The tables there must be empty. Objects and `master.key` are kept where they are. If the command is interrupted, run it again: it
/// continues. At the end the digests of all tables are compared; a cloud does not start with a catalogue that was moved.
#[derive(Args)]
#[command(after_help = "\
Examples:
  gumnut cloud migrate --to 'postgres:///gumnut?host=/run/postgresql'
  gumnut cloud migrate --from 'postgres:///gumnut?host=/run/postgresql' --data /srv/cloud
  gumnut cloud migrate --undo")]
pub struct Migrate {
    #[command(flatten)]
    data: Data,
    /// Database to move the catalogue of the data directory to
    #[arg(long, value_name = "URL", required_unless_present_any = ["from", "undo"], conflicts_with_all = ["from", "undo"])]
    to: Option<String>,
    /// Database to move the catalogue from, to a data directory without one
    #[arg(long, value_name = "URL")]
    from: Option<String>,
    /// File with the password of the database
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Use a catalogue that was moved again: that of the data directory, or of the database of --from
    ///
    /// Changes that were made after it was moved are not in it.
    #[arg(long)]
    undo: bool,
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

impl Migrate {
    pub(crate) fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let (to, from, file) = (&self.to, &self.from, &self.password_file);
        let request = MoveRequest::new(to.clone(), from.clone(), file.clone(), self.undo);
        let rows = Cloud::migrate_as(&self.data.folder()?, &request).map_err(refused)?;
        session
            .output
            .result(&json!({ "rows": rows }), &Lines::default())
    }
}
