//! `gumnut inspect`

mod collection;
mod image;
mod manifest;
mod report;

use std::io::{self, Read as _};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use gumnut_disk_image::{Collection, Content, DiskImageError, Inspection, Layer, Packed, RawImage};
use gumnut_terminal::{Failure, Session, Stop, read_bounded, unreadable};
use gumnut_types::Limits;

use self::report::Report;
use super::trust;

/// Show what a file contains: a manifest, a disk image, a kernel, a ramdisk, or a tarball of images.
///
/// Changes nothing and needs no key. With a certificate or key in the settings it also checks the signature of a
/// manifest.
#[derive(Args)]
#[command(after_help = "\
Examples:
  gumnut inspect disk.img
  gumnut inspect disk.img.manifest.xml --cert euca2-admin-cert.pem")]
pub(crate) struct Inspect {
    /// The file, or a directory with images
    #[arg(value_name = "IMAGE|MANIFEST|TARBALL")]
    file: PathBuf,
    #[command(flatten)]
    trust: trust::Signer,
}

impl Inspect {
    pub(crate) fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let report = if self.file.is_dir() {
            let found = Collection::of_folder(&self.file)?;
            collection::report("a directory", &found)
        } else if self.is_manifest()? {
            let limit = Limits::default().manifest_bytes as u64;
            let bytes = read_bounded("manifest", &self.file, limit)?;
            manifest::report(session, &self.file, &bytes, &self.trust)?
        } else {
            self.image(session)?
        };
        let width = report
            .lines
            .iter()
            .map(|(label, _)| label.len())
            .max()
            .unwrap_or(0);
        let lines = report
            .lines
            .iter()
            .map(|(label, value)| [format!("{label:width$}  {value}")]);
        session.output.result(&report.json, &lines.collect())
    }

    /// What an image holds, of a virtual disk what is in it.
    fn image(&self, session: &Session) -> Result<Report, anyhow::Error> {
        let outside = gumnut_disk_image::inspect(&self.file)?;
        if matches!(outside.content, Content::Tarball(_)) {
            return self.tarball(session, &outside);
        }
        let format = match outside.content {
            Content::VirtualDisk(format) => Some(Layer::Format(format)),
            Content::Compressed {
                inside: Packed::Unknown,
                ..
            } => return Ok(image::report(&outside, &[])),
            Content::Compressed { .. } => None,
            _ => return Ok(image::report(&outside, &[])),
        };
        let stop = Stop::on_interrupt().context("cannot watch for ^C")?;
        let bar = session
            .output
            .bar("unpacking", outside.length)
            .stopped_by(&stop);
        let opened = RawImage::open(&self.file, &std::env::temp_dir(), &bar);
        bar.clear();
        match opened {
            Ok(raw) => {
                let mut inside = gumnut_disk_image::inspect(raw.path())?;
                inside.allocated = outside.allocated;
                Ok(image::report(&inside, raw.layers()))
            }
            // What it is can be said anyway.
            Err(error @ DiskImageError::ToolMissing { .. }) => {
                session
                    .output
                    .say(format!("its content was not inspected: {error}"));
                Ok(image::report(&outside, format.as_slice()))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn tarball(&self, session: &Session, found: &Inspection) -> Result<Report, anyhow::Error> {
        let stop = Stop::on_interrupt().context("cannot watch for ^C")?;
        let bar = session
            .output
            .bar("reading", found.length)
            .stopped_by(&stop);
        let scratch = std::env::temp_dir();
        let collection = Collection::of_tarball(&self.file, &scratch, &bar);
        bar.clear();
        let words = found.content.to_string();
        Ok(collection::report(&words, &collection?))
    }

    /// Whether the file begins like a manifest: with `<?xml` or `<manifest`, perhaps behind blanks.
    fn is_manifest(&self) -> Result<bool, Failure> {
        let head = self
            .head()
            .map_err(|error| unreadable("file", &self.file, error))?;
        let text = head.trim_ascii_start();
        Ok(text.starts_with(b"<?xml") || text.starts_with(b"<manifest"))
    }

    /// The first bytes of the file; none of what is not a regular file.
    fn head(&self) -> io::Result<Vec<u8>> {
        let mut head = Vec::new();
        // Opening a pipe would wait for its writer.
        if fs_err::metadata(&self.file)?.is_file() {
            let file = fs_err::File::open(&self.file)?;
            file.take(256).read_to_end(&mut head)?;
        }
        Ok(head)
    }
}
