//! Parts that are not what the manifest says.

use gumnut_bundle::{
    BundleError, Fault, MemoryParts, NoProgress, SplitterError, verify, verify_parts,
};
use gumnut_manifest::OpenManifest;
use gumnut_types::{Limits, PartName};

use crate::support::{noise, open, options, seal, unseal};

/// A bundle of five parts.
fn bundle() -> (OpenManifest, MemoryParts) {
    let (bundled, parts) = seal(&noise(450_000, 8), &options(100_000));
    assert_eq!(bundled.parts().len(), 5);
    (open(bundled), parts)
}

fn name(index: usize) -> PartName {
    format!("image.part.{index:02}").parse().unwrap()
}

fn change(parts: &mut MemoryParts, index: usize, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = parts.remove(&name(index)).unwrap();
    change(&mut bytes);
    parts.insert(name(index), bytes);
}

/// The error of every way to open or check the bundle: they agree.
fn error(manifest: &OpenManifest, parts: &mut MemoryParts) -> SplitterError {
    let limits = Limits::default();
    let errors = [
        verify_parts(manifest.believed(), parts, &limits, &NoProgress).unwrap_err(),
        verify(manifest, parts, &limits, &NoProgress).unwrap_err(),
        unseal(manifest, parts).unwrap_err(),
    ];
    assert_eq!(errors[0].to_string(), errors[2].to_string());
    let mut found = None;
    for error in errors {
        assert_eq!(error.fault(), Fault::Input);
        match error {
            BundleError::ReadParts(error) => found = Some(error),
            other => panic!("{other:?}"),
        }
    }
    found.unwrap()
}

fn is_digest_of(error: &SplitterError, part: usize) -> bool {
    let SplitterError::Digest {
        name: found,
        expected,
        actual,
        ..
    } = error
    else {
        return false;
    };
    let text = error.to_string();
    *found == name(part)
        && text.contains(&expected.to_string())
        && text.contains(&actual.to_string())
}

#[test]
fn a_flipped_bit_in_any_part_names_the_part() {
    let (manifest, parts) = bundle();
    for part in 0..5 {
        for at in [0, 1000, 30_000, usize::MAX] {
            let mut parts = parts.clone();
            change(&mut parts, part, |bytes| {
                let last = bytes.len() - 1;
                bytes[at.min(last)] ^= 4;
            });
            let error = error(&manifest, &mut parts);
            assert!(is_digest_of(&error, part), "{part}, {at}: {error}");
        }
    }
}

#[test]
fn cut_longer_and_swapped_parts_are_named() {
    let (manifest, parts) = bundle();
    let mut cut = parts.clone();
    change(&mut cut, 4, |bytes| bytes.truncate(bytes.len() - 16));
    assert!(is_digest_of(&error(&manifest, &mut cut), 4));
    let mut longer = parts.clone();
    change(&mut longer, 2, |bytes| bytes.extend_from_slice(&[0; 16]));
    assert!(is_digest_of(&error(&manifest, &mut longer), 2));
    let mut swapped = parts.clone();
    let one = swapped.remove(&name(1)).unwrap();
    let three = swapped.remove(&name(3)).unwrap();
    swapped.insert(name(1), three);
    swapped.insert(name(3), one);
    assert!(is_digest_of(&error(&manifest, &mut swapped), 1));
}

#[test]
fn a_missing_part_is_named() {
    let (manifest, mut parts) = bundle();
    parts.remove(&name(3));
    let error = error(&manifest, &mut parts);
    assert!(matches!(error, SplitterError::Missing { name: found, .. } if found == name(3)));
}
