//! `gumnut resize`

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use gumnut_disk_image::{Existing, ResizeOptions};
use gumnut_types::ByteSize;
use serde_json::json;

use super::Context;
use crate::progress::Stop;

/// Grow the file system in a disk image.
///
/// Works on a copy, which keeps UUID, label and features and is checked before it gets its name; needs no
/// root and no loop device. `e2fsck` and `resize2fs` of e2fsprogs do the work.
#[derive(Args)]
#[command(after_help = "\
Example:
  gumnut resize centos.5-3.x86.img --size 4G -o new_centos.5-3.x86.img")]
pub(crate) struct Resize {
    /// The image, which stays as it is
    image: PathBuf,
    /// The new size: 4G, 4096M, or a number of bytes
    #[arg(long)]
    size: ByteSize,
    /// The new image
    #[arg(short, long, value_name = "NEW")]
    output: PathBuf,
    /// Overwrite an existing file
    #[arg(long)]
    force: bool,
}

impl Resize {
    pub(crate) fn run(&self, context: &Context<'_>) -> Result<(), anyhow::Error> {
        let length = fs_err::metadata(&self.image).map_or(0, |metadata| metadata.len());
        let stop = Stop::on_interrupt().context("cannot watch for ^C")?;
        let bar = context.output.bar("copying", length).stopped_by(&stop);
        let existing = if self.force {
            Existing::Replace
        } else {
            Existing::Refuse
        };
        let options = ResizeOptions::default().existing(existing);
        let resized =
            gumnut_disk_image::resize(&self.image, self.size.bytes(), &self.output, options, &bar);
        bar.clear();
        let resized = resized?;
        if resized.corrected {
            context.output.say(
                "the file system was not clean; its journal was replayed or errors were corrected",
            );
        }
        let (before, after) = (ByteSize(resized.before), ByteSize(resized.after));
        context.output.say(format!("{before} grew to {after}"));
        let json = json!({
            "image": self.output,
            "previous_size": resized.before,
            "size": resized.after,
        });
        context
            .output
            .result(&json, &self.output.display().to_string())
    }
}
