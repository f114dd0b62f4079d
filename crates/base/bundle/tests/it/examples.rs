//! The program `examples/restore.rs`, which docs/crates.md shows.

use std::path::Path;

use gumnut_crypto::{Certificate, PrivateKey};

#[path = "../../examples/restore.rs"]
#[expect(dead_code, reason = "a program has a main function")]
mod restore;

#[test]
fn an_image_is_restored_if_the_owner_has_signed_its_manifest() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let read = |name: &str| fs_err::read(fixtures.join(name)).unwrap();
    let certificate = |name| Certificate::from_pem(&read(name)).unwrap();
    let key = PrivateKey::from_pem(&read("keys/user-key.pem")).unwrap();
    let manifest = fixtures.join("euca2ools-3.4.1-tiny/tiny.img.manifest.xml");
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    let stranger = certificate("keys/cloud-cert.pem");
    assert!(restore::restore(&manifest, &stranger, &key, &image).is_err());
    assert!(!image.exists());
    let owner = certificate("keys/user-cert.pem");
    let size = restore::restore(&manifest, &owner, &key, &image).unwrap();
    assert_eq!(size, 200_000);
    assert!(fs_err::read(&image).unwrap() == read("images/tiny.img"));
}
