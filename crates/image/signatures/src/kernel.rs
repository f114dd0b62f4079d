//! Kernels in the forms that boot loaders take, detected from their headers.

use std::fmt;
use std::io;

use gumnut_compression::Compression;
use gumnut_types::Architecture;

use crate::text::{be32, le16, le32, printable};
use crate::window::Window;

/// A Linux kernel, or a program for EFI that holds one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Kernel {
    /// Its form.
    pub form: KernelForm,
    /// How the whole file is compressed, if it is: `Image.gz` of arm64 is such.
    pub compression: Option<Compression>,
    /// The processor that it is for, by the name that Linux distributions use, as far as the header shows.
    pub processor: Option<&'static str>,
    /// The whole version text; its first word names the directory of the modules.
    pub version: Option<String>,
}

/// The form of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KernelForm {
    /// bzImage, for x86.
    BzImage {
        /// Version of the boot protocol, major and minor.
        protocol: (u8, u8),
    },
    /// zImage for x86, the small form of old kernels.
    ZImage {
        /// Version of the boot protocol, major and minor.
        protocol: (u8, u8),
    },
    /// zImage for 32-bit ARM.
    ArmZImage,
    /// Image, for arm64 and RISC-V.
    Image,
    /// A compressed Image that EFI starts.
    EfiZboot,
    /// A unified kernel image: kernel, ramdisk and command line in one program for EFI.
    Uki,
    /// Another program for EFI, such as a kernel with an EFI stub, or a boot loader.
    EfiProgram,
    /// uImage, of U-Boot.
    UImage,
}

/// The version text has no length limit of its own; a cloud kernel's has 106 bytes.
const MAX_VERSION: usize = 512;
/// Sections of a PE file that are looked at; a unified kernel image has about ten.
const MAX_SECTIONS: u16 = 64;
/// Length of an entry in the table of sections, in bytes.
const SECTION: usize = 40;

impl Kernel {
    /// How far the headers reach, in bytes.
    pub const HEADER: usize = 0x238;

    /// Reads the header at the start of a file, of which `head` are the first bytes; `None` when there is none.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn recognise(window: &Window, head: &[u8]) -> io::Result<Option<Self>> {
        if let Some(kernel) = x86(window, head)? {
            return Ok(Some(kernel));
        }
        let plain = |form, processor| Self {
            form,
            compression: None,
            processor,
            version: None,
        };
        if head.get(56..60) == Some(b"ARM\x64") {
            return Ok(Some(plain(KernelForm::Image, Some("arm64"))));
        }
        if head.get(48..53) == Some(b"RISCV") && head.get(56..60) == Some(b"RSC\x05") {
            return Ok(Some(plain(KernelForm::Image, Some("riscv64"))));
        }
        if matches!(
            head.get(0x24..0x28),
            Some([0x18, 0x28, 0x6F, 0x01] | [0x01, 0x6F, 0x28, 0x18])
        ) {
            return Ok(Some(plain(KernelForm::ArmZImage, Some("armhf"))));
        }
        if head.starts_with(b"MZ") {
            return efi(window, head);
        }
        Ok(uimage(head))
    }

    /// The kernel in a file that is compressed as a whole.
    #[must_use]
    pub fn compressed_with(self, compression: Compression) -> Self {
        Self {
            compression: Some(compression),
            ..self
        }
    }

    /// The kernel's release, such as `6.1.0-50-cloud-amd64`: the name of its modules directory.
    pub fn release(&self) -> Option<&str> {
        self.version.as_deref()?.split_whitespace().next()
    }

    /// The architecture, as far as the header shows it and manifests have a name for it.
    pub fn architecture(&self) -> Option<Architecture> {
        self.processor?.parse().ok()
    }
}

fn x86(window: &Window, head: &[u8]) -> io::Result<Option<Kernel>> {
    const LOADED_HIGH: u8 = 1;
    let is_kernel =
        head.get(0x1FE..0x200) == Some(&[0x55, 0xAA]) && head.get(0x202..0x206) == Some(b"HdrS");
    if !is_kernel {
        return Ok(None);
    }
    let number = le16(head, 0x206);
    let [minor, major] = number.to_le_bytes();
    let protocol = (major, minor);
    let version = match le16(head, 0x20E) {
        0 => None,
        distance => text(window, 0x200 + u64::from(distance))?,
    };
    let is_high = head
        .get(0x211)
        .is_some_and(|flags| flags & LOADED_HIGH != 0);
    Ok(Some(Kernel {
        form: if is_high {
            KernelForm::BzImage { protocol }
        } else {
            KernelForm::ZImage { protocol }
        },
        compression: None,
        // Since protocol 2.12 it says whether there is a 64-bit entry point.
        processor: (number >= 0x20C).then(|| match le16(head, 0x236) & 1 {
            1 => "x86_64",
            _ => "i386",
        }),
        version,
    }))
}

/// A version text; `None` when it is blank.
fn text(window: &Window, at: u64) -> io::Result<Option<String>> {
    let text = printable(&window.read_up_to(at, MAX_VERSION)?, MAX_VERSION);
    Ok(Some(text).filter(|text| !text.trim().is_empty()))
}

