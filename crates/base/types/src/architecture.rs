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
    /// 64-bit ARM, `arm64`, which EC2 knows.
    Arm64,
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
#[error("unknown architecture {0:?}: use i386, x86_64, armhf, arm64, ppc, ppc64, ppc64le or other")]
pub struct ArchitectureError(String);

impl Architecture {
    /// Every architecture, in the order in which help texts name them.
    pub const ALL: [Self; 8] = [
        Self::I386,
        Self::X86_64,
        Self::Armhf,
        Self::Arm64,
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
            Self::Arm64 => "arm64",
            Self::Ppc => "ppc",
            Self::Ppc64 => "ppc64",
            Self::Ppc64le => "ppc64le",
            Self::Other => "other",
        }
    }

    /// Parses a name as people write it: one of [`Architecture::as_str`], or what Debian, Docker, Windows and `uname` call the
    /// same (`amd64`, `x64`, `x86-64`, `aarch64`, `i686`, `x86`, `ppc64el`, `armv7l`), in any case. Manifests and requests have the
    /// exact names, which [`FromStr`] reads.
    ///
    /// # Errors
    /// When it is no name of an architecture that manifests know.
    pub fn from_common_name(text: &str) -> Result<Self, ArchitectureError> {
        let name = text.to_ascii_lowercase();
        let alias = ALIASES.iter().find(|(alias, _)| *alias == name);
        match alias {
            Some((_, architecture)) => Ok(*architecture),
            None => name.parse().map_err(|_| ArchitectureError::new(text)),
        }
    }
}

/// What others call the architectures.
const ALIASES: [(&str, Architecture); 13] = [
    ("amd64", Architecture::X86_64),
    ("x64", Architecture::X86_64),
    ("x86-64", Architecture::X86_64),
    ("aarch64", Architecture::Arm64),
    ("x86", Architecture::I386),
    ("i486", Architecture::I386),
    ("i586", Architecture::I386),
    ("i686", Architecture::I386),
    ("ia32", Architecture::I386),
    ("armv7l", Architecture::Armhf),
    ("armv7", Architecture::Armhf),
    ("ppc64el", Architecture::Ppc64le),
    ("powerpc64le", Architecture::Ppc64le),
];

impl ArchitectureError {
    fn new(text: &str) -> Self {
        Self(text.chars().take(32).collect())
    }
}

impl FromStr for Architecture {
    type Err = ArchitectureError;

    fn from_str(text: &str) -> Result<Self, ArchitectureError> {
        Self::ALL
            .into_iter()
            .find(|architecture| architecture.as_str() == text)
            .ok_or_else(|| ArchitectureError::new(text))
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
    fn common_names_are_understood_in_any_case() {
        let parse = Architecture::from_common_name;
        for architecture in Architecture::ALL {
            assert_eq!(parse(architecture.as_str()), Ok(architecture));
        }
        for (text, architecture) in [
            ("amd64", Architecture::X86_64),
            ("AMD64", Architecture::X86_64),
            ("x64", Architecture::X86_64),
            ("X86_64", Architecture::X86_64),
            ("aarch64", Architecture::Arm64),
            ("ARM64", Architecture::Arm64),
            ("i686", Architecture::I386),
        ] {
            assert_eq!(parse(text), Ok(architecture), "{text}");
        }
        let error = parse("sparc").unwrap_err();
        assert!(error.to_string().contains("\"sparc\""), "{error}");
        assert!(parse("").is_err());
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in ["", "amd64", "X86_64", "i686"] {
            assert!(text.parse::<Architecture>().is_err(), "{text}");
        }
    }
}
