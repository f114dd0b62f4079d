//! Image ids: `emi-9FE813FD`, `eki-90461381`, `eri-E85914C7` and EC2's `ami-`, `aki-`, `ari-`.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use crate::ImageClass;

/// The id of a registered image: a known prefix, a hyphen, and 8 or 17 hex digits.
///
/// Clouds compare ids without regard to case and give them back in the case in which they were
/// made (old ones upper case, new ones lower case); so equality ignores case and `Display` keeps it.
#[derive(Clone, Debug)]
pub struct ImageId(String);

/// Why a text is no image id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an image id: an id looks like {example}")]
pub struct ImageIdError {
    text: String,
    example: &'static str,
}

impl ImageId {
    /// The id with the case of its maker.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What kind of image the prefix announces.
    pub fn class(&self) -> ImageClass {
        match self.0.as_bytes()[1].to_ascii_lowercase() {
            b'k' => ImageClass::Kernel,
            b'r' => ImageClass::Ramdisk,
            _ => ImageClass::Machine,
        }
    }

    /// Parses a text that must be the id of a kernel.
    ///
    /// # Errors
    /// When the text is no id at all, or the id of something else.
    pub fn parse_kernel(text: &str) -> Result<Self, ImageIdError> {
        Self::parse_class(text, ImageClass::Kernel, "eki-90461381")
    }

    /// Parses a text that must be the id of a ramdisk.
    ///
    /// # Errors
    /// When the text is no id at all, or the id of something else.
    pub fn parse_ramdisk(text: &str) -> Result<Self, ImageIdError> {
        Self::parse_class(text, ImageClass::Ramdisk, "eri-E85914C7")
    }

    fn parse_class(
        text: &str,
        class: ImageClass,
        example: &'static str,
    ) -> Result<Self, ImageIdError> {
        match text.parse::<Self>() {
            Ok(id) if id.class() == class => Ok(id),
            _ => Err(ImageIdError::new(text, example)),
        }
    }
}

impl ImageIdError {
    fn new(text: &str, example: &'static str) -> Self {
        Self {
            text: text.chars().take(64).collect(),
            example,
        }
    }
}

impl FromStr for ImageId {
    type Err = ImageIdError;

    fn from_str(text: &str) -> Result<Self, ImageIdError> {
        let (prefix, digits) = text.split_once('-').unwrap_or_default();
        let known = ["emi", "eki", "eri", "ami", "aki", "ari"]
            .iter()
            .any(|known| prefix.eq_ignore_ascii_case(known));
        let hex = matches!(digits.len(), 8 | 17) && digits.bytes().all(|b| b.is_ascii_hexdigit());
        if known && hex {
            Ok(Self(text.to_owned()))
        } else {
            Err(ImageIdError::new(text, "emi-9FE813FD"))
        }
    }
}

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialEq for ImageId {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for ImageId {}

impl Hash for ImageId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_ascii_lowercase().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_tells_the_class() {
        let class = |text: &str| text.parse::<ImageId>().map(|id| id.class());
        assert_eq!(class("emi-9FE813FD"), Ok(ImageClass::Machine));
        assert_eq!(class("ami-0123456789abcdef0"), Ok(ImageClass::Machine));
        assert_eq!(class("EKI-90461381"), Ok(ImageClass::Kernel));
        assert_eq!(class("ari-e85914c7"), Ok(ImageClass::Ramdisk));
    }

    #[test]
    fn case_is_kept_but_not_compared() {
        let upper: ImageId = "emi-9FE813FD".parse().unwrap();
        assert_eq!(upper, "emi-9fe813fd".parse().unwrap());
        assert_eq!(upper.to_string(), "emi-9FE813FD");
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "true",
            "emi",
            "emi-",
            "emi-9FE813F",
            "emi-9FE813FG",
            "xmi-9FE813FD",
            "é",
        ] {
            assert!(text.parse::<ImageId>().is_err(), "{text}");
        }
        assert!(ImageId::parse_kernel("eri-E85914C7").is_err());
        assert!(ImageId::parse_ramdisk("eri-E85914C7").is_ok());
    }
}
