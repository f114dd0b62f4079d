//! Where the image to bundle comes from.

use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use gumnut_bundle::ImageSource;
use gumnut_disk_image::{Inspection, RawImage};
use gumnut_types::ByteSize;

use crate::exit::{Exit, Failure};

/// An image that was looked at, as far as it can be before it is read.
pub(crate) enum Input {
    /// A file, or the raw image that was made of it.
    File {
        raw: RawImage,
        inspection: Inspection,
    },
    /// A block device.
    Device {
        path: PathBuf,
        inspection: Inspection,
    },
    /// Standard input with its announced length.
    Stdin(u64),
    /// What bundling will refuse, in its own words.
    Unusable(PathBuf),
}

impl Input {
    pub(crate) fn open(path: &Path, size: Option<ByteSize>) -> Result<Self, anyhow::Error> {
        match (path == Path::new("-"), size) {
            (true, Some(size)) => return Ok(Self::Stdin(size.bytes())),
            (true, None) => {
                let message = "an image on standard input needs its length";
                let failure = Failure::new(Exit::Usage, message).hint("pass --size BYTES");
                return Err(failure.into());
            }
            (false, Some(_)) => {
                let message = "--size is for an image on standard input; a file has its own";
                return Err(Failure::new(Exit::Usage, message).into());
            }
            (false, None) => {}
        }
        let kind = path.metadata().map(|metadata| metadata.file_type());
        Ok(match kind {
            Ok(kind) if kind.is_file() => {
                let raw = RawImage::open(path, &std::env::temp_dir())?;
                let inspection = gumnut_disk_image::inspect(raw.path())?;
                Self::File { raw, inspection }
            }
            Ok(kind) if kind.is_block_device() => Self::Device {
                path: path.to_owned(),
                inspection: gumnut_disk_image::inspect(path)?,
            },
            _ => Self::Unusable(path.to_owned()),
        })
    }

    /// What is in the image; `None` when it can be read only once.
    pub(crate) fn inspection(&self) -> Option<&Inspection> {
        match self {
            Self::File { inspection, .. } | Self::Device { inspection, .. } => Some(inspection),
            Self::Stdin(_) | Self::Unusable(_) => None,
        }
    }

    /// The bytes of the image.
    pub(crate) fn source(&self) -> Result<ImageSource<'static>, anyhow::Error> {
        Ok(match self {
            Self::File { raw, .. } => ImageSource::open(raw.path())?,
            Self::Device { path, inspection } => {
                let device = fs_err::File::open(path)?;
                let name = path.display().to_string();
                ImageSource::from_reader(name, inspection.length, device)?
            }
            Self::Stdin(size) => ImageSource::from_reader("standard input", *size, io::stdin())?,
            Self::Unusable(path) => ImageSource::open(path)?,
        })
    }
}
