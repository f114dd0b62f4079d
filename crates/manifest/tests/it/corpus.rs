//! The corpus of the fuzz target, replayed: a finding that was fixed stays fixed.

use std::path::Component;

use crate::parse;

#[test]
fn every_input_is_a_manifest_with_safe_names_or_an_error() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/manifest");
    let mut accepted = 0;
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let Ok(manifest) = parse(fs_err::read(&path).unwrap()) else {
            continue;
        };
        accepted += 1;
        for part in &manifest.manifest().parts {
            let mut components = std::path::Path::new(part.name.as_str()).components();
            assert!(
                matches!(components.next(), Some(Component::Normal(_))),
                "{}",
                path.display()
            );
            assert_eq!(components.next(), None, "{}", path.display());
        }
    }
    assert_eq!(
        accepted, 8,
        "the eight bundles of the old tools, and nothing else, are manifests"
    );
}
