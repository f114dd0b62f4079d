//! `gumnut unbundle`

use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use gumnut_bundle::{Existing, FolderSource, ImageFile, StreamOutput, unbundle_to};
use gumnut_disk_image::{Conversion, DiskFormat};
use gumnut_types::{ByteSize, Limits};
use serde_json::json;

use super::{Context, trust};
use crate::exit::{Exit, Failure};
use crate::progress::Stop;

/// Restore the image of a bundle.
///
/// The image appears under its name only when the manifest's signature, every part, the size and the
/// image's digest have been checked. Holes come back as holes.
#[derive(Args)]
#[command(after_help = "\
Example:
  gumnut unbundle old.manifest.xml --private-key euca2-admin-pk.pem -o old.img")]
pub(crate) struct Unbundle {
    /// The manifest
    manifest: PathBuf,
    /// Folder of the parts [default: the manifest's]
    #[arg(long, value_name = "DIR")]
    parts: Option<PathBuf>,
    /// The restored image
    #[arg(short, long, value_name = "FILE", required_unless_present = "stdout")]
    output: Option<PathBuf>,
    /// Write the image to standard output, a pipe or a file, instead
    ///
    /// The image's digest can be checked only at its end, so whoever reads has it before it is known to be right: use it
    /// only when this program has ended with 0.
    #[arg(long, conflicts_with_all = ["output", "force"], requires = "unverified_stream")]
    stdout: bool,
    /// Confirm that the reader of --stdout waits for the exit code
    #[arg(long, requires = "stdout")]
    unverified_stream: bool,
    /// Format of the restored image; others than raw are made by qemu-img
    #[arg(long, value_name = "FORMAT", default_value = "raw")]
    format: Format,
    #[command(flatten)]
    trust: trust::Trust,
    /// Overwrite an existing file
    #[arg(long)]
    force: bool,
}

/// A format of disk images, as the command line says it.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Raw,
    Qcow2,
    Vmdk,
    Vpc,
}

/// Where the image goes.
enum Target {
    File(ImageFile),
    /// First to a temporary file, and from there to its own in another format.
    Converted(ImageFile, Conversion),
    Stream(File),
}

/// Standard output without a buffer: the pieces of an image are large.
fn stream(context: &Context<'_>) -> Result<File, anyhow::Error> {
    if context.global.json {
        return Err(Failure::new(
            Exit::Usage,
            "standard output cannot hold both the image and its JSON",
        )
        .hint("leave out --json or --stdout")
        .into());
    }
    let stdout = io::stdout();
    if stdout.is_terminal() {
        let message = "an image on a terminal helps nobody";
        return Err(Failure::new(Exit::Usage, message)
            .hint("redirect standard output to a pipe or a file")
            .into());
    }
    Ok(File::from(stdout.as_fd().try_clone_to_owned()?))
}

impl Format {
    /// What `qemu-img` has to make of a raw image; `None` when it is to stay one.
    fn converted(self) -> Option<DiskFormat> {
        match self {
            Self::Raw => None,
            Self::Qcow2 => Some(DiskFormat::Qcow2),
            Self::Vmdk => Some(DiskFormat::Vmdk),
            Self::Vpc => Some(DiskFormat::Vpc),
        }
    }
}

impl Unbundle {
    pub(crate) fn run(&self, context: &Context<'_>) -> Result<(), anyhow::Error> {
        let settings = context.settings()?;
        let manifest = trust::read_manifest(&self.manifest)?;
        trust::say_warnings(manifest.warnings());
        let key = self.trust.need_private_key(&settings)?;
        let signed = self.trust.check(&settings, manifest, Some(&key))?;
        let signature = signed.signature().as_str();
        let open = signed.open(&key)?;
        let folder = trust::parts_folder(&self.manifest, self.parts.as_deref());
        let mut source = FolderSource::open(&folder)?;
        let target = self.target(context)?;
        let stop = Stop::on_interrupt().context("cannot watch for ^C")?;
        let bar = context
            .output
            .bar("restoring", open.manifest().image_size)
            .stopped_by(&stop);
        let limits = Limits::default();
        let (output, conversion) = match target {
            Target::File(output) => (output, None),
            Target::Converted(output, conversion) => (output, Some(conversion)),
            Target::Stream(stdout) => {
                let mut stream = StreamOutput(stdout);
                let done = unbundle_to(&open, &mut source, &mut stream, &limits, &bar);
                bar.clear();
                let size = ByteSize(done?.image_size);
                context.output.say(format!("the image ({size}) is whole"));
                return Ok(());
            }
        };
        let restored = gumnut_bundle::unbundle(&open, &mut source, output, &limits, &bar);
        bar.clear();
        let restored = restored?;
        let path = match (conversion, &self.output) {
            (Some(conversion), Some(output)) => {
                conversion.finish()?;
                output.clone()
            }
            _ => restored.path,
        };
        let json = json!({
            "image": path,
            "image_size": restored.image_size,
            "signature": signature,
        });
        context.output.result(&json, &path.display().to_string())
    }

    fn target(&self, context: &Context<'_>) -> Result<Target, anyhow::Error> {
        let Some(output) = &self.output else {
            if self.format != Format::Raw {
                let message = "only a raw image can be written to standard output";
                return Err(Failure::new(Exit::Usage, message)
                    .hint("write the image to a file with -o")
                    .into());
            }
            return stream(context).map(Target::Stream);
        };
        self.refuse_manifest(output)?;
        let existing = if self.force {
            Existing::Replace
        } else {
            Existing::Refuse
        };
        let Some(format) = self.format.converted() else {
            return Ok(Target::File(ImageFile::create(output, existing)?));
        };
        let replace = if self.force {
            gumnut_disk_image::Existing::Replace
        } else {
            gumnut_disk_image::Existing::Refuse
        };
        let conversion = Conversion::begin(output, format, replace)?;
        let raw = ImageFile::create(&conversion.raw(), Existing::Refuse)?;
        Ok(Target::Converted(raw, conversion))
    }

    /// The manifest must not be replaced by the image, not even with `--force`.
    fn refuse_manifest(&self, output: &Path) -> Result<(), Failure> {
        let canonical = |path: &Path| fs_err::canonicalize(path).ok();
        if canonical(output).is_some_and(|output| canonical(&self.manifest) == Some(output)) {
            return Err(
                Failure::new(Exit::Usage, "the image would replace the manifest")
                    .hint("choose another name with --output"),
            );
        }
        Ok(())
    }
}
