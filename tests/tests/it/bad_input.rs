//! Bad input: one clear message, the right exit code, nothing left behind.

use std::os::unix::fs::PermissionsExt as _;

use gumnut_tests::{Program, fixture, patterned, tool};

const BUNDLE: [&str; 6] = ["bundle", "disk.img", "--arch", "x86_64", "-d", "out"];

/// Bundling must fail with `code`, say the texts, and leave nothing in the output directory.
fn bundling_fails(program: &Program, arguments: &[&str], code: i32, texts: &[&str]) {
    let _ = program.run(arguments).failed(code).saying(texts);
    let out = program.path("out");
    assert!(
        !out.exists() || Program::files(&out).is_empty(),
        "{:?}",
        Program::files(&out)
    );
}

#[test]
fn an_image_that_is_missing_empty_or_a_folder() {
    let program = Program::with_keys();
    bundling_fails(&program, &BUNDLE, 3, &["disk.img", "No such file"]);
    program.write("disk.img", b"");
    bundling_fails(&program, &BUNDLE, 3, &["disk.img", "empty"]);
    fs_err::remove_file(program.path("disk.img")).unwrap();
    fs_err::create_dir(program.path("disk.img")).unwrap();
    bundling_fails(&program, &BUNDLE, 3, &["disk.img", "directory"]);
}

#[test]
fn a_kernel_id_that_is_no_id_is_a_usage_error() {
    let program = Program::with_keys();
    program.write("disk.img", b"\x01");
    for id in ["true", "eri-E85914C7", "kernel"] {
        let outcome = program.run(&["bundle", "disk.img", "--arch", "x86_64", "--kernel", id]);
        assert_eq!(outcome.code, Some(2), "{outcome:#?}");
        let _ = outcome.saying(&[id, "eki-90461381"]);
    }
}

#[test]
fn keys_that_are_none() {
    let program = Program::with_keys();
    program.write("disk.img", b"\x01");
    let path = program.write(
        "wrong.pem",
        b"-----BEGIN NOTHING-----\nAAAA\n-----END NOTHING-----\n",
    );
    let wrong = path.to_str().unwrap();
    for option in ["--private-key", "--cert", "--cloud-cert"] {
        let mut arguments = BUNDLE.to_vec();
        arguments.extend([option, wrong]);
        bundling_fails(&program, &arguments, 3, &["wrong.pem"]);
    }
    let mut arguments = BUNDLE.to_vec();
    arguments.extend(["--private-key", "absent.pem"]);
    bundling_fails(&program, &arguments, 3, &["absent.pem"]);
}

#[test]
fn an_encrypted_key_is_told_how_to_open() {
    let program = Program::with_keys();
    program.write("disk.img", b"\x01");
    let key = fixture("vectors/keys/user-key.pem");
    let locked = program.path("locked.pem");
    let arguments = [
        "pkcs8",
        "-topk8",
        "-in",
        key.to_str().unwrap(),
        "-out",
        locked.to_str().unwrap(),
        "-passout",
        "pass:test",
    ];
    tool("openssl", &arguments);
    let mut arguments = BUNDLE.to_vec();
    arguments.extend(["--private-key", locked.to_str().unwrap()]);
    bundling_fails(&program, &arguments, 3, &["locked.pem", "encrypted"]);
}

#[test]
fn a_certificate_of_another_key() {
    let program = Program::with_keys().with("EC2_CERT", fixture("vectors/keys/cloud-cert.pem"));
    program.write("disk.img", b"\x01");
    bundling_fails(
        &program,
        &BUNDLE,
        3,
        &["does not belong to the private key"],
    );
}

#[test]
fn a_key_that_others_may_read_gets_a_warning() {
    let program = Program::with_keys();
    program.write("disk.img", b"\x01");
    let key = program.path("my-key.pem");
    fs_err::copy(fixture("vectors/keys/user-key.pem"), &key).unwrap();
    fs_err::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let mut arguments = BUNDLE.to_vec();
    arguments.extend(["--private-key", "my-key.pem"]);
    let _ = program
        .run(&arguments)
        .succeeded()
        .saying(&["chmod 600 my-key.pem"]);
}

#[test]
fn existing_bundles_are_not_overwritten() {
    let program = Program::with_keys();
    program.write("disk.img", b"\x01");
    let _ = program.run(&BUNDLE).succeeded();
    let before = fs_err::read(program.path("out/disk.img.manifest.xml")).unwrap();
    let _ = program
        .run(&BUNDLE)
        .failed(3)
        .saying(&["exists", "--force"]);
    assert_eq!(
        fs_err::read(program.path("out/disk.img.manifest.xml")).unwrap(),
        before
    );
    let mut arguments = BUNDLE.to_vec();
    arguments.push("--force");
    let _ = program.run(&arguments).succeeded();
}

