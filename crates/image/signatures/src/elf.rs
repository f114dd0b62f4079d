//! The first bytes of an ELF file: enough to detect for which processor it is, and whether it is a kernel.

use std::fmt;
use std::io;

use gumnut_types::Architecture;

use crate::text::{le16, le32, le64};
use crate::window::Window;

/// An ELF file, as programs are and as kernels for Xen may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Elf {
    /// The processor that it is for; `None` for one that manifests have no name for.
    pub architecture: Option<Architecture>,
    /// The processor that it is for, by the name that Linux distributions use; `None` for a rare one.
    pub processor: Option<&'static str>,
    /// What it is, as far as its first bytes show.
    pub role: ElfRole,
}

/// What an ELF file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ElfRole {
    /// A kernel that Xen starts.
    XenKernel,
    /// A kernel that starts by the multiboot protocol, such as Xen itself.
    Multiboot,
    /// A Linux kernel that was not packed for boot loaders (vmlinux).
    Vmlinux,
    /// A program that needs shared libraries.
    Program,
    /// A kernel module or another object file.
    Object,
    /// Something else.
    Other,
}

const LITTLE_ENDIAN: u8 = 1;
const WIDE: u8 = 2;
/// Program headers that are looked at.
const MAX_HEADERS: u16 = 64;
/// How much of the notes is read, in bytes.
const MAX_NOTES: usize = 64 << 10;

impl Elf {
    /// How many bytes [`Elf::parse`] looks at.
    pub const HEADER: usize = 20;

    /// Reads the header; `None` when `bytes` does not begin as an ELF file does. What it is for is not looked at.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let header = bytes.get(..Self::HEADER)?;
        if !header.starts_with(b"\x7fELF") {
            return None;
        }
        let little = header[5] == LITTLE_ENDIAN;
        let bytes = [header[18], header[19]];
        let machine = if little {
            u16::from_le_bytes(bytes)
        } else {
            u16::from_be_bytes(bytes)
        };
        // The class byte distinguishes x86_64 from its 32-bit pointer variant, which no image runs alone.
        let processor = match (machine, header[4]) {
            (3, 1) => Some("i386"),
            (62, WIDE) => Some("x86_64"),
            (40, 1) => Some("armhf"),
            (183, WIDE) => Some("arm64"),
            (20, 1) => Some("ppc"),
            (21, WIDE) if little => Some("ppc64le"),
            (21, WIDE) => Some("ppc64"),
            (22, WIDE) => Some("s390x"),
            (243, WIDE) => Some("riscv64"),
            (258, WIDE) => Some("loongarch64"),
            _ => None,
        };
        Some(Self {
            architecture: processor.and_then(|name| name.parse().ok()),
            processor,
            role: ElfRole::Other,
        })
    }

    /// Reads the header and what shows for what the file is, of which `head` are the first bytes.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn recognise(window: &Window, head: &[u8]) -> io::Result<Option<Self>> {
        let Some(elf) = Self::parse(head) else {
            return Ok(None);
        };
        let role = if head[5] == LITTLE_ENDIAN {
            role(window, head)?
        } else {
            ElfRole::Other
        };
        Ok(Some(Self { role, ..elf }))
    }

    /// Whether a machine may be started with it.
    pub fn can_be_kernel(self) -> bool {
        !matches!(self.role, ElfRole::Program | ElfRole::Object)
    }
}

/// The role of a little-endian file.
fn role(window: &Window, head: &[u8]) -> io::Result<ElfRole> {
    const OBJECT: u16 = 1;
    const INTERPRETER: u32 = 3;
    const NOTES: u32 = 4;
    if le16(head, 16) == OBJECT {
        return Ok(ElfRole::Object);
    }
    let wide = head[4] == WIDE;
    let (table, size, count) = if wide {
        (le64(head, 32), 56, le16(head, 56))
    } else {
        (le32(head, 28).into(), 32, le16(head, 44))
    };
    let headers = window.read_up_to(table, usize::from(count.min(MAX_HEADERS)) * size)?;
    let of_kind = |kind: u32| {
        headers
            .chunks_exact(size)
            .filter(move |header| le32(header, 0) == kind)
    };
    if of_kind(INTERPRETER).next().is_some() {
        return Ok(ElfRole::Program);
    }
    let mut names = Vec::new();
    for header in of_kind(NOTES) {
        let (at, length) = if wide {
            (le64(header, 8), le64(header, 32))
        } else {
            (le32(header, 4).into(), le32(header, 16).into())
        };
        let length = usize::try_from(length).map_or(MAX_NOTES, |length| length.min(MAX_NOTES));
        names.extend(note_names(&window.read_up_to(at, length)?));
    }
    let has = |wanted: &[u8]| names.iter().any(|name| name == wanted);
    Ok(if has(b"Xen\0") {
        ElfRole::XenKernel
    } else if is_multiboot(head) {
        ElfRole::Multiboot
    } else if has(b"Linux\0") {
        ElfRole::Vmlinux
    } else {
        ElfRole::Other
    })
}

/// The names of the notes in a segment.
fn note_names(mut notes: &[u8]) -> Vec<Vec<u8>> {
    let mut names = Vec::new();
    while notes.len() >= 12 {
        let (name, content) = (le32(notes, 0) as usize, le32(notes, 4) as usize);
        let Some(text) = notes.get(12..).and_then(|rest| rest.get(..name)) else {
            break;
        };
        names.push(text.to_vec());
        let next = name
            .checked_next_multiple_of(4)
            .zip(content.checked_next_multiple_of(4))
            .and_then(|(name, content)| name.checked_add(content)?.checked_add(12));
        notes = next.and_then(|next| notes.get(next..)).unwrap_or_default();
    }
    names
}

