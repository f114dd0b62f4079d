//! `gumnut unbundle`

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use gumnut_bundle::{Existing, ImageFile};
use gumnut_disk_image::{Conversion, DiskFormat};
use gumnut_settings::Settings;
use gumnut_terminal::{Exit, Failure, Lines, Output, Session, Stop, Watch};
use gumnut_types::{ByteSize, Limits};
use gumnut_workflows::{self as workflows, LocalBundle};
use serde_json::json;

use super::trust::Trust;

/// Restore the image of a bundle.
///
/// The image gets its name only when the manifest's signature, every part, the size and the image's digest have been
/// checked. Holes are restored as holes.
#[derive(Args)]
#[command(after_help = "\
Example:
  gumnut unbundle old.manifest.xml --private-key euca2-admin-pk.pem -o old.img")]
pub(crate) struct Unbundle {
    /// The manifest
    manifest: PathBuf,
    /// Directory of the parts [default: that of the manifest]
    #[arg(long, value_name = "DIR")]
    parts: Option<PathBuf>,
    /// The restored image
    #[arg(short, long, value_name = "FILE", required_unless_present = "stdout")]
    output: Option<PathBuf>,
    /// Write the image to standard output, which must be a pipe or a file
    ///
    /// The digest of the image is checked at its end, after it has been written: use the image only if the exit code is
    /// 0.
    #[arg(long, conflicts_with_all = ["output", "force"], requires = "unverified_stream")]
    stdout: bool,
    /// Confirm that the reader of --stdout checks the exit code
    #[arg(long, requires = "stdout")]
    unverified_stream: bool,
    /// Format of the restored image; formats other than raw need qemu-img
    #[arg(long, value_name = "FORMAT", default_value = "raw")]
    format: Format,
    #[command(flatten)]
    trust: Trust,
    /// Overwrite an existing file
    #[arg(long)]
    force: bool,
}

/// A format of disk images, as the command line says it.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Raw,
    Qcow2,
    Vmdk,
    /// Virtual PC and Hyper-V, also called vpc
    #[value(alias = "vpc")]
    Vhd,
}

/// Where the image goes.
enum Target {
    File(ImageFile),
    /// First to a temporary file, and from there to its own in another format.
    Converted(ImageFile, Conversion),
    Stream(File),
}

impl Format {
    /// What `qemu-img` has to make of a raw image; `None` when it is to remain one.
    pub(crate) fn converted(self) -> Option<DiskFormat> {
        match self {
            Self::Raw => None,
            Self::Qcow2 => Some(DiskFormat::Qcow2),
            Self::Vmdk => Some(DiskFormat::Vmdk),
            Self::Vhd => Some(DiskFormat::Vpc),
        }
    }
}

/// Opens a bundle: checks the manifest's signature as `trust` asks, and opens its key with the private key.
pub(crate) fn open(
    settings: &Settings,
    bundle: &LocalBundle,
    trust: &Trust,
) -> Result<workflows::Unbundle, anyhow::Error> {
    let manifest = bundle.manifest(&Limits::default())?;
    Output::warn_all(manifest.warnings());
    let key = trust.need_private_key(settings)?;
    let signed = trust.check(settings, manifest, Some(&key))?;
    Ok(workflows::Unbundle::new(
        signed.open(&key)?,
        bundle.parts(),
    )?)
}

impl Unbundle {
    pub(crate) fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let settings = session.settings()?;
        let bundle = LocalBundle::new(&self.manifest).parts_in(self.parts.as_deref());
        let unbundle = open(&settings, &bundle, &self.trust)?;
        let signature = unbundle.manifest().believed().signature().as_str();
        let target = self.target(session)?;
        let stop = Stop::on_interrupt().context("cannot watch for ^C")?;
        let watch = Watch::new(&session.output, &stop, |_| {});
        let (file, conversion) = match target {
            Target::File(file) => (file, None),
            Target::Converted(file, conversion) => (file, Some(conversion)),
            Target::Stream(stdout) => {
                let written = unbundle.stream(stdout, &*watch);
                watch.clear();
                let size = ByteSize(written?.image_size);
                session
                    .output
                    .say(format!("the image ({size}) is complete"));
                return Ok(());
            }
        };
        let restored = unbundle.run(file, &*watch);
        watch.clear();
        let restored = restored?;
        let path = match (conversion, &self.output) {
            (Some(conversion), Some(output)) => {
                conversion.finish()?;
                output.clone()
            }
            _ => restored.path,
        };
        let json = json!({
            "image": path.to_string_lossy(),
            "image_size": restored.image_size,
            "signature": signature,
        });
        session.output.result(&json, &Lines::one(path.display()))
    }

    fn target(&self, session: &Session) -> Result<Target, anyhow::Error> {
        let Some(output) = &self.output else {
            if self.format != Format::Raw {
                let message = "only a raw image can be written to standard output";
                return Err(Failure::new(Exit::Usage, message)
                    .hint("write the image to a file with -o")
                    .into());
            }
            return session.output.stream().map(Target::Stream);
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
        let conversion = Conversion::begin(output, format, existing)?;
        let raw = ImageFile::create(&conversion.raw(), Existing::Refuse)?;
        Ok(Target::Converted(raw, conversion))
    }

    /// The manifest must not be replaced by the image, not even with `--force`.
    fn refuse_manifest(&self, output: &Path) -> Result<(), Failure> {
        let same = fs_err::canonicalize(output).is_ok_and(|output| {
            fs_err::canonicalize(&self.manifest).is_ok_and(|manifest| manifest == output)
        });
        if same {
            return Err(
                Failure::new(Exit::Usage, "the image would replace the manifest")
                    .hint("choose another name with --output"),
            );
        }
        Ok(())
    }
}
