//! What a file certainly cannot be, whatever else is known: asked before anything is made of it.

use std::path::Path;

use gumnut_types::ImageClass;

use crate::content::{Content, Inspection};
use crate::error::DiskImageError;

/// Refuses a file that is certainly no image of this class: an empty file, a text or an archive is none; and a kernel, a ramdisk,
/// a program or a tarball is no disk. What is not known may be anything.
///
/// # Errors
/// [`DiskImageError::NotAnImage`], with what the file is.
pub fn insist(
    path: &Path,
    inspection: &Inspection,
    class: ImageClass,
) -> Result<(), DiskImageError> {
    let is_other = match &inspection.content {
        Content::Empty | Content::Text(_) | Content::Archive(_) => true,
        Content::Kernel(_) | Content::Elf { .. } | Content::Ramdisk(_) | Content::Tarball(_) => {
            class == ImageClass::Machine
        }
        _ => false,
    };
    if !is_other {
        return Ok(());
    }
    Err(DiskImageError::NotAnImage {
        path: path.to_owned(),
        found: match &inspection.content {
            Content::Empty => "empty".to_owned(),
            other => other.to_string(),
        },
        class,
    })
}

#[cfg(test)]
mod tests {
    use gumnut_signatures::{Ramdisk, Text};

    use super::*;

    #[test]
    fn a_text_is_nothing_and_a_ramdisk_no_disk() {
        let refused = |content: Content, class| {
            let inspection = Inspection {
                length: 1,
                allocated: 1,
                content,
            };
            insist(Path::new("a"), &inspection, class)
                .err()
                .map(|error| error.to_string())
        };
        for class in [ImageClass::Kernel, ImageClass::Ramdisk, ImageClass::Machine] {
            assert!(refused(Content::Text(Text::Plain), class).is_some());
            assert!(refused(Content::Unknown, class).is_none());
        }
        let ramdisk = || Content::Ramdisk(Ramdisk::read(&b""[..]));
        assert_eq!(
            refused(ramdisk(), ImageClass::Machine).unwrap(),
            "`a` is a ramdisk (cpio), not the image of a disk"
        );
        assert_eq!(refused(ramdisk(), ImageClass::Ramdisk), None);
        assert_eq!(
            refused(Content::Empty, ImageClass::Kernel).unwrap(),
            "`a` is empty, not a kernel"
        );
    }
}
