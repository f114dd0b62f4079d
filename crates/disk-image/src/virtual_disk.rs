//! Virtual disk formats, told by their magic and never by the file's name.

use std::fmt;

/// A disk image that is not raw. It is recognised and not opened: a cloud wants raw images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VirtualDisk {
    /// QEMU copy on write, any version.
    Qcow,
    /// `VMware`, sparse.
    Vmdk,
    /// `VirtualBox`.
    Vdi,
    /// Virtual PC, fixed or dynamic.
    Vhd,
    /// Hyper-V.
    Vhdx,
}

/// Length of the footer that a VHD ends with, in bytes.
pub(crate) const FOOTER: usize = 512;

impl VirtualDisk {
    /// The format of a file by its first bytes and its last 512.
    pub(crate) fn recognise(head: &[u8], footer: &[u8]) -> Option<Self> {
        const VHD: &[u8] = b"conectix";
        if head.starts_with(b"QFI\xfb") {
            Some(Self::Qcow)
        } else if head.starts_with(b"KDMV") {
            Some(Self::Vmdk)
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
            Self::Qcow => "qcow2",
            Self::Vmdk => "vmdk",
            Self::Vdi => "vdi",
            Self::Vhd => "vpc",
            Self::Vhdx => "vhdx",
        }
    }
}

impl fmt::Display for VirtualDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.qemu_name())
    }
}
