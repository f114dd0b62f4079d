//! Raw images out of virtual disks and the other way round, through `qemu-img`.

use std::io;
use std::path::{Path, PathBuf};

use gumnut_types::Existing;
use tempfile::{NamedTempFile, TempDir, TempPath};

use crate::content::Content;
use crate::error::DiskImageError;
use crate::inspect::{self, Kind};
use crate::tool::Tool;
use crate::virtual_disk::VirtualDisk;
use crate::window::Window;

/// A raw image: the file itself, or a temporary one made of a virtual disk.
#[derive(Debug)]
pub struct RawImage {
    path: PathBuf,
    temporary: Option<TempPath>,
    format: Option<VirtualDisk>,
}

/// A format that `qemu-img` can write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DiskFormat {
    /// The bytes of the disk.
    #[default]
    Raw,
    /// QEMU copy on write, version 3.
    Qcow2,
    /// `VMware`, one sparse file.
    Vmdk,
    /// Virtual PC (VHD), dynamic.
    Vpc,
}

/// The largest virtual disk that is made raw, in bytes: 64 TiB. The file has holes, but the offsets
/// in it must be what file systems can count.
const MAX_DISK: u64 = 64 << 40;

impl RawImage {
    /// Opens `path`; a virtual disk becomes a sparse temporary file in `folder`, which is gone when
    /// this value is. What is not a virtual disk is left as it is.
    ///
    /// # Errors
    /// When the file cannot be read, when it names other files, and when `qemu-img` is missing or
    /// refuses it.
    pub fn open(path: &Path, folder: &Path) -> Result<Self, DiskImageError> {
        let (file, length) = inspect::open(path)?;
        let window = Window::whole(&file, length)?;
        let Kind::Other(Content::VirtualDisk(format)) = inspect::classify(&window)? else {
            return Ok(Self {
                path: path.to_owned(),
                temporary: None,
                format: None,
            });
        };
        if let Some(reason) = format.danger(&window)? {
            return Err(DiskImageError::NamesOthers {
                path: path.to_owned(),
                format,
                reason,
            });
        }
        let temporary = raw_copy(path, format, folder)?;
        Ok(Self {
            path: temporary.to_path_buf(),
            temporary: Some(temporary),
            format: Some(format),
        })
    }

    /// The raw file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The format of the file that it was made of; `None` when it is that file.
    pub fn format(&self) -> Option<VirtualDisk> {
        self.format
    }

    /// Whether [`RawImage::path`] is a file that goes with this value.
    pub fn is_temporary(&self) -> bool {
        self.temporary.is_some()
    }
}

fn raw_copy(path: &Path, format: VirtualDisk, folder: &Path) -> Result<TempPath, DiskImageError> {
    let tool = Tool::qemu_img()?;
    let absolute = std::path::absolute(path)?;
    let name = format.qemu_name();
    let size = virtual_size(&tool, &absolute, name)?;
    if size > MAX_DISK {
        return Err(DiskImageError::TooLarge {
            path: path.to_owned(),
            size,
            limit: MAX_DISK,
        });
    }
    let temporary = NamedTempFile::with_prefix_in(".gumnut-raw-", folder)?.into_temp_path();
    let target = std::path::absolute(&temporary)?;
    let arguments = ["convert", "-f", name, "-O", "raw", "--"];
    tool.run_on(&arguments, &[&absolute, &target], path)?;
    Ok(temporary)
}

/// The format is always given: guessing, `qemu-img` would follow what a raw image claims to be.
fn virtual_size(tool: &Tool, path: &Path, format: &str) -> Result<u64, DiskImageError> {
    let arguments = ["info", "-f", format, "--output=json", "--"];
    let text = tool.run_on(&arguments, &[path], path)?;
    let value: Option<serde_json::Value> = serde_json::from_str(&text).ok();
    let size = value.and_then(|value| value.get("virtual-size")?.as_u64());
    size.ok_or_else(|| DiskImageError::WrongResult {
        path: path.to_owned(),
        problem: "qemu-img does not tell its size".to_owned(),
    })
}

