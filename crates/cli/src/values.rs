//! Values of options, read as people write them.

use std::path::{Path, PathBuf};

use gumnut_types::{ByteSize, ImageId, ImageIdError, SizeRangeError};

/// The smallest and the largest disk image: a file of one has 16 TiB at most in ext4.
const DISK: (ByteSize, ByteSize) = (ByteSize(1 << 20), ByteSize(16 << 40));
/// The smallest and the largest part: one that is worth a request, and one that S3 takes.
const PART: (ByteSize, ByteSize) = (ByteSize(1 << 20), ByteSize(5 << 30));

/// The size of a disk image.
pub(crate) fn disk_size(text: &str) -> Result<ByteSize, SizeRangeError> {
    ByteSize::parse_between(text, DISK.0, DISK.1, "G")
}

/// The size of a part.
pub(crate) fn part_size(text: &str) -> Result<ByteSize, SizeRangeError> {
    ByteSize::parse_between(text, PART.0, PART.1, "M")
}

/// The name of an image, as EC2 takes it; a cloud may take less.
pub(crate) fn image_name(text: &str) -> Result<String, String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "()[]./-'@_ ".contains(c);
    match text.chars().find(|c| !legal(*c)) {
        Some(wrong) => Err(format!(
            "the name has the character {wrong:?}: use letters, digits, spaces and ( ) [ ] . / - ' @ _"
        )),
        None if (3..=128).contains(&text.len()) => Ok(text.to_owned()),
        None => Err(format!(
            "the name has {} characters: use 3 to 128",
            text.len()
        )),
    }
}

/// A kernel or ramdisk: by its id in the cloud, or as a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Starter {
    Id(ImageId),
    File(PathBuf),
}

impl Starter {
    pub(crate) fn kernel(text: &str) -> Result<Self, ImageIdError> {
        Self::read(text, ImageId::parse_kernel)
    }

    pub(crate) fn ramdisk(text: &str) -> Result<Self, ImageIdError> {
        Self::read(text, ImageId::parse_ramdisk)
    }

    /// A file that is there is meant, whatever it is called; what looks like an id must be one.
    fn read(
        text: &str,
        parse: impl FnOnce(&str) -> Result<ImageId, ImageIdError>,
    ) -> Result<Self, ImageIdError> {
        let prefix = text.split_once('-').map_or("", |(prefix, _)| prefix);
        let like_an_id = ["emi", "eki", "eri", "ami", "aki", "ari"]
            .iter()
            .any(|known| prefix.eq_ignore_ascii_case(known));
        if like_an_id && !Path::new(text).exists() {
            return parse(text).map(Self::Id);
        }
        Ok(Self::File(PathBuf::from(text)))
    }

    pub(crate) fn id(&self) -> Option<&ImageId> {
        match self {
            Self::Id(id) => Some(id),
            Self::File(_) => None,
        }
    }

    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::Id(_) => None,
            Self::File(path) => Some(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_starter_is_an_id_or_a_file() {
        let id = Starter::kernel("eki-90461381").unwrap();
        assert_eq!(id.id().map(ImageId::as_str), Some("eki-90461381"));
        let file = Starter::kernel("boot/vmlinuz-6.1").unwrap();
        assert_eq!(file.file(), Some(Path::new("boot/vmlinuz-6.1")));
        for text in ["eki-123", "eri-E85914C7", "emi-9FE813FD"] {
            assert!(Starter::kernel(text).is_err(), "{text}");
        }
        assert!(Starter::ramdisk("eri-E85914C7").is_ok());
    }

    #[test]
    fn names_are_those_of_ec2() {
        for name in ["abc", "Debian 12 (2026-11) [test]", "a/b.c_d-e'f@g"] {
            assert_eq!(image_name(name).as_deref(), Ok(name));
        }
        assert!(image_name("ab").unwrap_err().contains("2 characters"));
        assert!(image_name("web!").unwrap_err().contains("'!'"));
        assert!(image_name("größe").unwrap_err().contains("'ö'"));
        assert!(image_name(&"x".repeat(129)).is_err());
    }
}
