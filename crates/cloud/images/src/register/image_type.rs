//! What an image is, as servers decide it.

use gumnut_manifest::LenientManifest;
use gumnut_types::{ImageClass, ImageKind};

/// The part of a key behind its last slash.
fn object_name(key: &str) -> &str {
    key.rsplit('/').next().unwrap_or(key)
}

/// What the object's name alone says.
pub(super) fn by_name(key: &str) -> ImageClass {
    let name = object_name(key);
    if name.starts_with("vmlinuz") {
        ImageClass::Kernel
    } else if name.starts_with("initrd") {
        ImageClass::Ramdisk
    } else {
        ImageClass::Machine
    }
}

/// What manifest and name say together: any sign of a kernel, then any sign of a ramdisk.
pub(super) fn by_both(key: &str, kind: &ImageKind) -> ImageClass {
    match (by_name(key), kind) {
        (ImageClass::Kernel, _) | (_, ImageKind::Kernel) => ImageClass::Kernel,
        (ImageClass::Ramdisk, _) | (_, ImageKind::Ramdisk) => ImageClass::Ramdisk,
        _ => ImageClass::Machine,
    }
}

/// What name and manifest say together where the manifest is read as old clouds read it; `type` counts for the later ones
/// of them.
pub(super) fn by_lenient(key: &str, manifest: &LenientManifest, with_type: bool) -> ImageClass {
    let said = manifest.at("image/type").filter(|_| with_type);
    for (element, class) in [
        ("machine_configuration/kernel_id", ImageClass::Kernel),
        ("machine_configuration/ramdisk_id", ImageClass::Ramdisk),
    ] {
        if matches!(manifest.at(element), Some("true" | "yes"))
            || said == Some(class.as_str())
            || by_name(key) == class
        {
            return class;
        }
    }
    ImageClass::Machine
}

/// Whether the object's name says that it is for Windows.
pub(super) fn is_windows(key: &str) -> bool {
    object_name(key).starts_with("windows")
}

/// Kernels and ramdisks are for administrators.
pub(super) fn forbidden(class: ImageClass) -> Option<&'static str> {
    match class {
        ImageClass::Machine => None,
        ImageClass::Kernel => Some("Only administrators can register kernel images."),
        ImageClass::Ramdisk => Some("Only administrators can register ramdisk images."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_manifests_both_count() {
        let machine = ImageKind::Machine {
            kernel: None,
            ramdisk: None,
        };
        assert_eq!(
            by_both("a/vmlinuz-2.6.manifest.xml", &machine),
            ImageClass::Kernel
        );
        assert_eq!(
            by_both("initrd.img.manifest.xml", &machine),
            ImageClass::Ramdisk
        );
        assert_eq!(
            by_both("initrd.img.manifest.xml", &ImageKind::Kernel),
            ImageClass::Kernel
        );
        assert_eq!(
            by_both("disk.manifest.xml", &ImageKind::Ramdisk),
            ImageClass::Ramdisk
        );
        assert_eq!(
            by_both("vmlinuz/disk.manifest.xml", &machine),
            ImageClass::Machine
        );
    }
}
