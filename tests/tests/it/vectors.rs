//! Bundles that the old tools made come out again.

use gumnut_tests::{Program, fixture, tool};

/// Unbundles one vector with a key and compares the result with the image it was made from.
fn unbundles(folder: &str, image: &str, key: &str, more: &[&str]) {
    let program = Program::new();
    let manifest = fixture(&format!("vectors/{folder}/{image}.manifest.xml"));
    let key = fixture(&format!("vectors/keys/{key}"));
    let certificate = fixture("vectors/keys/user-cert.pem");
    let mut arguments = vec!["unbundle", manifest.to_str().unwrap(), "-o", "restored"];
    arguments.extend(["--private-key", key.to_str().unwrap()]);
    if more.is_empty() {
        arguments.extend(["--cert", certificate.to_str().unwrap()]);
    }
    arguments.extend(more);
    let outcome = program.run(&arguments).succeeded();
    assert!(outcome.stdout.contains("restored"), "{outcome:#?}");
    let restored = program.path("restored");
    tool(
        "cmp",
        &[
            restored.to_str().unwrap(),
            fixture(&format!("vectors/images/{image}"))
                .to_str()
                .unwrap(),
        ],
    );
}

#[test]
fn euca2ools_3_4_1_machine() {
    unbundles("euca2ools-3.4.1-tiny", "tiny.img", "user-key.pem", &[]);
    unbundles(
        "euca2ools-3.4.1-tiny",
        "tiny.img",
        "user-key.pkcs1.pem",
        &[],
    );
}

#[test]
fn euca2ools_3_4_1_ramdisk() {
    unbundles(
        "euca2ools-3.4.1-ramdisk",
        "initrd.img-2.6.24-19-xen",
        "user-key.pem",
        &[],
    );
}

#[test]
fn euca2ools_3_4_1_thirty_parts() {
    unbundles("euca2ools-3.4.1-parts", "parts.img", "user-key.pem", &[]);
}

#[test]
fn euca2ools_3_4_1_unsigned_with_the_clouds_key() {
    unbundles(
        "euca2ools-3.4.1-unsigned",
        "tiny.img",
        "cloud-key.pem",
        &["--unverified"],
    );
}

#[test]
fn euca2ools_2_1_4_kernel() {
    unbundles(
        "euca2ools-2.1.4-kernel",
        "vmlinuz-2.6.24-19-xen",
        "user-key.pem",
        &[],
    );
}

#[test]
fn euca2ools_1_3_2_sparse() {
    unbundles("euca2ools-1.3.2-holes", "holes.img", "user-key.pem", &[]);
}

#[test]
fn euca2ools_1_2_with_the_digest_of_nothing() {
    unbundles("euca2ools-1.2-tiny", "tiny.img", "user-key.pem", &[]);
}

#[test]
fn ec2_ami_tools_sparse() {
    unbundles(
        "ec2-ami-tools-format-holes",
        "holes.img",
        "user-key.pem",
        &[],
    );
}

#[test]
fn an_unsigned_bundle_needs_the_word_unverified() {
    let program = Program::new();
    let manifest = fixture("vectors/euca2ools-3.4.1-unsigned/tiny.img.manifest.xml");
    let key = fixture("vectors/keys/cloud-key.pem");
    let arguments = [
        "unbundle",
        manifest.to_str().unwrap(),
        "-o",
        "out",
        "--private-key",
        key.to_str().unwrap(),
    ];
    let outcome = program.run(&arguments).failed(3);
    let _ = outcome.saying(&["unsigned", "--unverified"]);
    assert!(!program.path("out").exists());
}

#[test]
fn a_bundle_verifies_with_the_certificate_alone() {
    let program = Program::new();
    let manifest = fixture("vectors/euca2ools-3.4.1-parts/parts.img.manifest.xml");
    let certificate = fixture("vectors/keys/user-cert.pem");
    let arguments = [
        "verify",
        manifest.to_str().unwrap(),
        "--cert",
        certificate.to_str().unwrap(),
    ];
    let result = program.json(&arguments);
    assert_eq!(result["signature"], "valid");
    assert_eq!(result["parts"], 30);
    assert_eq!(
        result["image_checked"], false,
        "without the key the image cannot be seen"
    );
}