/// A bundle of five parts in the directory `out`.
fn bundled() -> Program {
    let program = Program::with_keys();
    program.write("disk.img", patterned(300_000, 5));
    let mut arguments = BUNDLE.to_vec();
    arguments.extend(["--test-part-size", "64KiB"]);
    let _ = program.run(&arguments).succeeded();
    program
}

fn unbundling_fails(program: &Program, texts: &[&str]) {
    let arguments = ["unbundle", "out/disk.img.manifest.xml", "-o", "back.img"];
    let _ = program.run(&arguments).failed(3).saying(texts);
    let left = Program::files(program.folder());
    assert!(!left.iter().any(|name| name.contains("back")), "{left:?}");
}

#[test]
fn a_part_that_is_missing() {
    let program = bundled();
    fs_err::remove_file(program.path("out/disk.img.part.03")).unwrap();
    unbundling_fails(&program, &["disk.img.part.03"]);
}

#[test]
fn a_part_that_was_cut() {
    let program = bundled();
    let part = program.path("out/disk.img.part.04");
    let bytes = fs_err::read(&part).unwrap();
    fs_err::write(&part, &bytes[..bytes.len() - 16]).unwrap();
    unbundling_fails(&program, &[]);
}

#[test]
fn parts_that_were_swapped() {
    let program = bundled();
    let (one, two) = (
        program.path("out/disk.img.part.01"),
        program.path("out/disk.img.part.02"),
    );
    let first = fs_err::read(&one).unwrap();
    fs_err::copy(&two, &one).unwrap();
    fs_err::write(&two, first).unwrap();
    unbundling_fails(&program, &["disk.img.part.01"]);
}

#[test]
fn the_wrong_private_key() {
    let program = bundled();
    let key = fixture("vectors/keys/cloud-key.pem");
    // The cloud's key opens every bundle, so a stranger's is needed.
    let stranger = program.path("stranger.pem");
    tool(
        "openssl",
        &["genrsa", "-out", stranger.to_str().unwrap(), "2048"],
    );
    let certificate = fixture("vectors/keys/user-cert.pem");
    let base = [
        "unbundle",
        "out/disk.img.manifest.xml",
        "-o",
        "back.img",
        "--cert",
        certificate.to_str().unwrap(),
    ];
    let mut arguments = base.to_vec();
    arguments.extend(["--private-key", stranger.to_str().unwrap()]);
    let _ = program.run(&arguments).failed(3).saying(&["private key"]);
    assert!(!program.path("back.img").exists());
    let mut arguments = base.to_vec();
    arguments.extend(["--private-key", key.to_str().unwrap()]);
    let _ = program.run(&arguments).succeeded();
}

#[test]
fn an_existing_image_is_not_overwritten() {
    let program = bundled();
    program.write("back.img", b"precious");
    let arguments = ["unbundle", "out/disk.img.manifest.xml", "-o", "back.img"];
    let _ = program
        .run(&arguments)
        .failed(3)
        .saying(&["back.img", "exists"]);
    assert_eq!(fs_err::read(program.path("back.img")).unwrap(), b"precious");
}

/// `verify` and `inspect` must refuse these bytes as a manifest.
fn refused_as_manifest(bytes: &[u8], texts: &[&str]) {
    let program = Program::with_keys();
    program.write("evil.manifest.xml", bytes);
    let _ = program
        .run(&["verify", "evil.manifest.xml"])
        .failed(3)
        .saying(texts);
}

#[test]
fn xml_that_is_no_manifest() {
    refused_as_manifest(
        b"<?xml version=\"1.0\"?><html><body/></html>",
        &["evil.manifest.xml", "manifest"],
    );
    refused_as_manifest(b"not xml at all", &["evil.manifest.xml"]);
    refused_as_manifest(b"", &["evil.manifest.xml"]);
}

#[test]
fn ten_megabytes_of_nesting() {
    let deep = b"<manifest>"
        .iter()
        .chain(b"<a>".repeat(3_400_000).iter())
        .copied()
        .collect::<Vec<_>>();
    refused_as_manifest(&deep, &["evil.manifest.xml"]);
    let shallow = b"<manifest>"
        .iter()
        .chain(b"<a>".repeat(1_000_000).iter())
        .copied()
        .collect::<Vec<_>>();
    refused_as_manifest(&shallow, &["evil.manifest.xml"]);
}

#[test]
fn a_document_type_is_refused() {
    let evil = b"<?xml version=\"1.0\"?><!DOCTYPE m [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><manifest>&x;</manifest>";
    refused_as_manifest(evil, &["DOCTYPE"]);
}

#[test]
fn no_settings_at_all_is_a_usage_error() {
    let program = Program::new();
    program.write("disk.img", b"\x01");
    let _ = program
        .run(&["bundle", "disk.img", "--arch", "x86_64"])
        .failed(2)
        .saying(&["EC2_"]);
    let _ = program
        .run(&["register", "bucket/key"])
        .failed(2)
        .saying(&["EC2_URL", "hint:"]);
    let _ = program.run(&["images"]).failed(2);
}
