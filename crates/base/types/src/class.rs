//! Machine, kernel or ramdisk.

use std::fmt;
use std::str::FromStr;

/// What an image is for. Manifests, `DescribeImages` (`imageType`) and image ids all distinguish these three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ImageClass {
    /// A root disk from which instances start: `machine`, `emi-` or `ami-`.
    Machine,
    /// A kernel: `kernel`, `eki-` or `aki-`.
    Kernel,
    /// An initial ramdisk: `ramdisk`, `eri-` or `ari-`.
    Ramdisk,
}

/// A text that names no class of images; only `machine`, `kernel` and `ramdisk` do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an image type: use machine, kernel or ramdisk")]
pub struct ImageClassError {
    text: String,
}

impl ImageClass {
    /// The word of the manifest's `type` element and of EC2's `imageType`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Machine => "machine",
            Self::Kernel => "kernel",
            Self::Ramdisk => "ramdisk",
        }
    }

    /// The prefix of the ids that Eucalyptus gives to such images, without the hyphen.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Machine => "emi",
            Self::Kernel => "eki",
            Self::Ramdisk => "eri",
        }
    }
}

impl FromStr for ImageClass {
    type Err = ImageClassError;

    /// Parses the exact, lower-case word.
    fn from_str(text: &str) -> Result<Self, ImageClassError> {
        [Self::Machine, Self::Kernel, Self::Ramdisk]
            .into_iter()
            .find(|class| class.as_str() == text)
            .ok_or_else(|| ImageClassError {
                text: text.chars().take(64).collect(),
            })
    }
}

impl fmt::Display for ImageClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ImageId;

    #[test]
    fn the_word_is_the_way_in_and_out() {
        for class in [ImageClass::Machine, ImageClass::Kernel, ImageClass::Ramdisk] {
            assert_eq!(class.to_string().parse(), Ok(class));
            let id: ImageId = format!("{}-0123abcd", class.prefix()).parse().unwrap();
            assert_eq!(id.class(), class);
        }
        for text in ["", "Kernel", "kernel ", "image"] {
            let error = text.parse::<ImageClass>().unwrap_err();
            assert!(error.to_string().starts_with(&format!("{text:?} is")));
        }
    }
}
