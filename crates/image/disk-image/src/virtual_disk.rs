//! Virtual disk formats, detected from their magic and never from the file's name, and what makes one of
//! them dangerous: a name of another file, which qemu-img would open.

use gumnut_signatures::{Window, be32, be64, le32, le64};
use std::fmt;
use std::io;

/// A disk image that is not raw. A cloud wants raw images; [`crate::RawImage`] makes one of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VirtualDisk {
    /// QEMU copy on write, version 1.
    Qcow1,
    /// QEMU copy on write, version 2 and 3.
    Qcow,
    /// `VMware`, sparse.
    Vmdk,
    /// `VMware`, a text that names the files of the disk.
    VmdkDescriptor,
    /// `VirtualBox`.
    Vdi,
    /// Virtual PC, fixed or dynamic.
    Vhd,
    /// Hyper-V.
    Vhdx,
}

/// Length of the footer that a VHD ends with, in bytes.
pub(crate) const FOOTER: usize = 512;
/// How much of a VMDK is searched for the name of a parent: the descriptor is in here.
const VMDK_HEAD: usize = 1 << 20;

impl VirtualDisk {
    /// The format of a file by its first bytes and its last 512.
    pub(crate) fn recognise(head: &[u8], footer: &[u8]) -> Option<Self> {
        const VHD: &[u8] = b"conectix";
        if head.starts_with(b"QFI\xfb\0\0\0\x01") {
            Some(Self::Qcow1)
        } else if head.starts_with(b"QFI\xfb") {
            Some(Self::Qcow)
        } else if head.starts_with(b"KDMV") || head.starts_with(b"COWD") {
            Some(Self::Vmdk)
        } else if head.starts_with(b"# Disk DescriptorFile") {
            Some(Self::VmdkDescriptor)
        } else if head.get(64..68) == Some(&[0x7F, 0x10, 0xDA, 0xBE]) {
            Some(Self::Vdi)
        } else if head.starts_with(b"vhdxfile") {
            Some(Self::Vhdx)
        } else if head.starts_with(VHD) || footer.starts_with(VHD) {
            Some(Self::Vhd)
        } else {
            None
        }
    }

    /// The name that `qemu-img` has for the format.
    pub fn qemu_name(self) -> &'static str {
        match self {
            Self::Qcow1 => "qcow",
            Self::Qcow => "qcow2",
            Self::Vmdk | Self::VmdkDescriptor => "vmdk",
            Self::Vdi => "vdi",
            Self::Vhd => "vpc",
            Self::Vhdx => "vhdx",
        }
    }

    /// Why the image must not be given to `qemu-img`: its author could have any file of this
    /// machine read, or it does not hold the whole disk.
    pub(crate) fn danger(self, image: &Window) -> io::Result<Option<&'static str>> {
        let head = image.read_up_to(0, 512)?;
        Ok(match self {
            Self::Qcow1 => qcow1(&head),
            Self::Qcow => qcow2(&head),
            Self::Vmdk => vmdk(&head, &image.read_up_to(0, VMDK_HEAD)?),
            Self::VmdkDescriptor => Some("it is a list of other files that contain the disk"),
            // 1 and 2 are dynamic and fixed.
            Self::Vdi if !matches!(le32(&head, 76), 1 | 2) => Some(PARENT),
            Self::Vhd => vhd(image)?,
            Self::Vdi if image.length() < vdi_length(&head) => Some(DAMAGED),
            Self::Vdi | Self::Vhdx => None,
        })
    }
}

const PARENT: &str = "it has a backing file, which could be any file of this machine";
/// Why a disk is refused that would be read with zeros where data is missing.
pub(crate) const DAMAGED: &str = "it is damaged or truncated; download or copy it again, or repair a copy with `qemu-img check -r all`";
const ENCRYPTED: &str = "it is encrypted";

/// The least length of a VDI with all the blocks that its header counts, which `qemu-img check` does not compare.
fn vdi_length(head: &[u8]) -> u64 {
    let [start, block, extra, count] = [344, 376, 380, 388].map(|at| u64::from(le32(head, at)));
    count.saturating_mul(block + extra).saturating_add(start)
}

fn qcow1(head: &[u8]) -> Option<&'static str> {
    match (be64(head, 8), be32(head, 36)) {
        (0, 0) => None,
        (0, _) => Some(ENCRYPTED),
        _ => Some(PARENT),
    }
}

fn qcow2(head: &[u8]) -> Option<&'static str> {
    const EXTERNAL_DATA: u64 = 4;
    let version_3 = be32(head, 4) >= 3;
    if be64(head, 8) != 0 {
        Some(PARENT)
    } else if version_3 && be64(head, 72) & EXTERNAL_DATA != 0 {
        Some("its data is in another file, which could be any file of this machine")
    } else if be32(head, 32) != 0 {
        Some(ENCRYPTED)
    } else {
        None
    }
}

fn vmdk(head: &[u8], beginning: &[u8]) -> Option<&'static str> {
    const PARENT_HINT: &[u8] = b"parentFileNameHint";
    if !head.starts_with(b"KDMV") {
        Some("gumnut does not know whether this version refers to other files")
    } else if le64(head, 12) == 0 {
        // Without a capacity, qemu takes the descriptor inside for a list of files.
        Some("it is a list of other files that contain the disk")
    } else if beginning
        .windows(PARENT_HINT.len())
        .any(|window| window == PARENT_HINT)
    {
        Some(PARENT)
    } else {
        None
    }
}

fn vhd(image: &Window) -> io::Result<Option<&'static str>> {
    const DIFFERENCING: u32 = 4;
    let last = image.length().saturating_sub(FOOTER as u64);
    for footer in [
        image.read_up_to(0, FOOTER)?,
        image.read_up_to(last, FOOTER)?,
    ] {
        if footer.starts_with(b"conectix") && be32(&footer, 60) == DIFFERENCING {
            return Ok(Some(PARENT));
        }
    }
    Ok(None)
}

impl fmt::Display for VirtualDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.qemu_name())
    }
}