/// A PE file that EFI starts; `None` when it is another PE file, or none.
fn efi(window: &Window, head: &[u8]) -> io::Result<Option<Kernel>> {
    const EFI_APPLICATION: u16 = 10;
    let at = u64::from(le32(head, 0x3C));
    let header = window.read_up_to(at, 24 + 72)?;
    if !header.starts_with(b"PE\0\0") || le16(&header, 24 + 68) != EFI_APPLICATION {
        return Ok(None);
    }
    let processor = match le16(&header, 4) {
        0x014C => Some("i386"),
        0x8664 => Some("x86_64"),
        0x01C0 | 0x01C2 | 0x01C4 => Some("armhf"),
        0xAA64 => Some("arm64"),
        0x5064 => Some("riscv64"),
        0x6264 => Some("loongarch64"),
        _ => None,
    };
    let kernel = |form, version| Kernel {
        form,
        compression: None,
        processor,
        version,
    };
    if head.get(4..8) == Some(b"zimg") {
        return Ok(Some(kernel(KernelForm::EfiZboot, None)));
    }
    let table = at + 24 + u64::from(le16(&header, 20));
    let count = usize::from(le16(&header, 6).min(MAX_SECTIONS));
    let sections = window.read_up_to(table, count * SECTION)?;
    let section = |name: &[u8]| {
        sections
            .chunks_exact(SECTION)
            .find(|section| printable(&section[..8], 8).as_bytes() == name)
    };
    if section(b".linux").is_none() {
        return Ok(Some(kernel(KernelForm::EfiProgram, None)));
    }
    let version = match section(b".uname") {
        Some(section) => {
            let (length, at) = (le32(section, 8).min(le32(section, 16)), le32(section, 20));
            let length = usize::try_from(length).map_or(MAX_VERSION, |it| it.min(MAX_VERSION));
            Some(printable(&window.read_up_to(at.into(), length)?, length))
        }
        None => None,
    };
    let version = version.filter(|text| !text.trim().is_empty());
    Ok(Some(kernel(KernelForm::Uki, version)))
}

fn uimage(head: &[u8]) -> Option<Kernel> {
    const KERNEL: u8 = 2;
    if be32(head, 0) != 0x2705_1956 || head.get(30) != Some(&KERNEL) {
        return None;
    }
    let name = printable(head.get(32..64)?, 32);
    Some(Kernel {
        form: KernelForm::UImage,
        compression: None,
        processor: match head.get(29)? {
            2 => Some("armhf"),
            3 => Some("i386"),
            7 => Some("ppc"),
            22 => Some("arm64"),
            24 => Some("x86_64"),
            26 => Some("riscv64"),
            _ => None,
        },
        // mkimage is mostly called with "Linux-" and the release.
        version: name.strip_prefix("Linux-").map(str::to_owned),
    })
}

impl fmt::Display for KernelForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BzImage { .. } => "bzImage",
            Self::ZImage { .. } | Self::ArmZImage => "zImage",
            Self::Image => "Image",
            Self::EfiZboot => "EFI zboot",
            Self::Uki => "unified kernel image",
            Self::EfiProgram => "EFI program",
            Self::UImage => "uImage",
        })
    }
}

