//! What can be seen to fail before anything is started.

use std::path::{Path, PathBuf};

use gumnut_disk_image::{Content, Contents, Inspection, inspect};
use gumnut_terminal::{Exit, Failure, unreadable};
use gumnut_types::Architecture;

/// What a disk says of itself.
pub(super) struct Disk {
    pub(super) partitioned: bool,
    pub(super) architecture: Option<Architecture>,
}

/// The path as qemu needs it: `a:b` would be a protocol.
pub(super) fn absolute(what: &str, path: &Path) -> Result<PathBuf, Failure> {
    fs_err::canonicalize(path).map_err(|error| unreadable(what, path, error))
}

/// The path of a file that the user may have named, as qemu needs it.
pub(super) fn absolute_if_given(
    what: &str,
    path: Option<&Path>,
) -> Result<Option<PathBuf>, Failure> {
    path.map(|path| absolute(what, path)).transpose()
}

/// Looks at the disk. Without a kernel it must have a boot loader, and that is in front of partitions.
pub(super) fn disk(path: &Path, with_kernel: bool) -> Result<Disk, anyhow::Error> {
    let (why, hint) = match look(path)? {
        Content::FileSystem(system) if system.missing > 0 => (
            format!(
                "it is truncated, the last {} bytes of its file system are missing",
                system.missing
            ),
            "fetch or restore the image again",
        ),
        Content::FileSystem(_) | Content::Volume(_) if !with_kernel => (
            "it is a file system without a boot loader".to_owned(),
            "pass --kernel FILE and --ramdisk FILE",
        ),
        Content::FileSystem(system) => {
            return Ok(Disk {
                partitioned: false,
                architecture: match system.contents {
                    Contents::Read(guest) => guest.architecture,
                    _ => None,
                },
            });
        }
        Content::VirtualDisk(format) => (
            format!("it is {format}, not a raw image"),
            "qemu-img convert -O raw makes one",
        ),
        content @ (Content::Empty
        | Content::Text(_)
        | Content::Archive(_)
        | Content::Kernel(_)
        | Content::Elf { .. }
        | Content::Ramdisk(_)
        | Content::Tarball(_)
        | Content::Compressed { .. }) => (
            format!("it is {}, not a disk", name(&content)),
            "gumnut inspect FILE shows what a file contains",
        ),
        content => {
            return Ok(Disk {
                partitioned: matches!(content, Content::Disk(_)),
                architecture: None,
            });
        }
    };
    let message = format!("cannot start {}: {why}", path.display());
    Err(Failure::new(Exit::Input, message).hint(hint).into())
}

/// Looks at the kernel; gives its architecture, if it says.
pub(super) fn kernel(path: &Path) -> Result<Option<Architecture>, anyhow::Error> {
    match look(path)? {
        Content::Kernel(kernel) => Ok(kernel.architecture()),
        content => {
            let (path, found) = (path.display(), name(&content));
            let message = format!("{path} is not a kernel that can be started: it is {found}");
            let hint = "the kernel must be a bzImage, as boot/vmlinuz-* are; Xen kernels are not";
            Err(Failure::new(Exit::Input, message).hint(hint).into())
        }
    }
}

/// Looks at the ramdisk.
pub(super) fn ramdisk(path: &Path, with_kernel: bool) -> Result<(), anyhow::Error> {
    if !with_kernel {
        let message = "a ramdisk needs a kernel";
        return Err(Failure::new(Exit::Usage, message)
            .hint("pass --kernel FILE")
            .into());
    }
    match look(path)? {
        content @ (Content::Empty
        | Content::Text(_)
        | Content::Archive(_)
        | Content::Kernel(_)
        | Content::FileSystem(_)
        | Content::Disk(_)) => {
            let message = format!(
                "{} is not a ramdisk: it is {}",
                path.display(),
                name(&content)
            );
            Err(Failure::new(Exit::Input, message).into())
        }
        _ => Ok(()),
    }
}

fn look(path: &Path) -> Result<Content, anyhow::Error> {
    let Inspection { content, .. } = inspect(path)?;
    Ok(content)
}

fn name(content: &Content) -> String {
    match content {
        Content::Empty => "empty".to_owned(),
        Content::Unknown => "something else".to_owned(),
        known => known.to_string(),
    }
}
