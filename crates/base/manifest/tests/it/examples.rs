//! The programs in `examples`, which docs/crates.md shows.

use super::vector;

#[path = "../../examples/verify.rs"]
#[expect(dead_code, reason = "a program has a main function")]
mod verify;

#[test]
fn a_manifest_is_described_when_its_signature_is_good() {
    let manifest = vector("euca2ools-3.4.1-tiny/tiny.img.manifest.xml");
    let signer = vector("keys/user-cert.pem");
    let line = verify::describe(&manifest, &signer).unwrap();
    assert_eq!(line, "tiny.img: 200000 bytes in 1 parts");
    let stranger = vector("keys/cloud-cert.pem");
    assert!(verify::describe(&manifest, &stranger).is_err());
}