impl fmt::Display for Kernel {
    /// As in "the file holds ...".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.form {
            KernelForm::EfiProgram => f.write_str("a program for EFI, perhaps a Linux kernel")?,
            _ => f.write_str("a Linux kernel")?,
        }
        if let Some(release) = self.release() {
            write!(f, " {release}")?;
        }
        match (self.form, self.processor) {
            (KernelForm::EfiProgram, Some(processor)) => write!(f, " (for {processor})"),
            (KernelForm::EfiProgram, None) => Ok(()),
            (form, Some(processor)) => write!(f, " ({form} for {processor})"),
            (form, None) => write!(f, " ({form})"),
        }?;
        match self.compression {
            Some(compression) => write!(f, ", compressed with {compression}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(protocol: u16, distance: u16, flags: u16) -> Vec<u8> {
        let mut bytes = vec![0; Kernel::HEADER];
        bytes[0x1FE..0x200].copy_from_slice(&[0x55, 0xAA]);
        bytes[0x202..0x206].copy_from_slice(b"HdrS");
        bytes[0x206..0x208].copy_from_slice(&protocol.to_le_bytes());
        bytes[0x20E..0x210].copy_from_slice(&distance.to_le_bytes());
        bytes[0x211] = 1;
        bytes[0x236..0x238].copy_from_slice(&flags.to_le_bytes());
        bytes
    }

    fn parse(bytes: &[u8]) -> Option<Kernel> {
        Kernel::recognise(&Window::in_memory(bytes), bytes).unwrap()
    }

    /// A kernel whose version text is right behind its header.
    fn with_text(protocol: u16, flags: u16, text: &[u8]) -> Kernel {
        let mut bytes = header(protocol, 0x38, flags);
        bytes.extend(text);
        parse(&bytes).unwrap()
    }

    /// A PE file for this machine with sections of these names, whose content is their name.
    fn pe(machine: u16, sections: &[&str]) -> Vec<u8> {
        let mut bytes = vec![0; 0x400];
        bytes[..2].copy_from_slice(b"MZ");
        bytes[0x3C] = 0x40;
        bytes[0x40..0x44].copy_from_slice(b"PE\0\0");
        bytes[0x44..0x46].copy_from_slice(&machine.to_le_bytes());
        bytes[0x46] = u8::try_from(sections.len()).unwrap();
        bytes[0x54] = 112;
        bytes[0x40 + 24 + 68] = 10;
        for (index, name) in sections.iter().enumerate() {
            let at = 0x40 + 24 + 112 + index * SECTION;
            bytes[at..at + name.len()].copy_from_slice(name.as_bytes());
            bytes[at + 8] = u8::try_from(name.len()).unwrap();
            bytes[at + 16] = 64;
            let content = u32::try_from(0x300 + index * 16).unwrap();
            bytes[at + 20..at + 24].copy_from_slice(&content.to_le_bytes());
            bytes[0x300 + index * 16..][..name.len()].copy_from_slice(name.as_bytes());
        }
        bytes
    }

    #[test]
    fn a_modern_kernel_tells_release_and_width() {
        let text = b"6.1.0-50-cloud-amd64 (debian-kernel) #1 SMP\0rest";
        let kernel = with_text(0x20F, 0x7F, text);
        assert_eq!(kernel.release(), Some("6.1.0-50-cloud-amd64"));
        assert_eq!(kernel.form, KernelForm::BzImage { protocol: (2, 15) });
        assert_eq!(kernel.architecture(), Some(Architecture::X86_64));
        assert_eq!(
            kernel.to_string(),
            "a Linux kernel 6.1.0-50-cloud-amd64 (bzImage for x86_64)"
        );
        let narrow = with_text(0x20F, 0x4, text);
        assert_eq!(narrow.architecture(), Some(Architecture::I386));
    }

    #[test]
    fn an_old_kernel_does_not_tell_its_width() {
        let kernel = parse(&header(0x209, 0, 0xFFFF)).unwrap();
        assert_eq!(kernel.version, None);
        assert_eq!(kernel.architecture(), None);
    }

    #[test]
    fn an_empty_version_is_none_and_a_low_kernel_is_a_zimage() {
        assert_eq!(with_text(0x20F, 1, b"\0").version, None);
        let mut low = header(0x202, 0x38, 0);
        low[0x211] = 0;
        assert_eq!(
            parse(&low).unwrap().form,
            KernelForm::ZImage { protocol: (2, 2) }
        );
    }

    #[test]
    fn kernels_of_other_processors_are_named_with_them() {
        let named = |at: usize, magic: &[u8]| {
            let mut bytes = vec![0; 0x400];
            bytes[at..at + magic.len()].copy_from_slice(magic);
            parse(&bytes).map(|kernel| kernel.to_string())
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            named(56, b"ARM\x64"),
            some("a Linux kernel (Image for arm64)")
        );
        assert_eq!(
            named(48, b"RISCV\0\0\0RSC\x05"),
            some("a Linux kernel (Image for riscv64)")
        );
        assert_eq!(
            named(0x24, &0x016F_2818_u32.to_le_bytes()),
            some("a Linux kernel (zImage for armhf)")
        );
        let mut uimage = 0x2705_1956_u32.to_be_bytes().to_vec();
        uimage.resize(64, 0);
        uimage[29..31].copy_from_slice(&[22, 2]);
        uimage[32..45].copy_from_slice(b"Linux-5.10.0\0");
        assert_eq!(
            named(0, &uimage),
            some("a Linux kernel 5.10.0 (uImage for arm64)")
        );
        assert_eq!(named(0, b"MZ"), None);
    }

    #[test]
    fn programs_for_efi_are_told_apart() {
        let mut zboot = pe(0xAA64, &[".text"]);
        zboot[4..8].copy_from_slice(b"zimg");
        assert_eq!(
            parse(&zboot).unwrap().to_string(),
            "a Linux kernel (EFI zboot for arm64)"
        );
        let uki = parse(&pe(0x8664, &[".osrel", ".uname", ".linux"])).unwrap();
        assert_eq!((uki.form, uki.release()), (KernelForm::Uki, Some(".uname")));
        assert_eq!(uki.architecture(), Some(Architecture::X86_64));
        let other = parse(&pe(0x8664, &[".text"])).unwrap();
        assert_eq!(
            other.to_string(),
            "a program for EFI, perhaps a Linux kernel (for x86_64)"
        );
        // A program for Windows.
        let mut windows = pe(0x8664, &[".text"]);
        windows[0x40 + 24 + 68] = 3;
        assert_eq!(parse(&windows), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            start in prop::sample::select(vec![b"MZ".as_slice(), b"\x27\x05\x19\x56", b""]),
            rest in prop::collection::vec(any::<u8>(), 0..1500),
        ) {
            let bytes = [start, &rest].concat();
            let _ = parse(&bytes).map(|kernel| kernel.to_string());
        }
    }
}
