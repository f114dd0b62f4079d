//! Raw images out of compressed files and virtual disks, and virtual disks out of raw images, through `qemu-img`.

use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use gumnut_archive::{ImageOutput, SparseFile};
use gumnut_compression::{Compression, Decompressed};
use gumnut_signatures::Window;
use gumnut_types::Existing;
use tempfile::{NamedTempFile, TempDir, TempPath};

use crate::content::{Content, Inspection};
use crate::error::DiskImageError;
use crate::inspect::{self, Kind};
use crate::resize::{Step, StepProgress};
use crate::tarball::Counted;
use crate::tool::Tool;
use crate::virtual_disk::{DAMAGED, VirtualDisk};

/// A raw image: the file itself, or a temporary one made of a compressed file or a virtual disk.
#[derive(Debug)]
pub struct RawImage {
    path: PathBuf,
    temporary: Option<TempPath>,
    layers: Vec<Layer>,
}

/// Something around a raw image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layer {
    /// The image is compressed.
    Compressed(Compression),
    /// The image is in another disk format.
    Format(VirtualDisk),
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

/// The largest disk that is made raw, in bytes: 64 TiB. The file has holes, but the offsets in it must be what file systems can
/// count.
const MAX_DISK: u64 = 64 << 40;
/// Layers that are taken off: a virtual disk that is compressed, perhaps twice.
const MAX_LAYERS: usize = 4;
/// Bytes that are decompressed at once.
const PIECE: usize = 1 << 20;

impl RawImage {
    /// Opens `path`. What is compressed is decompressed, and a virtual disk made raw, into a sparse temporary file in `folder`,
    /// which is gone when this value is. What is neither is left as it is, kernels and ramdisks too.
    ///
    /// # Errors
    /// When the file cannot be read, is damaged or cut short, when it names other files, and when `qemu-img` is missing or
    /// refuses it.
    pub fn open(
        path: &Path,
        folder: &Path,
        progress: &dyn StepProgress,
    ) -> Result<Self, DiskImageError> {
        Self::take_off(path, folder, progress, true)
    }

    /// Opens `path` as [`RawImage::open`] does, and leaves what is compressed as it is.
    ///
    /// # Errors
    /// As for [`RawImage::open`].
    pub fn open_packed(path: &Path, folder: &Path) -> Result<Self, DiskImageError> {
        Self::take_off(path, folder, &gumnut_types::NoProgress, false)
    }

    /// Whether a file that was inspected would be made raw.
    pub fn is_needed_for(inspection: &Inspection) -> bool {
        matches!(
            inspection.content,
            Content::VirtualDisk(_) | Content::Compressed { .. }
        )
    }

    fn take_off(
        path: &Path,
        folder: &Path,
        progress: &dyn StepProgress,
        decompress: bool,
    ) -> Result<Self, DiskImageError> {
        let mut image = Self {
            path: path.to_owned(),
            temporary: None,
            layers: Vec::new(),
        };
        loop {
            let (file, length) = inspect::open(&image.path)?;
            let window = Window::whole(&file, length)?;
            let layer = match inspect::classify(&window)? {
                Kind::Other(Content::VirtualDisk(format)) => Layer::Format(format),
                Kind::Other(Content::Compressed { compression, .. }) if decompress => {
                    Layer::Compressed(compression)
                }
                _ => return Ok(image),
            };
            if image.layers.len() == MAX_LAYERS {
                return Err(DiskImageError::Layers {
                    path: path.to_owned(),
                });
            }
            let made = match layer {
                Layer::Format(format) => raw_copy(&image.path, path, &window, format, folder)?,
                Layer::Compressed(compression) => {
                    progress.step(Step::Copy { bytes: length });
                    decompressed(file, path, compression, folder, progress)?
                }
            };
            image.path = made.to_path_buf();
            // Only now the file of the layer outside may go.
            image.temporary = Some(made);
            image.layers.push(layer);
        }
    }

    /// The raw file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was around the raw image, from the outside to the inside; nothing when it is the file itself.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The format of the virtual disk that it was made of; `None` when it was made of none.
    pub fn format(&self) -> Option<VirtualDisk> {
        self.layers.iter().find_map(|layer| match layer {
            Layer::Format(format) => Some(*format),
            Layer::Compressed(_) => None,
        })
    }

    /// Whether [`RawImage::path`] is a file that goes with this value.
    pub fn is_temporary(&self) -> bool {
        self.temporary.is_some()
    }
}

impl std::fmt::Display for Layer {
    /// Its name, as in "gzip" and "qcow2".
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Compressed(compression) => compression.fmt(f),
            Self::Format(format) => format.fmt(f),
        }
    }
}

