//! Programs that gumnut calls.

use gumnut_disk_image::find_program;

use super::finding::Finding;

/// Each program with its package and what needs it.
const PROGRAMS: [(&str, &str, &str, &str); 5] = [
    ("e2fsck", "program-e2fsck", "e2fsprogs", "gumnut resize"),
    (
        "resize2fs",
        "program-resize2fs",
        "e2fsprogs",
        "gumnut resize",
    ),
    (
        "mke2fs",
        "program-mke2fs",
        "e2fsprogs",
        "making file systems for tests",
    ),
    (
        "qemu-img",
        "program-qemu-img",
        "qemu-utils",
        "images that are not raw",
    ),
    (
        "qemu-system-x86_64",
        "program-qemu-system",
        "qemu-system-x86",
        "gumnut boot",
    ),
];

pub(super) fn check() -> Vec<Finding> {
    PROGRAMS
        .iter()
        .map(|(name, id, package, needs)| match find_program(name) {
            Some(path) => Finding::ok(id, format!("{} for {needs}", path.display())),
            None => Finding::warning(
                id,
                format!("{name} is not installed; it is needed for {needs}"),
                format!("apt-get install {package}"),
            ),
        })
        .collect()
}
