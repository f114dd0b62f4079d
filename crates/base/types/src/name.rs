//! Names that become file names: one path segment, never a path.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// Longest name in bytes, the limit of every common file system.
const MAX_LEN: usize = 255;

/// Why a text is no name of a part or an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// The text is empty.
    #[error("the name is empty")]
    Empty,
    /// The text has more than 255 bytes.
    #[error("the name has {0} bytes; the limit is 255")]
    TooLong(usize),
    /// The text is `.` or `..`.
    #[error("the name is `.` or `..`")]
    Dots,
    /// The text starts with a hyphen, which commands would take for an option.
    #[error("the name starts with a hyphen")]
    Hyphen,
    /// The text holds a slash, a backslash or a control character.
    #[error("the name contains the character {0:?}")]
    Character(char),
    /// The name of a file is not UTF-8 text.
    #[error("the name is not UTF-8 text")]
    Encoding,
}

fn check(text: &str) -> Result<(), NameError> {
    match text {
        "" => Err(NameError::Empty),
        "." | ".." => Err(NameError::Dots),
        _ if text.len() > MAX_LEN => Err(NameError::TooLong(text.len())),
        _ if text.starts_with('-') => Err(NameError::Hyphen),
        _ => text
            .chars()
            .find(|c| matches!(c, '/' | '\\') || c.is_control())
            .map_or(Ok(()), |c| Err(NameError::Character(c))),
    }
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                check(text).map(|()| Self(text.to_owned()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

name_type! {
    /// The file name of a part: one safe path segment.
    ///
    /// No empty or path-like part name ever exists as a `PartName`, so joining one to a directory
    /// cannot leave the directory.
    PartName
}

name_type! {
    /// The name of an image, which proposes the name of the restored file: one safe path segment.
    ImageName
}

impl ImageName {
    /// The name of the file at a path.
    ///
    /// # Errors
    /// When the path ends with no file name, or with one that is not the name of an image.
    pub fn of_file(path: &Path) -> Result<Self, NameError> {
        let name = path.file_name().ok_or(NameError::Empty)?;
        name.to_str().ok_or(NameError::Encoding)?.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_rule_has_its_error() {
        let parse = |text: &str| text.parse::<PartName>().map(drop);
        assert_eq!(parse("a.part.00"), Ok(()));
        assert_eq!(parse(""), Err(NameError::Empty));
        assert_eq!(parse(".."), Err(NameError::Dots));
        assert_eq!(parse("-rf"), Err(NameError::Hyphen));
        assert_eq!(parse("../x"), Err(NameError::Character('/')));
        assert_eq!(parse("a\\b"), Err(NameError::Character('\\')));
        assert_eq!(parse("a\u{1b}[2J"), Err(NameError::Character('\u{1b}')));
        assert_eq!(parse(&"x".repeat(256)), Err(NameError::TooLong(256)));
    }

    #[test]
    fn files_name_images() {
        use std::os::unix::ffi::OsStrExt as _;
        let name = |path: &[u8]| ImageName::of_file(Path::new(std::ffi::OsStr::from_bytes(path)));
        assert_eq!(name(b"a/disk.img").unwrap().as_str(), "disk.img");
        assert_eq!(name(b"\xff/disk.img").unwrap().as_str(), "disk.img");
        assert_eq!(name(b"a/b\xff"), Err(NameError::Encoding));
        assert_eq!(name(b"/"), Err(NameError::Empty));
        assert_eq!(name(b"a/-x"), Err(NameError::Hyphen));
    }

    proptest! {
        #[test]
        fn an_accepted_name_is_one_normal_component(text in ".{0,40}") {
            if let Ok(name) = text.parse::<ImageName>() {
                let path = Path::new(name.as_str());
                let mut components = path.components();
                prop_assert!(matches!(components.next(), Some(std::path::Component::Normal(_))));
                prop_assert!(components.next().is_none());
            }
        }
    }
}
