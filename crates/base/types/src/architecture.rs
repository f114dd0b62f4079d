//! Processor architectures.

use std::fmt;
use std::str::FromStr;

/// The processor architecture of an image, by the names that manifests and EC2 use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Architecture {
    /// 32-bit x86, `i386`.
    I386,
    /// 64-bit x86, `x86_64`.
    X86_64,
    /// 32-bit ARM with hardware floating point, `armhf`.
    Armhf,
    /// 32-bit PowerPC, `ppc`.
    Ppc,
    /// 64-bit PowerPC, `ppc64`.
    Ppc64,
    /// 64-bit little-endian PowerPC, `ppc64le`.
    Ppc64le,
    /// `other`, which Eucalyptus 4.x knows.
    Other,
}

/// The text names no architecture that manifests know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown architecture {0:?}: use i386, x86_64, armhf, ppc, ppc64, ppc64le or other")]
pub struct ArchitectureError(String);

impl Architecture {
    /// Every architecture, in the order in which help texts name them.
    pub const ALL: [Self; 7] = [
        Self::I386,
        Self::X86_64,
        Self::Armhf,
        Self::Ppc,
        Self::Ppc64,
        Self::Ppc64le,
        Self::Other,
    ];

    /// The name in manifests and requests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::I386 => "i386",
            Self::X86_64 => "x86_64",
            Self::Armhf => "armhf",
            Self::Ppc => "ppc",
            Self::Ppc64 => "ppc64",
            Self::Ppc64le => "ppc64le",
            Self::Other => "other",
        }
    }
}

impl FromStr for Architecture {
    type Err = ArchitectureError;

    fn from_str(text: &str) -> Result<Self, ArchitectureError> {
        Self::ALL
            .into_iter()
            .find(|architecture| architecture.as_str() == text)
            .ok_or_else(|| ArchitectureError(text.chars().take(32).collect()))
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_parses_to_itself() {
        for architecture in Architecture::ALL {
            assert_eq!(architecture.as_str().parse(), Ok(architecture));
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in ["", "amd64", "X86_64", "i686"] {
            assert!(text.parse::<Architecture>().is_err(), "{text}");
        }
    }
}
