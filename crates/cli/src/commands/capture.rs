//! `gumnut capture`

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use gumnut_maker::{FileSystemUuid, Input, MakeOptions, Running};
use gumnut_terminal::{Output, Session};

use super::make::NewImage;
use super::tree::{TreeOptions, UuidChoice, given};

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
    #[command(flatten)]
    running: RunningOptions,
    #[command(flatten)]
    new: NewImage,
}

/// What is read of a running system.
#[derive(Args)]
pub(crate) struct RunningOptions {
    /// Keep private keys, credentials, passwords and what is only true for this machine
    #[arg(long)]
    no_seal: bool,
    /// Read what is mounted below, too
    #[arg(long)]
    all: bool,
    /// Read the file system that is mounted here, too
    #[arg(long, value_name = "PATH")]
    mount: Vec<PathBuf>,
}

impl Capture {
    pub(crate) fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let common = self.new.options()?;
        let options = self.running.complete(&self.volume, &self.new.tree, common);
        self.new.make(session, Input::Path(&self.volume), &options)
    }
}

impl RunningOptions {
    /// The options of a tree, completed by those of the system that runs on a volume.
    pub(crate) fn complete(
        &self,
        volume: &Path,
        tree: &TreeOptions,
        common: MakeOptions,
    ) -> MakeOptions {
        let running = Running::of(volume);
        let (label, uuid, file_system) = tree.identity();
        let uuid = match uuid {
            Some(UuidChoice::Of(uuid)) => uuid,
            Some(UuidChoice::Keep) | None => own_uuid(volume, &running),
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |now| u32::try_from(now.as_secs()).unwrap_or(u32::MAX));
        let mounts = self
            .mount
            .iter()
            .map(|path| gumnut_maker::path_in_volume(volume, path));
        MakeOptions {
            seal: !self.no_seal,
            uuid,
            label: label.or_else(|| running.label.clone()).unwrap_or_default(),
            file_system: file_system.unwrap_or_else(|| running.image_file_system()),
            epoch: common.epoch.or(Some(now)),
            other_file_systems: self.all,
            mounts: mounts.collect(),
            running: Some(running),
            ..common
        }
    }

    /// An option that was given.
    pub(crate) fn given(&self) -> Option<&'static str> {
        given(&[
            ("--no-seal", self.no_seal),
            ("--all", self.all),
            ("--mount", !self.mount.is_empty()),
        ])
    }
}

/// The UUID of the volume, or a new one if it is not known.
fn own_uuid(volume: &Path, running: &Running) -> FileSystemUuid {
    running.uuid.map_or_else(
        || {
            let volume = volume.display();
            Output::warn(format!(
                "the UUID of the file system on {volume} is not known; the image gets a new one"
            ));
            FileSystemUuid::Random
        },
        FileSystemUuid::Given,
    )
}