/// Decompresses `file` into a new temporary file; errors name `path`, the file that the user knows.
fn decompressed(
    file: fs_err::File,
    path: &Path,
    compression: Compression,
    folder: &Path,
    progress: &dyn StepProgress,
) -> Result<TempPath, DiskImageError> {
    let temporary = NamedTempFile::with_prefix_in(".gumnut-raw-", folder)?;
    let damaged = |source| {
        if progress.cancelled() {
            return DiskImageError::Cancelled;
        }
        DiskImageError::Compressed {
            path: path.to_owned(),
            compression,
            source,
        }
    };
    let counted = BufReader::with_capacity(1 << 17, Counted { file, progress });
    let mut stream = Decompressed::new(compression, counted).map_err(damaged)?;
    let mut output = SparseFile::new(temporary.as_file());
    let mut piece = vec![0; PIECE];
    let mut length = 0;
    loop {
        let count = match stream.read(&mut piece) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(damaged(error)),
        };
        length += count as u64;
        if length > MAX_DISK {
            return Err(DiskImageError::TooLarge {
                path: path.to_owned(),
                size: length,
                limit: MAX_DISK,
            });
        }
        let written = match count {
            0 => break,
            count => output.data(&piece[..count]),
        };
        written.map_err(|source| not_written(&temporary, source))?;
    }
    output
        .finish()
        .map_err(|source| not_written(&temporary, source))?;
    Ok(temporary.into_temp_path())
}

fn not_written(temporary: &NamedTempFile, source: io::Error) -> DiskImageError {
    DiskImageError::System {
        doing: "write",
        path: temporary.path().to_owned(),
        source,
    }
}

/// Makes a raw file of a virtual disk; errors name `path`, the file that the user knows.
fn raw_copy(
    here: &Path,
    path: &Path,
    window: &Window,
    format: VirtualDisk,
    folder: &Path,
) -> Result<TempPath, DiskImageError> {
    if let Some(reason) = format.danger(window)? {
        return Err(DiskImageError::NamesOthers {
            path: path.to_owned(),
            format,
            reason,
        });
    }
    let tool = Tool::qemu_img()?;
    let absolute = std::path::absolute(here)?;
    let name = format.qemu_name();
    let size = virtual_size(&tool, &absolute, path, name)?;
    if size > MAX_DISK {
        return Err(DiskImageError::TooLarge {
            path: path.to_owned(),
            size,
            limit: MAX_DISK,
        });
    }
    insist_on_sound(&tool, &absolute, path, format)?;
    let temporary = NamedTempFile::with_prefix_in(".gumnut-raw-", folder)?.into_temp_path();
    let target = std::path::absolute(&temporary)?;
    let arguments = ["convert", "-f", name, "-O", "raw", "--"];
    tool.run_on(&arguments, &[&absolute, &target], path)?;
    Ok(temporary)
}

/// Refuses a virtual disk that is damaged or truncated: `qemu-img convert` reads zeros where data is missing.
fn insist_on_sound(
    tool: &Tool,
    here: &Path,
    path: &Path,
    format: VirtualDisk,
) -> Result<(), DiskImageError> {
    // Errors; space that is lost; no check for this format.
    const ERRORS: i32 = 2;
    const LEAKS: i32 = 3;
    const NO_CHECK: i32 = 63;
    let arguments = ["check", "-q", "-f", format.qemu_name(), "--"];
    let status = tool.run(&arguments, here, path, &[0, ERRORS, LEAKS, NO_CHECK])?;
    if status == ERRORS {
        return Err(DiskImageError::NamesOthers {
            path: path.to_owned(),
            format,
            reason: DAMAGED,
        });
    }
    Ok(())
}

/// The format is always given: guessing, `qemu-img` would follow what a raw image claims to be.
fn virtual_size(
    tool: &Tool,
    here: &Path,
    path: &Path,
    format: &str,
) -> Result<u64, DiskImageError> {
    let arguments = ["info", "-f", format, "--output=json", "--"];
    let text = tool.run_on(&arguments, &[here], path)?;
    let value: Option<serde_json::Value> = serde_json::from_str(&text).ok();
    let size = value.and_then(|value| value.get("virtual-size")?.as_u64());
    size.ok_or_else(|| DiskImageError::WrongResult {
        path: path.to_owned(),
        problem: "qemu-img does not report its size".to_owned(),
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

/// A raw image that will become a file in another format. Until it is complete, both are in a directory
/// of their own beside that file, which goes when this value does.
#[derive(Debug)]
pub struct Conversion {
    folder: TempDir,
    target: PathBuf,
    format: DiskFormat,
    existing: Existing,
}

impl Conversion {
    /// Begins a file that will become `target`.
    ///
    /// # Errors
    /// When the target exists and is not to be replaced, when its directory cannot be written, and when
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

    /// Prepares to convert to `target`, with the temporary directory in `temporary`, which must be a directory of the same file
    /// system.
    ///
    /// # Errors
    /// When the target exists and is not to be replaced, when the temporary directory cannot be made, and when `qemu-img` is
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