/// Whether the header of the multiboot protocol, version 1, is in the first 8 KiB: three numbers whose sum is zero.
fn is_multiboot(head: &[u8]) -> bool {
    let words: Vec<u32> = head
        .chunks_exact(4)
        .take(2048)
        .map(|word| le32(word, 0))
        .collect();
    words.windows(3).any(|header| {
        header[0] == 0x1BAD_B002 && header[0].wrapping_add(header[1]).wrapping_add(header[2]) == 0
    })
}

impl fmt::Display for Elf {
    /// As in "the file holds ...".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.role {
            ElfRole::XenKernel => "a kernel for Xen (ELF)",
            ElfRole::Multiboot => "a multiboot kernel (ELF)",
            ElfRole::Vmlinux => "a Linux kernel (vmlinux)",
            ElfRole::Program => "a program (ELF)",
            ElfRole::Object => "an object file (ELF)",
            ElfRole::Other => "an ELF file",
        })?;
        match self.processor {
            Some(processor) => write!(f, " for {processor}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(class: u8, data: u8, machine: [u8; 2]) -> Vec<u8> {
        let mut bytes = vec![0x7f, b'E', b'L', b'F', class, data];
        bytes.resize(18, 0);
        bytes.extend(machine);
        bytes
    }

    fn recognised(bytes: &[u8]) -> Option<Elf> {
        Elf::recognise(&Window::in_memory(bytes), bytes).unwrap()
    }

    /// A 64-bit file with one segment of notes of these names.
    fn with_notes(names: &[&str]) -> Vec<u8> {
        let mut bytes = header(2, 1, [62, 0]);
        bytes.resize(64, 0);
        bytes[16] = 2;
        bytes[32] = 64;
        bytes[56] = 1;
        let mut notes = Vec::new();
        for name in names {
            let length = u32::try_from(name.len() + 1).unwrap();
            notes.extend(length.to_le_bytes());
            notes.extend(4_u32.to_le_bytes());
            notes.extend(6_u32.to_le_bytes());
            notes.extend(name.bytes().chain([0]));
            notes.resize(notes.len().next_multiple_of(4), 0);
            notes.extend([0; 4]);
        }
        let mut segment = vec![0; 56];
        segment[0] = 4;
        segment[8] = 120;
        segment[32..40].copy_from_slice(&(notes.len() as u64).to_le_bytes());
        bytes.extend(segment);
        bytes.extend(notes);
        bytes
    }

    #[test]
    fn class_and_machine_name_the_architecture() {
        let of = |class, data, machine| {
            let elf = Elf::parse(&header(class, data, machine)).unwrap();
            (elf.architecture, elf.processor)
        };
        assert_eq!(of(1, 1, [3, 0]), (Some(Architecture::I386), Some("i386")));
        assert_eq!(
            of(2, 1, [62, 0]),
            (Some(Architecture::X86_64), Some("x86_64"))
        );
        assert_eq!(
            of(2, 1, [21, 0]),
            (Some(Architecture::Ppc64le), Some("ppc64le"))
        );
        assert_eq!(
            of(2, 2, [0, 21]),
            (Some(Architecture::Ppc64), Some("ppc64"))
        );
        assert_eq!(of(2, 1, [243, 0]), (None, Some("riscv64")));
        assert_eq!(of(1, 1, [62, 0]), (None, None));
    }

    #[test]
    fn short_or_other_bytes_are_no_elf() {
        assert_eq!(Elf::parse(b"\x7fELF"), None);
        assert_eq!(Elf::parse(&[b'#'; 64]), None);
    }

    #[test]
    fn notes_tell_kernels_apart() {
        for (names, role) in [
            (["GNU", "Xen"].as_slice(), ElfRole::XenKernel),
            (&["GNU", "Linux"], ElfRole::Vmlinux),
            (&["GNU"], ElfRole::Other),
        ] {
            let elf = recognised(&with_notes(names)).unwrap();
            assert_eq!(elf.role, role);
            assert!(elf.can_be_kernel());
        }
        let mut multiboot = with_notes(&[]);
        multiboot.resize(4096, 0);
        let (magic, flags) = (0x1BAD_B002_u32, 3_u32);
        multiboot.extend(magic.to_le_bytes());
        multiboot.extend(flags.to_le_bytes());
        multiboot.extend(0_u32.wrapping_sub(magic + flags).to_le_bytes());
        assert_eq!(recognised(&multiboot).unwrap().role, ElfRole::Multiboot);
        assert_eq!(
            recognised(&multiboot).unwrap().to_string(),
            "a multiboot kernel (ELF) for x86_64"
        );
    }

    #[test]
    fn this_program_is_one() {
        let program = fs_err::read(std::env::current_exe().unwrap()).unwrap();
        let elf = recognised(&program).unwrap();
        assert!(!elf.can_be_kernel() || elf.role == ElfRole::Other);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(rest in prop::collection::vec(any::<u8>(), 14..1000), wide in 1_u8..=2) {
            let bytes = [b"\x7fELF".as_slice(), &[wide, 1], &rest].concat();
            let _ = recognised(&bytes).map(|elf| elf.to_string());
        }
    }
}
