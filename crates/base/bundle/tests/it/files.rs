//! Restored files: under their name only when right, never over other files.

use std::path::Path;

use fs_err as fs;
use gumnut_bundle::{
    BundleError, Existing, ImageFile, MemoryParts, NoProgress, Unbundled, unbundle,
};
use gumnut_manifest::OpenManifest;
use gumnut_types::Limits;

use crate::support::{open, options, seal};

fn bundle() -> (OpenManifest, MemoryParts) {
    let (bundled, parts) = seal(b"a restored image", &options(100));
    (open(bundled), parts)
}

fn restore(
    (manifest, parts): &mut (OpenManifest, MemoryParts),
    to: &Path,
    existing: Existing,
) -> Result<Unbundled, BundleError> {
    let output = ImageFile::create(to, existing)?;
    unbundle(manifest, parts, output, &Limits::default(), &NoProgress)
}

fn files(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
    fs::read_dir(folder)
        .unwrap()
        .map(name)
        .map(|name| name.into_string().unwrap())
        .collect()
}

#[test]
fn an_existing_file_is_replaced_only_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    let mut bundle = bundle();
    fs::write(&path, b"precious").unwrap();
    let refused = restore(&mut bundle, &path, Existing::Refuse);
    assert!(matches!(refused, Err(BundleError::OutputExists { .. })));
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    restore(&mut bundle, &path, Existing::Replace)
        .map(drop)
        .unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"a restored image");
    assert_eq!(files(folder.path()), ["image"]);
}

#[test]
fn a_file_that_appears_meanwhile_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    let (manifest, mut parts) = bundle();
    let output = ImageFile::create(&path, Existing::Refuse).unwrap();
    fs::write(&path, b"stranger").unwrap();
    let result = unbundle(
        &manifest,
        &mut parts,
        output,
        &Limits::default(),
        &NoProgress,
    );
    assert!(matches!(result, Err(BundleError::OutputExists { .. })));
    assert_eq!(fs::read(&path).unwrap(), b"stranger");
    assert_eq!(files(folder.path()), ["image"]);
}

#[test]
fn a_link_is_replaced_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (link, target) = (folder.path().join("link"), folder.path().join("target"));
    fs::write(&target, b"precious").unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    let mut bundle = bundle();
    let refused = restore(&mut bundle, &link, Existing::Refuse);
    assert!(matches!(refused, Err(BundleError::OutputExists { .. })));
    restore(&mut bundle, &link, Existing::Replace)
        .map(drop)
        .unwrap();
    assert_eq!(fs::read(&target).unwrap(), b"precious");
    assert_eq!(fs::read(&link).unwrap(), b"a restored image");
}

#[test]
fn a_part_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let mut bundle = bundle();
    let path = folder.path().join("image.part.00");
    let result = restore(&mut bundle, &path, Existing::Replace);
    assert!(matches!(result, Err(BundleError::OutputIsPart { .. })));
    assert!(files(folder.path()).is_empty());
}

#[test]
fn a_failure_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut bundle = bundle();
    let name = bundle.1.names().next().unwrap().clone();
    bundle.1.remove(&name);
    let result = restore(&mut bundle, &folder.path().join("image"), Existing::Refuse);
    assert!(matches!(result, Err(BundleError::ReadParts(_))));
    assert!(files(folder.path()).is_empty());
}

#[test]
fn a_folder_must_be_there_and_must_not_be_the_output() {
    let folder = tempfile::tempdir().unwrap();
    for path in [
        folder.path().to_owned(),
        folder.path().join("nowhere/image"),
        "..".into(),
    ] {
        let result = ImageFile::create(&path, Existing::Replace);
        assert!(
            matches!(result, Err(BundleError::Output { .. })),
            "{}",
            path.display()
        );
    }
}
