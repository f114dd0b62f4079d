//! Bundles that move to another cloud.

use gumnut_tests::{Program, fixture, patterned, tool};

/// Fixture keys for a bundle, and the key and certificate of another cloud.
fn bundled() -> Program {
    let program = Program::with_keys();
    program.write("disk.img", patterned(200_000, 3));
    let mut arguments = vec!["bundle", "disk.img", "--arch", "x86_64"];
    arguments.extend(["--test-part-size", "64KiB", "--product-codes", "ABC"]);
    let _ = program.run(&arguments).succeeded();
    stranger(&program, "new");
    program
}

/// Makes NAME-key.pem and NAME-cert.pem.
fn stranger(program: &Program, name: &str) {
    let file = |suffix: &str| program.path(&format!("{name}-{suffix}.pem"));
    let (key, certificate) = (file("key"), file("cert"));
    let mut arguments = vec![
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=new",
    ];
    arguments.extend(["-keyout", key.to_str().unwrap()]);
    arguments.extend(["-out", certificate.to_str().unwrap()]);
    tool("openssl", &arguments);
}

fn element<'a>(manifest: &'a str, name: &str) -> &'a str {
    let (_, rest) = manifest.split_once(&format!("<{name}")).unwrap();
    let (_, rest) = rest.split_once('>').unwrap();
    rest.split_once('<').unwrap().0
}

