//! Any change of the signed text, or of the signature, is found.

use std::process::Command;

use gumnut_manifest::{ManifestError, SignatureStatus};

use crate::{certificate, parse, tiny, vector};

#[test]
fn any_flipped_byte_is_refused() {
    let certificate = certificate("user");
    let text = tiny().into_bytes();
    let find = |tag: &str| String::from_utf8_lossy(&text).find(tag).unwrap();
    // From the first signed byte to the end of the signature, which follows the image.
    for at in find("<machine_configuration>")..find("</signature>") {
        for flip in [0x01, 0x20] {
            let mut changed = text.clone();
            changed[at] ^= flip;
            let Ok(manifest) = parse(&changed) else {
                continue;
            };
            let status = manifest.signature_status(&[certificate.public_key()]);
            let case_of_the_signature = at > find("<signature>") && flip == 0x20;
            let valid = matches!(status, SignatureStatus::Valid { .. });
            assert!(
                !valid || case_of_the_signature,
                "byte {at} ^ {flip:#x} is not noticed"
            );
        }
    }
}

#[test]
fn a_signature_that_is_cut_off_is_no_signature() {
    let text = tiny();
    let start = text.find("<signature>").unwrap();
    for signature in ["", "<signature/>", "<signature>UNSIGNED</signature>"] {
        let stripped = format!("{}{signature}</manifest>", &text[..start]);
        let result = parse(stripped)
            .unwrap()
            .verify(&[certificate("user").public_key()]);
        assert!(
            matches!(result, Err(ManifestError::Unsigned)),
            "{signature}"
        );
    }
}

#[test]
fn openssl_agrees_about_what_is_signed() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let manifests = [
        "euca2ools-3.4.1-tiny/tiny.img.manifest.xml",
        "euca2ools-1.2-tiny/tiny.img.manifest.xml",
        "ec2-ami-tools-format-holes/holes.img.manifest.xml",
    ];
    for name in manifests {
        let text = String::from_utf8(vector(name)).unwrap();
        let cut = |tag: &str| {
            let start = text.find(&format!("<{tag}>")).unwrap();
            let close = format!("</{tag}>");
            &text[start..text.find(&close).unwrap() + close.len()]
        };
        fs_err::write(
            path("signed"),
            format!("{}{}", cut("machine_configuration"), cut("image")),
        )
        .unwrap();
        let hex = cut("signature")
            .trim_start_matches("<signature>")
            .trim_end_matches("</signature>");
        let signature = data_encoding::HEXLOWER_PERMISSIVE
            .decode(hex.as_bytes())
            .unwrap();
        fs_err::write(path("signature"), signature).unwrap();
        let certificate = format!("{}/fixtures/keys/user-cert.pem", env!("CARGO_MANIFEST_DIR"));
        let run = |arguments: &[&str]| {
            let output = Command::new("openssl").args(arguments).output();
            output
                .unwrap_or_else(|error| panic!("openssl: {error}; run: cargo xtask setup"))
                .stdout
        };
        fs_err::write(
            path("public"),
            run(&["x509", "-in", &certificate, "-noout", "-pubkey"]),
        )
        .unwrap();
        let verdict = run(&[
            "dgst",
            "-sha1",
            "-verify",
            &path("public"),
            "-signature",
            &path("signature"),
            &path("signed"),
        ]);
        assert_eq!(verdict, b"Verified OK\n", "{name}");
    }
}
