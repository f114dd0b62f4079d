//! Any bytes are a container image in a tar archive.

use std::io::Write as _;

use gumnut_tree::{ArchiveOptions, ContainerChoice, ContainerFiles};
use gumnut_types::NoProgress;

use crate::plan::check;
use crate::tar::LIMITS;

/// Reads the bytes as the archive of an image, compressed or not, and plans the tree of its layers.
///
/// # Panics
/// When a walk through the tree finds a path twice or one that cannot be found, or the bytes give two trees.
pub fn container(bytes: &[u8]) {
    assert_eq!(files(bytes), files(bytes), "the bytes read the same twice");
}

/// How many files the image has; `None` if it is refused.
fn files(bytes: &[u8]) -> Option<usize> {
    let mut file = tempfile::tempfile().ok()?;
    file.write_all(bytes).ok()?;
    let files = ContainerFiles::archive(file, &LIMITS, &NoProgress).ok()?;
    let (source, _) = files.image(&ContainerChoice::default()).ok()?;
    let options = ArchiveOptions {
        limits: LIMITS,
        ..ArchiveOptions::default()
    };
    let (tree, _) = source.plan(&options, &NoProgress).ok()?;
    check(&tree);
    let mut walk = tree.walk();
    let mut count = 0;
    while walk.next_file().is_some() {
        count += 1;
    }
    Some(count)
}