/// Writes the raw image `from` as `format` into the file `to`, which is replaced.
///
/// # Errors
/// When `qemu-img` is missing or fails.
pub fn convert(from: &Path, to: &Path, format: DiskFormat) -> Result<(), DiskImageError> {
    let (from, to) = (std::path::absolute(from)?, std::path::absolute(to)?);
    let mut arguments = vec!["convert", "-f", "raw", "-O", format.qemu_name()];
    if format == DiskFormat::Vpc {
        // Without it the size is rounded to what cylinders and heads can say.
        arguments.extend(["-o", "force_size=on"]);
    }
    arguments.push("--");
    Tool::qemu_img()?.run_on(&arguments, &[&from, &to], &from)?;
    Ok(())
}

impl DiskFormat {
    /// The name that `qemu-img` has for the format.
    pub fn qemu_name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Qcow2 => "qcow2",
            Self::Vmdk => "vmdk",
            Self::Vpc => "vpc",
        }
    }
}

/// A raw image that shall become a file in another format. Until it is complete, both are in a folder
/// of their own beside that file, which goes when this value does.
#[derive(Debug)]
pub struct Conversion {
    folder: TempDir,
    target: PathBuf,
    format: DiskFormat,
    existing: Existing,
}

impl Conversion {
    /// Begins a file that shall become `target`.
    ///
    /// # Errors
    /// When the target exists and is not to be replaced, when its folder cannot be written, and when
    /// `qemu-img` is missing.
    pub fn begin(
        target: &Path,
        format: DiskFormat,
        existing: Existing,
    ) -> Result<Self, DiskImageError> {
        let absolute = std::path::absolute(target)?;
        let parent = absolute.parent().unwrap_or(Path::new("/"));
        Self::begin_in(target, format, existing, parent)
    }

    /// Prepares to convert to `target`, with the temporary folder in `temporary`, which must be a folder of the same file
    /// system.
    ///
    /// # Errors
    /// When the target exists and is not to be replaced, when the temporary folder cannot be made, and when `qemu-img` is
    /// missing.
    pub fn begin_in(
        target: &Path,
        format: DiskFormat,
        existing: Existing,
        temporary: &Path,
    ) -> Result<Self, DiskImageError> {
        let target = std::path::absolute(target)?;
        if existing == Existing::Refuse && target.symlink_metadata().is_ok() {
            return Err(DiskImageError::Exists { path: target });
        }
        Tool::qemu_img()?;
        let folder = tempfile::Builder::new()
            .prefix(".gumnut-")
            .tempdir_in(temporary)?;
        Ok(Self {
            folder,
            target,
            format,
            existing,
        })
    }

    /// Where the raw image is to be written.
    pub fn raw(&self) -> PathBuf {
        self.folder.path().join("raw")
    }

    /// Converts the raw image, brings the result to disk and gives it its name.
    ///
    /// # Errors
    /// When `qemu-img` fails, and when the result cannot be renamed.
    pub fn finish(self) -> Result<(), DiskImageError> {
        let made = self.folder.path().join("converted");
        convert(&self.raw(), &made, self.format)?;
        fs_err::File::open(&made)?.sync_all()?;
        let temporary = TempPath::try_from_path(made)?;
        let renamed = match self.existing {
            Existing::Refuse => temporary.persist_noclobber(&self.target),
            Existing::Replace => temporary.persist(&self.target),
        };
        match renamed {
            Ok(()) => {}
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(DiskImageError::Exists { path: self.target });
            }
            Err(error) => return Err(error.error.into()),
        }
        let parent = self.target.parent().unwrap_or(Path::new("/"));
        Ok(fs_err::File::open(parent)?.sync_all()?)
    }
}
