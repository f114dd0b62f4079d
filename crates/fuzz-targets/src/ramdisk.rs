//! Any bytes are a ramdisk with something wrong with it.

use gumnut_disk_image::Ramdisk;

/// The most kernel releases that are listed.
const RELEASES: usize = 64;

/// Reads the bytes as a ramdisk: archives in any compression one after another.
///
/// # Panics
/// When more is listed than the limits allow, a text could steer a terminal, or the bytes read differently a second time.
pub fn ramdisk(bytes: &[u8]) {
    let ramdisk = Ramdisk::read(bytes);
    assert!(
        ramdisk.module_versions.len() <= RELEASES,
        "the releases are bounded"
    );
    assert!(
        ramdisk.archives.len() <= bytes.len(),
        "an archive has at least a byte"
    );
    let texts = ramdisk.module_versions.iter().chain(&ramdisk.problem);
    for text in texts.chain(&ramdisk.not_read) {
        assert!(
            !text.chars().any(char::is_control),
            "{text:?} could steer a terminal"
        );
    }
    assert_eq!(
        Ramdisk::read(bytes),
        ramdisk,
        "the bytes read the same twice"
    );
}