/// What openssl finds in a wrapped element.
fn unwrap(program: &Program, manifest: &str, name: &str, key: &std::path::Path) -> String {
    let hex = element(manifest, name);
    let bytes: Vec<u8> = (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect();
    let wrapped = program.write("wrapped", bytes);
    let mut arguments = vec!["pkeyutl", "-decrypt", "-inkey", key.to_str().unwrap()];
    arguments.extend(["-in", wrapped.to_str().unwrap()]);
    tool("openssl", &arguments)
}

#[test]
fn the_new_cloud_opens_what_the_old_one_could() {
    let program = bundled();
    let old = fs_err::read_to_string(program.path("disk.img.manifest.xml")).unwrap();
    let part = fs_err::read(program.path("disk.img.part.00")).unwrap();
    let arguments = [
        "rewrap",
        "disk.img.manifest.xml",
        "--cloud-cert",
        "new-cert.pem",
    ];
    let result = program.json(&arguments);
    assert_eq!(result["manifest"], "disk.img.rewrapped.manifest.xml");
    let new = fs_err::read_to_string(program.path("disk.img.rewrapped.manifest.xml")).unwrap();
    for what in ["key", "iv"] {
        let name = format!("ec2_encrypted_{what}");
        let before = unwrap(
            &program,
            &old,
            &name,
            &fixture("vectors/keys/cloud-key.pem"),
        );
        let after = unwrap(&program, &new, &name, &program.path("new-key.pem"));
        assert_eq!(before, after);
        let user = format!("user_encrypted_{what}");
        assert_eq!(element(&old, &user), element(&new, &user));
    }
    // Nothing else that is signed changed, and neither did the files of the old bundle.
    let without = |text: &str| {
        let key = element(text, "ec2_encrypted_key").to_owned();
        let iv = element(text, "ec2_encrypted_iv").to_owned();
        let signature = element(text, "signature").to_owned();
        text.replace(&key, "")
            .replace(&iv, "")
            .replace(&signature, "")
    };
    assert_eq!(without(&old), without(&new));
    assert_eq!(
        fs_err::read_to_string(program.path("disk.img.manifest.xml")).unwrap(),
        old
    );
    assert!(fs_err::read(program.path("disk.img.part.00")).unwrap() == part);
    // It is signed, and restores the image with the new cloud's key.
    let mut arguments = vec!["unbundle", "disk.img.rewrapped.manifest.xml", "-o", "back"];
    arguments.extend(["--private-key", "new-key.pem"]);
    let certificate = fixture("vectors/keys/user-cert.pem");
    arguments.extend(["--cert", certificate.to_str().unwrap()]);
    let _ = program.run(&arguments).succeeded();
    assert!(
        fs_err::read(program.path("back")).unwrap()
            == fs_err::read(program.path("disk.img")).unwrap()
    );
}

#[test]
fn a_bundle_that_only_the_cloud_opens_gets_an_owner() {
    let program = Program::with_keys();
    stranger(&program, "new");
    let manifest = fixture("vectors/euca2ools-3.4.1-unsigned/tiny.img.manifest.xml");
    let cloud = fixture("vectors/keys/cloud-key.pem");
    let mut arguments = vec!["rewrap", manifest.to_str().unwrap()];
    arguments.extend(["--private-key", cloud.to_str().unwrap()]);
    arguments.extend([
        "--add-user-cert",
        "new-cert.pem",
        "--sign-with",
        "new-key.pem",
    ]);
    arguments.extend(["-o", "owned.manifest.xml"]);
    let _ = program.run(&arguments).failed(3).saying(&["unsigned"]);
    arguments.push("--unverified");
    let _ = program.run(&arguments).succeeded();
    let parts = fixture("vectors/euca2ools-3.4.1-unsigned");
    let mut arguments = vec!["unbundle", "owned.manifest.xml", "-o", "tiny.img"];
    arguments.extend(["--parts", parts.to_str().unwrap()]);
    arguments.extend(["--private-key", "new-key.pem", "--cert", "new-cert.pem"]);
    let _ = program.run(&arguments).succeeded();
    let image = fs_err::read(fixture("vectors/images/tiny.img")).unwrap();
    assert!(fs_err::read(program.path("tiny.img")).unwrap() == image);
}

#[test]
fn nothing_of_the_old_bundle_is_replaced() {
    let program = bundled();
    let rewrap = |output: &str, more: &[&str]| {
        let mut arguments = vec![
            "rewrap",
            "disk.img.manifest.xml",
            "--cloud-cert",
            "new-cert.pem",
        ];
        arguments.extend(["-o", output]);
        arguments.extend(more);
        program.run(&arguments)
    };
    for file in ["disk.img.manifest.xml", "disk.img.part.01"] {
        let before = fs_err::read(program.path(file)).unwrap();
        let _ = rewrap(file, &["--force"]).failed(2).saying(&[file]);
        assert!(fs_err::read(program.path(file)).unwrap() == before);
    }
    program.write("other", b"precious");
    let _ = rewrap("other", &[]).failed(3).saying(&["exists"]);
    assert_eq!(fs_err::read(program.path("other")).unwrap(), b"precious");
    let arguments = ["rewrap", "disk.img.manifest.xml"];
    let _ = program.run(&arguments).failed(2);
}

#[test]
fn inspect_tells_who_opens_and_who_signed() {
    let program = Program::with_keys();
    let manifest = fixture("vectors/ec2-ami-tools-format-holes/holes.img.manifest.xml");
    let result = program.json(&["inspect", manifest.to_str().unwrap()]);
    assert_eq!(result["dialect"], "ec2-ami-tools");
    assert_eq!(result["private_key"]["opens_as"], "user");
    assert_eq!(result["recipients"][1]["key_bits"], 2048);
    assert_eq!(result["part_list"].as_array().unwrap().len(), 4);
    let fingerprint = result["signed_by"]["fingerprint"].as_str().unwrap();
    assert_eq!(result["private_key"]["fingerprint"], fingerprint);
    let cloud = fixture("vectors/keys/cloud-key.pem");
    let arguments = [
        "inspect",
        manifest.to_str().unwrap(),
        "--private-key",
        cloud.to_str().unwrap(),
    ];
    let result = program.json(&arguments);
    assert_eq!(result["private_key"]["opens_as"], "cloud");
    let text = program.run(&arguments).succeeded().stdout;
    for part in [
        "ec2-ami-tools",
        "decrypts it, as the cloud",
        "holes.img.part.0 to holes.img.part.3",
        "valid, by",
    ] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
}

#[test]
fn inspect_names_the_dialect_of_every_old_tool() {
    let program = Program::new();
    for (folder, image, dialect) in [
        ("euca2ools-1.2-tiny", "tiny.img", "euca2ools 1.0 to 1.2"),
        ("euca2ools-1.3.2-holes", "holes.img", "euca2ools 1.3.2"),
        (
            "euca2ools-2.1.4-kernel",
            "vmlinuz-2.6.24-19-xen",
            "euca2ools 2.x",
        ),
        (
            "euca2ools-3.4.1-tiny",
            "tiny.img",
            "euca2ools 3.1.3 to 3.4.1",
        ),
    ] {
        let manifest = fixture(&format!("vectors/{folder}/{image}.manifest.xml"));
        let result = program.json(&["inspect", manifest.to_str().unwrap()]);
        assert_eq!(result["dialect"], dialect, "{folder}");
        assert_eq!(result["signature"], "not checked");
        assert!(result["private_key"].is_null());
    }
}
