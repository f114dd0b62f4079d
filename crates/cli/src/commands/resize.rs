//! `gumnut resize`

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{ArgGroup, Args};
use gumnut_disk_image::{
    DiskImageError, Existing, NewSize, Plan, RawImage, ResizeOptions, Resized, Target,
};
use gumnut_terminal::{Exit, Failure, Lines, Output, Session, Stop};
use gumnut_types::ByteSize;
use serde_json::json;

use crate::values;

/// Grow or shrink the file system in a disk image.
///
/// Works on a copy, which keeps UUID, label, features and inode size and is checked before it gets its name; needs no
/// root and no loop device. On a disk with a partition table (MBR or GPT) the last partition is resized. qcow2, VMDK,
/// VDI, VHD and compressed images become raw. `e2fsck` and `resize2fs` of e2fsprogs do the work.
#[derive(Args)]
#[command(group(ArgGroup::new("new_size").required(true).args(["size", "shrink_to_fit"])))]
#[command(group(ArgGroup::new("target").required(true).args(["output", "in_place", "dry_run"])))]
#[command(after_help = "\
Examples:
  gumnut resize centos.5-3.x86.img --size 4G -o new_centos.5-3.x86.img
  gumnut resize disk.img --shrink-to-fit --fstrim --in-place")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of the command line"
)]
pub(crate) struct Resize {
    /// The image, which is not changed
    image: PathBuf,
    /// The new size: 4G, 4096M, or a number of bytes; up to 16T
    #[arg(long, value_parser = values::disk_size)]
    size: Option<ByteSize>,
    /// Shrink to the minimum size; leaves no free space
    #[arg(long)]
    shrink_to_fit: bool,
    /// The new image
    #[arg(short, long, value_name = "NEW")]
    output: Option<PathBuf>,
    /// Replace the image when the new one is complete and checked
    #[arg(long)]
    in_place: bool,
    /// Show what would happen, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Turn free blocks into holes: deleted files cannot be recovered, and bundles get smaller
    #[arg(long)]
    fstrim: bool,
    /// Overwrite an existing file
    #[arg(long, conflicts_with_all = ["in_place", "dry_run"])]
    force: bool,
}

impl Resize {
    pub(crate) fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let temporary = match &self.output {
            Some(output) => folder_of(output),
            None => std::env::temp_dir(),
        };
        let stop = Stop::on_interrupt().context("cannot watch for ^C")?;
        let raw = self.raw(session, &temporary, &stop)?;
        if raw.is_temporary() && self.in_place {
            let message = format!(
                "{} is not a raw image, but the result would be one",
                self.image.display()
            );
            return Err(Failure::new(Exit::Input, message)
                .hint("write it to another file with -o")
                .into());
        }
        let done = if self.dry_run {
            gumnut_disk_image::plan(raw.path(), self.new_size())
                .map_err(anyhow::Error::from)
                .and_then(|plan| self.tell(session, &plan))
        } else {
            self.resize(session, raw.path(), &stop)
        };
        if !raw.is_temporary() {
            return done;
        }
        let image = self.image.display();
        done.with_context(|| format!("cannot resize {image}, which was converted to a raw image"))
    }

    fn new_size(&self) -> NewSize {
        self.size
            .map_or(NewSize::Minimum, |size| NewSize::Bytes(size.bytes()))
    }

    /// The raw image, which may have to be made in `folder` first.
    fn raw(
        &self,
        session: &Session,
        folder: &Path,
        stop: &Stop,
    ) -> Result<RawImage, DiskImageError> {
        let length = fs_err::metadata(&self.image).map_or(0, |metadata| metadata.len());
        let bar = session.output.bar("unpacking", length).stopped_by(stop);
        let raw = RawImage::open(&self.image, folder, &bar);
        bar.clear();
        raw
    }

    fn resize(&self, session: &Session, raw: &Path, stop: &Stop) -> Result<(), anyhow::Error> {
        let length = fs_err::metadata(raw).map_or(0, |metadata| metadata.len());
        let bar = session.output.bar("copying", length).stopped_by(stop);
        let existing = if self.force {
            Existing::Replace
        } else {
            Existing::Refuse
        };
        let options = ResizeOptions::default()
            .existing(existing)
            .drop_free_blocks(self.fstrim);
        let (target, path) = match &self.output {
            Some(output) => (Target::File(output), output),
            None => (Target::InPlace, &self.image),
        };
        let resized = gumnut_disk_image::resize(raw, self.new_size(), target, options, &bar);
        bar.clear();
        report(&session.output, path, &resized?)
    }

    fn tell(&self, session: &Session, plan: &Plan) -> Result<(), anyhow::Error> {
        let superblock = &plan.superblock;
        let partition = plan
            .partition
            .map_or(String::new(), |number| format!(" in partition {number}"));
        let after = match plan.after {
            Some(after) => format!("gets {} ({after} bytes)", ByteSize(after)),
            None => format!("gets its minimum size, at least {}", ByteSize(plan.used)),
        };
        let text = format!(
            "{}: an {} file system{partition}, {}, of which {} are used, {}; the image {after}",
            self.image.display(),
            superblock.kind,
            ByteSize(superblock.length()),
            ByteSize(plan.used),
            superblock.state,
        );
        let json = json!({
            "image": self.image.to_string_lossy(),
            "previous_size": plan.before,
            "size": plan.after,
            "partition": plan.partition,
            "used": plan.used,
            "state": superblock.state.to_string(),
            "dry_run": true,
        });
        session.output.result(&json, &Lines::one(text))
    }
}

/// The directory that a file is in.
fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn report(output: &Output, path: &Path, resized: &Resized) -> Result<(), anyhow::Error> {
    if resized.corrected {
        output.say(
            "the file system was not clean; its journal was replayed or errors were corrected",
        );
    }
    let (before, after) = (ByteSize(resized.before), ByteSize(resized.after));
    let verb = if resized.after < resized.before {
        "shrank"
    } else {
        "grew"
    };
    output.say(format!("{before} {verb} to {after}"));
    let json = json!({
        "image": path.to_string_lossy(),
        "previous_size": resized.before,
        "size": resized.after,
        "partition": resized.partition,
        "corrected": resized.corrected,
    });
    output.result(&json, &Lines::one(path.display()))
}
