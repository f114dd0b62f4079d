//! The image that a bundle is made of.

use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use gumnut_bundle::ImageSource;
use gumnut_disk_image::{DiskImageError, Inspection, RawImage, insist};
use gumnut_types::{ImageClass, NoProgress};

use crate::WorkflowError;

/// An image that was looked at, as far as it can be before it is read.
#[derive(Debug)]
pub struct ImageInput(Input);

#[derive(Debug)]
enum Input {
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
    /// Standard input with its announced length in bytes.
    Stdin(u64),
    /// What bundling will refuse, in its own words.
    Unusable(PathBuf),
}

impl ImageInput {
    /// Looks at a file or a block device that will be an image of this class. Of a machine image, what is compressed is
    /// decompressed, and a virtual disk made raw, in the directory for temporary files; kernels and ramdisks remain as they are.
    ///
    /// # Errors
    /// When the image cannot be read, cannot be made raw, or is certainly none of this class, such as a text.
    pub fn open(path: &Path, class: ImageClass) -> Result<Self, WorkflowError> {
        let input = Self::looked_at(path, |path| {
            let folder = std::env::temp_dir();
            match class {
                ImageClass::Machine => RawImage::open(path, &folder, &NoProgress),
                ImageClass::Kernel | ImageClass::Ramdisk => RawImage::open_packed(path, &folder),
            }
        })?;
        if let Some(inspection) = input.inspection() {
            insist(path, inspection, class)?;
        }
        Ok(input)
    }

    /// Looks at a file or a block device, which may be anything: only a virtual disk is made raw, in the directory for temporary
    /// files. So the tools did that gumnut answers to the names of.
    ///
    /// # Errors
    /// When the image cannot be read, or cannot be made raw.
    pub fn open_any(path: &Path) -> Result<Self, WorkflowError> {
        Self::looked_at(path, |path| {
            RawImage::open_packed(path, &std::env::temp_dir())
        })
    }

    fn looked_at(
        path: &Path,
        open: impl FnOnce(&Path) -> Result<RawImage, DiskImageError>,
    ) -> Result<Self, WorkflowError> {
        let kind = path.metadata().map(|metadata| metadata.file_type());
        Ok(Self(match kind {
            Ok(kind) if kind.is_file() => {
                let raw = open(path)?;
                let inspection = gumnut_disk_image::inspect(raw.path())?;
                Input::File { raw, inspection }
            }
            Ok(kind) if kind.is_block_device() => Input::Device {
                path: path.to_owned(),
                inspection: gumnut_disk_image::inspect(path)?,
            },
            _ => Input::Unusable(path.to_owned()),
        }))
    }

    /// Standard input, from which `length` bytes are expected. It can be read once only.
    pub fn stdin(length: u64) -> Self {
        Self(Input::Stdin(length))
    }

    /// What is in the image. `None`: it can be read only once, or not at all.
    pub fn inspection(&self) -> Option<&Inspection> {
        match &self.0 {
            Input::File { inspection, .. } | Input::Device { inspection, .. } => Some(inspection),
            Input::Stdin(_) | Input::Unusable(_) => None,
        }
    }

    /// The bytes of the image.
    ///
    /// # Errors
    /// When the image cannot be opened, or is none that can be bundled.
    pub fn source(&self) -> Result<ImageSource<'static>, WorkflowError> {
        Ok(match &self.0 {
            Input::File { raw, .. } => ImageSource::open(raw.path())?,
            Input::Device { path, inspection } => {
                let device = fs_err::File::open(path)?;
                let name = path.display().to_string();
                ImageSource::from_reader(name, inspection.length, device)?
            }
            Input::Stdin(length) => {
                ImageSource::from_reader("standard input", *length, io::stdin())?
            }
            Input::Unusable(path) => ImageSource::open(path)?,
        })
    }
}
