//! `gumnut make`, and what it shares with `gumnut capture`

use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use gumnut_maker::{Input, KernelCopies, Made, MakeOptions, Prepared};
use gumnut_terminal::{Session, Stop};
use gumnut_types::{ByteSize, Existing};

use super::made::{failure, report, report_plan};
use super::tree::{SourceOptions, TreeOptions};
use crate::values;

/// Make a disk image of a directory, a tar archive or a container image.
///
/// Needs no root, no loop device, no mounting and no other program. Owners, permissions, times, devices, hard links, holes,
/// extended attributes, capabilities and ACLs are kept. What the source is, is detected from its content.
/// docs/make.md has the whole way to a running instance.
#[derive(Args)]
#[command(after_help = "\
Examples:
  mmdebstrap bookworm - | gumnut make - -o debian.img
  gumnut make rootfs.tar.zst -o disk.img --kernel-out vmlinuz --ramdisk-out initrd.img
  gumnut make oci-layout/ -o web.img --image web:1 --init")]
pub(crate) struct Make {
    /// A directory, a tar archive, an OCI layout or an archive of `docker save`; `-` is an archive on standard input
    source: PathBuf,
    #[command(flatten)]
    from: SourceOptions,
    #[command(flatten)]
    new: NewImage,
}

/// Options of everything that writes an image of a tree of files.
#[derive(Args)]
pub(crate) struct NewImage {
    /// The new image
    #[arg(short, long, value_name = "NEW", required_unless_present = "dry_run")]
    output: Option<PathBuf>,
    /// Overwrite existing files
    #[arg(long, conflicts_with = "dry_run")]
    force: bool,
    /// Show what would be made, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Size of the image: 4G, 4096M, or a number of bytes [default: what the files need, and --free]
    #[arg(long, value_parser = values::disk_size, conflicts_with = "free")]
    size: Option<ByteSize>,
    #[command(flatten)]
    pub(crate) tree: TreeOptions,
    /// Only a file system, not a system to be started: nothing is added, and no init is needed
    #[arg(long)]
    only_fs: bool,
    /// Copy the kernel in /boot to this file
    #[arg(long, value_name = "FILE")]
    kernel_out: Option<PathBuf>,
    /// Copy its ramdisk to this file
    #[arg(long, value_name = "FILE")]
    ramdisk_out: Option<PathBuf>,
}

impl Make {
    pub(crate) fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let options = self.from.complete(&self.new.tree, self.new.options()?)?;
        let mut stdin = io::stdin();
        let input = if self.source == Path::new("-") {
            Input::Stream(&mut stdin)
        } else {
            Input::Path(&self.source)
        };
        self.new.make(session, input, &options)
    }
}

impl NewImage {
    /// The options that do not depend on the source.
    pub(crate) fn options(&self) -> Result<MakeOptions, anyhow::Error> {
        Ok(MakeOptions {
            only_file_system: self.only_fs,
            outputs: self.outputs(),
            ..self.tree.common(self.size)?
        })
    }

    /// What is written, under its names meanwhile and at the end.
    fn outputs(&self) -> Vec<PathBuf> {
        let given = [&self.output, &self.kernel_out, &self.ramdisk_out];
        let given = given.into_iter().flatten();
        given
            .flat_map(|path| {
                let mut partial = path.clone().into_os_string();
                partial.push(".partial");
                [path.clone(), partial.into()]
            })
            .collect()
    }

    /// Plans the image, and writes it unless that was not asked for.
    pub(crate) fn make(
        &self,
        session: &Session,
        input: Input<'_>,
        options: &MakeOptions,
    ) -> Result<(), anyhow::Error> {
        let stop = Stop::on_interrupt().context("cannot watch for ^C")?;
        let bar = session.output.bar("reading names", 0).stopped_by(&stop);
        let prepared = gumnut_maker::prepare(input, options, &bar);
        bar.clear();
        let prepared = prepared.map_err(failure)?;
        let summary = prepared.summary().clone();
        let Some(output) = self.output.as_deref().filter(|_| !self.dry_run) else {
            return report_plan(&session.output, &summary);
        };
        let made = self.write(session, &stop, output, prepared)?;
        report(&session.output, output, &summary, &made)
    }

    fn write(
        &self,
        session: &Session,
        stop: &Stop,
        output: &Path,
        prepared: Prepared,
    ) -> Result<Made, anyhow::Error> {
        let existing = if self.force {
            Existing::Replace
        } else {
            Existing::Refuse
        };
        let copies = KernelCopies {
            kernel: self.kernel_out.as_deref(),
            ramdisk: self.ramdisk_out.as_deref(),
        };
        let total = prepared.summary().to_read;
        let bar = session.output.bar("writing", total).stopped_by(stop);
        let made = prepared.write(output, existing, copies, &bar);
        bar.clear();
        made.map_err(failure)
    }
}
