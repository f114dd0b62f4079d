//! The boot header of a Linux kernel (bzImage).

use gumnut_types::Architecture;

use crate::text::{le16, printable};

/// A Linux kernel in the form that boot loaders take (bzImage).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Kernel {
    /// Version of the boot protocol, major and minor.
    pub protocol: (u8, u8),
    /// The whole version text; its first word names the folder of the modules.
    pub version: Option<String>,
    /// Whether it has a 64-bit entry point; `None` before protocol 2.12, which does not say.
    pub entry_64bit: Option<bool>,
}

/// How far the header reaches, in bytes.
pub(crate) const HEADER: usize = 0x238;
/// The version text has no length limit of its own; a cloud kernel's has 106 bytes.
pub(crate) const MAX_VERSION: usize = 512;

impl Kernel {
    /// Reads the header at the start of `bytes`; `None` when there is none. The version text may
    /// lie far behind the header: `read` fetches up to [`MAX_VERSION`] bytes at an offset.
    pub(crate) fn parse<E>(
        bytes: &[u8],
        read: impl FnOnce(u64) -> Result<Vec<u8>, E>,
    ) -> Result<Option<Self>, E> {
        let is_kernel = bytes.get(0x1FE..0x200) == Some(&[0x55, 0xAA])
            && bytes.get(0x202..0x206) == Some(b"HdrS");
        if !is_kernel {
            return Ok(None);
        }
        let protocol = le16(bytes, 0x206);
        let version = match le16(bytes, 0x20E) {
            0 => None,
            distance => {
                let text = read(0x200 + u64::from(distance))?;
                Some(printable(&text, MAX_VERSION))
            }
        };
        let [minor, major] = protocol.to_le_bytes();
        Ok(Some(Self {
            protocol: (major, minor),
            version: version.filter(|text| !text.trim().is_empty()),
            entry_64bit: (protocol >= 0x20C).then(|| le16(bytes, 0x236) & 1 == 1),
        }))
    }

    /// The kernel's release, such as `6.1.0-50-cloud-amd64`: the name of its modules folder.
    pub fn release(&self) -> Option<&str> {
        self.version.as_deref()?.split_whitespace().next()
    }

    /// The architecture, as far as the header tells.
    pub fn architecture(&self) -> Option<Architecture> {
        let wide = self.entry_64bit?;
        Some(if wide {
            Architecture::X86_64
        } else {
            Architecture::I386
        })
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn header(protocol: u16, distance: u16, flags: u16) -> Vec<u8> {
        let mut bytes = vec![0; HEADER];
        bytes[0x1FE..0x200].copy_from_slice(&[0x55, 0xAA]);
        bytes[0x202..0x206].copy_from_slice(b"HdrS");
        bytes[0x206..0x208].copy_from_slice(&protocol.to_le_bytes());
        bytes[0x20E..0x210].copy_from_slice(&distance.to_le_bytes());
        bytes[0x236..0x238].copy_from_slice(&flags.to_le_bytes());
        bytes
    }

    fn parse(bytes: &[u8], text: &[u8]) -> Option<Kernel> {
        let Ok(kernel) = Kernel::parse(bytes, |_| Ok::<_, Infallible>(text.to_vec()));
        kernel
    }

    #[test]
    fn a_modern_kernel_tells_release_and_width() {
        let text = b"6.1.0-50-cloud-amd64 (debian-kernel) #1 SMP\0rest";
        let kernel = parse(&header(0x20F, 0x3000, 0x7F), text).unwrap();
        assert_eq!(kernel.release(), Some("6.1.0-50-cloud-amd64"));
        assert_eq!(kernel.protocol, (2, 15));
        assert_eq!(kernel.architecture(), Some(Architecture::X86_64));
        let kernel = parse(&header(0x20F, 0x3000, 0x4), text).unwrap();
        assert_eq!(kernel.architecture(), Some(Architecture::I386));
    }

    #[test]
    fn an_old_kernel_does_not_tell_its_width() {
        let kernel = parse(&header(0x209, 0, 0xFFFF), b"unused").unwrap();
        assert_eq!(kernel.version, None);
        assert_eq!(kernel.architecture(), None);
    }

    #[test]
    fn an_empty_version_is_none() {
        assert_eq!(parse(&header(0x20F, 1, 1), b"\0").unwrap().version, None);
        assert_eq!(parse(&header(0x20F, 1, 1), b"").unwrap().release(), None);
    }
}
