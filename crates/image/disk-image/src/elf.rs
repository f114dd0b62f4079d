//! The first bytes of an ELF file: enough to tell for which processor a program is.

use gumnut_types::Architecture;

/// An ELF file, as programs are and as Xen kernels of 2009 may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elf {
    /// The processor that it is for; `None` for one that manifests have no name for.
    pub architecture: Option<Architecture>,
}

/// How many bytes [`Elf::parse`] looks at.
pub(crate) const HEADER: usize = 20;

const LITTLE_ENDIAN: u8 = 1;

impl Elf {
    /// Reads the header; `None` when `bytes` does not begin as an ELF file does.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let header = bytes.get(..HEADER)?;
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
        // The class byte tells x86_64 from its 32-bit pointer variant, which no image runs alone.
        let architecture = match (machine, header[4]) {
            (3, 1) => Some(Architecture::I386),
            (62, 2) => Some(Architecture::X86_64),
            (40, 1) => Some(Architecture::Armhf),
            (20, 1) => Some(Architecture::Ppc),
            (21, 2) if little => Some(Architecture::Ppc64le),
            (21, 2) => Some(Architecture::Ppc64),
            _ => None,
        };
        Some(Self { architecture })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(class: u8, data: u8, machine: [u8; 2]) -> Vec<u8> {
        let mut bytes = vec![0x7f, b'E', b'L', b'F', class, data];
        bytes.resize(18, 0);
        bytes.extend(machine);
        bytes
    }

    #[test]
    fn class_and_machine_name_the_architecture() {
        let of = |class, data, machine| Elf::parse(&header(class, data, machine));
        let some = |architecture| {
            Some(Elf {
                architecture: Some(architecture),
            })
        };
        assert_eq!(of(1, 1, [3, 0]), some(Architecture::I386));
        assert_eq!(of(2, 1, [62, 0]), some(Architecture::X86_64));
        assert_eq!(of(2, 1, [21, 0]), some(Architecture::Ppc64le));
        assert_eq!(of(2, 2, [0, 21]), some(Architecture::Ppc64));
        assert_eq!(of(1, 1, [62, 0]), Some(Elf { architecture: None }));
    }

    #[test]
    fn short_or_other_bytes_are_no_elf() {
        assert_eq!(Elf::parse(b"\x7fELF"), None);
        assert_eq!(Elf::parse(&[b'#'; 64]), None);
    }

    #[test]
    fn this_program_is_one() {
        let program = fs_err::read(std::env::current_exe().unwrap()).unwrap();
        assert!(Elf::parse(&program).is_some());
    }
}
