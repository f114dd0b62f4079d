//! Any bytes are a manifest or an error.

use std::path::{Component, Path};

use gumnut_manifest::{SignatureStatus, UntrustedManifest};
use gumnut_types::Limits;

/// Reads the bytes as a manifest.
///
/// # Panics
/// When what is accepted could leave a directory, has parts that are not 0 to n-1, is trusted without a
/// signature, or reads differently a second time.
pub fn manifest(bytes: &[u8]) {
    let limits = Limits::default();
    let Ok(manifest) = UntrustedManifest::parse(bytes, &limits) else {
        return;
    };
    let said = manifest.manifest();
    one_segment(said.name.as_str());
    for (position, part) in said.parts.iter().enumerate() {
        one_segment(part.name.as_str());
        assert_eq!(part.index.0 as usize, position, "the parts are in order");
    }
    assert!(said.parts.len() <= limits.parts, "the parts are bounded");
    let status = manifest.signature_status(&[]);
    let unsure = matches!(
        status,
        SignatureStatus::Unsigned | SignatureStatus::NotChecked
    );
    assert!(unsure, "nothing was there to check it with: {status:?}");
    let again = UntrustedManifest::parse(bytes, &limits).map(|again| again.manifest() == said);
    assert!(again.is_ok_and(|same| same), "it reads the same twice");
    assert!(
        manifest.verify(&[]).is_err(),
        "without a key nobody is believed"
    );
}

fn one_segment(name: &str) {
    let mut components = Path::new(name).components();
    let first = components.next();
    assert!(
        matches!(first, Some(Component::Normal(_))) && components.next().is_none(),
        "{name:?} is a path"
    );
    assert!(!name.contains(['/', '\\', '\0']), "{name:?} is a path");
}
