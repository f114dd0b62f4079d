//! `gumnut capture`

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use gumnut_maker::{FileSystemUuid, Input, MakeOptions, Running};
use gumnut_terminal::{Output, Session};

use super::make::{TreeOptions, UuidChoice, path_in_volume};

/// Make a disk image of the running system.
///
/// Reads the files of / or of another volume while the system runs: no snapshot, no loop device, no mounting. Needs root to
/// read all files. Files are read one by one, so that the files of a database may not fit each other: stop it before, or
/// capture a snapshot. What changed meanwhile is listed. Other file systems are left out, and so are private keys,
/// credentials, passwords and what is only true for this machine.
#[derive(Args)]
#[command(after_help = "\
Examples:
  gumnut capture -o /mnt/disk.img
  gumnut capture / -o /mnt/disk.img --mount /boot --exclude '/var/lib/mysql/*' --keep /home/ann/.ssh")]
pub(crate) struct Capture {
    /// The root directory of the system
    #[arg(default_value = "/")]
    volume: PathBuf,
    /// Keep private keys, credentials, passwords and what is only true for this machine
    #[arg(long)]
    no_seal: bool,
    /// Read what is mounted below, too
    #[arg(long)]
    all: bool,
    /// Read the file system that is mounted here, too
    #[arg(long, value_name = "PATH")]
    mount: Vec<PathBuf>,
    #[command(flatten)]
    options: TreeOptions,
}

impl Capture {
    pub(crate) fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let running = Running::of(&self.volume);
        let (label, uuid, file_system) = self.options.identity();
        let common = self.options.common()?;
        let uuid = match uuid {
            Some(UuidChoice::Of(uuid)) => uuid,
            Some(UuidChoice::Keep) | None => self.own_uuid(&running),
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |now| u32::try_from(now.as_secs()).unwrap_or(u32::MAX));
        let options = MakeOptions {
            seal: !self.no_seal,
            uuid,
            label: label.or_else(|| running.label.clone()).unwrap_or_default(),
            file_system: file_system.unwrap_or_else(|| running.image_file_system()),
            epoch: common.epoch.or(Some(now)),
            other_file_systems: self.all,
            mounts: self.mount.iter().map(|path| self.below(path)).collect(),
            running: Some(running),
            ..common
        };
        self.options
            .make(session, Input::Path(&self.volume), &options)
    }

    /// The UUID of the volume, or a new one if it is not known.
    fn own_uuid(&self, running: &Running) -> FileSystemUuid {
        running.uuid.map_or_else(
            || {
                let volume = self.volume.display();
                Output::warn(format!(
                    "the UUID of the file system on {volume} is not known; the image gets a new one"
                ));
                FileSystemUuid::Random
            },
            FileSystemUuid::Given,
        )
    }

    /// A path of this machine as one in the volume.
    fn below(&self, path: &Path) -> Vec<u8> {
        path_in_volume(path.strip_prefix(&self.volume).unwrap_or(path))
    }
}
