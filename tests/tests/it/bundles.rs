//! What `gumnut bundle` writes, judged by programs that know nothing of it.

use gumnut_tests::{Program, fixture, patterned, tool};

/// The text of the one element with this name.
fn element<'a>(manifest: &'a str, name: &str) -> &'a str {
    let start = manifest
        .find(&format!("<{name}"))
        .unwrap_or_else(|| panic!("no {name}"));
    let open = start + manifest[start..].find('>').unwrap() + 1;
    let end = open + manifest[open..].find(&format!("</{name}>")).unwrap();
    &manifest[open..end]
}

/// Opens a wrapped value with openssl alone; what comes out is hex text.
fn unwrap_with_openssl(program: &Program, hex: &str, key: &str) -> String {
    let bytes: Vec<u8> = (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect();
    let wrapped = program.write("wrapped", bytes);
    let key = fixture(&format!("vectors/keys/{key}"));
    tool(
        "openssl",
        &[
            "pkeyutl",
            "-decrypt",
            "-inkey",
            key.to_str().unwrap(),
            "-in",
            wrapped.to_str().unwrap(),
        ],
    )
}

#[test]
fn openssl_gzip_and_tar_alone_open_a_bundle() {
    let program = Program::with_keys();
    let image = program.write("disk.img", patterned(300_000, 7));
    let arguments = [
        "bundle",
        "disk.img",
        "--arch",
        "x86_64",
        "-d",
        "out",
        "--test-part-size",
        "64KiB",
    ];
    let result = program.json(&arguments);
    assert_eq!(result["parts"].as_array().unwrap().len(), 5, "{result}");
    let manifest = fs_err::read_to_string(program.path("out/disk.img.manifest.xml")).unwrap();
    for (key, prefix) in [("user-key.pem", "user"), ("cloud-key.pem", "ec2")] {
        let wrapped = |what: &str| element(&manifest, &format!("{prefix}_encrypted_{what}"));
        let aes = unwrap_with_openssl(&program, wrapped("key"), key);
        let iv = unwrap_with_openssl(&program, wrapped("iv"), key);
        let script = format!(
            "cd '{}' && cat out/disk.img.part.?? | openssl enc -d -aes-128-cbc -K {aes} -iv {iv} | tee stream.gz \
             | gzip -dc | tee stream.tar | tar xO > restored",
            program.folder().display()
        );
        tool("bash", &["-o", "pipefail", "-c", &script]);
        tool(
            "cmp",
            &[
                image.to_str().unwrap(),
                program.path("restored").to_str().unwrap(),
            ],
        );
    }
    let digest = tool("sha1sum", &[program.path("stream.tar").to_str().unwrap()]);
    assert!(digest.starts_with(result["image_digest"].as_str().unwrap()));
    let listing = tool(
        "tar",
        &[
            "tvf",
            program.path("stream.tar").to_str().unwrap(),
            "--numeric-owner",
        ],
    );
    assert!(listing.starts_with("-rw-r--r-- 0/0"), "{listing}");
    assert_eq!(listing.lines().count(), 1, "one member");
}

#[test]
fn openssl_accepts_the_signature_over_the_literal_text() {
    let program = Program::with_keys();
    program.write("disk.img", patterned(5_000, 1));
    let _ = program
        .run(&["bundle", "disk.img", "--arch", "i386"])
        .succeeded();
    let manifest = fs_err::read_to_string(program.path("disk.img.manifest.xml")).unwrap();
    let cut = |name: &str| {
        let start = manifest.find(&format!("<{name}>")).unwrap();
        let close = format!("</{name}>");
        &manifest[start..manifest.find(&close).unwrap() + close.len()]
    };
    let signed = program.write(
        "signed",
        format!("{}{}", cut("machine_configuration"), cut("image")),
    );
    let signature: Vec<u8> = element(&manifest, "signature")
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect();
    let signature = program.write("signature", signature);
    let certificate = fixture("vectors/keys/user-cert.pem");
    let public = tool(
        "openssl",
        &[
            "x509",
            "-in",
            certificate.to_str().unwrap(),
            "-noout",
            "-pubkey",
        ],
    );
    let public = program.write("public.pem", public);
    let arguments = [
        "dgst",
        "-sha1",
        "-verify",
        public.to_str().unwrap(),
        "-signature",
        signature.to_str().unwrap(),
        signed.to_str().unwrap(),
    ];
    assert_eq!(tool("openssl", &arguments).trim(), "Verified OK");
}

#[test]
fn a_bundle_comes_back_with_its_holes() {
    use std::os::unix::fs::{FileExt as _, MetadataExt as _};
    let program = Program::with_keys();
    let image = program.write("disk.img", b"");
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(&image)
        .unwrap();
    file.set_len(64 << 20).unwrap();
    file.write_all_at(&patterned(100_000, 3), 5 << 20).unwrap();
    file.write_all_at(b"end", (64 << 20) - 3).unwrap();
    let _ = program
        .run(&["bundle", "disk.img", "--arch", "x86_64", "-d", "b"])
        .succeeded();
    let _ = program
        .run(&["unbundle", "b/disk.img.manifest.xml", "-o", "back.img"])
        .succeeded();
    tool(
        "cmp",
        &[
            image.to_str().unwrap(),
            program.path("back.img").to_str().unwrap(),
        ],
    );
    let allocated = fs_err::metadata(program.path("back.img")).unwrap().blocks() * 512;
    assert!(
        allocated < 4 << 20,
        "{allocated} bytes are allocated for 100 kB of data"
    );
}

#[test]
fn kernels_and_ramdisks_say_what_they_are() {
    let program = Program::with_keys();
    program.write("vmlinuz-2.6.24-19-xen", patterned(4_000, 1));
    for (kind, magic) in [("kernel", "kernel_id"), ("ramdisk", "ramdisk_id")] {
        let arguments = [
            "bundle",
            "vmlinuz-2.6.24-19-xen",
            "--kind",
            kind,
            "--arch",
            "i386",
            "-d",
            kind,
        ];
        let _ = program.run(&arguments).succeeded();
        let path = program.path(&format!("{kind}/vmlinuz-2.6.24-19-xen.manifest.xml"));
        let manifest = fs_err::read_to_string(path).unwrap();
        assert_eq!(element(&manifest, magic), "true");
        assert_eq!(element(&manifest, "type"), kind);
        assert_eq!(element(&manifest, "user"), "000000000001");
    }
}

#[test]
fn a_flipped_byte_is_found_and_named() {
    let program = Program::with_keys();
    program.write("disk.img", patterned(200_000, 9));
    let _ = program
        .run(&[
            "bundle",
            "disk.img",
            "--arch",
            "x86_64",
            "--test-part-size",
            "64KiB",
        ])
        .succeeded();
    let part = program.path("disk.img.part.02");
    let mut bytes = fs_err::read(&part).unwrap();
    bytes[1000] ^= 1;
    fs_err::write(&part, bytes).unwrap();
    for command in [
        &["verify", "disk.img.manifest.xml"][..],
        &["unbundle", "disk.img.manifest.xml", "-o", "back"],
    ] {
        let _ = program.run(command).failed(3).saying(&["disk.img.part.02"]);
    }
    assert!(!program.path("back").exists());
    assert!(
        !Program::files(program.folder())
            .iter()
            .any(|name| name.contains("back"))
    );
}

#[test]
fn inspect_explains_a_manifest() {
    let program = Program::with_keys();
    program.write("disk.img", patterned(2_000, 9));
    let arguments = [
        "bundle",
        "disk.img",
        "--arch",
        "x86_64",
        "--kernel",
        "eki-90461381",
        "--ramdisk",
        "eri-E85914C7",
        "-B",
        "ami=sda1,root=/dev/sda1",
        "--product-codes",
        "ABC,DEF",
        "--prefix",
        "web",
    ];
    let _ = program.run(&arguments).succeeded();
    let result = program.json(&["inspect", "web.manifest.xml"]);
    assert_eq!(result["format"], "manifest");
    assert_eq!(result["kind"], "machine");
    assert_eq!(result["kernel_id"], "eki-90461381");
    assert_eq!(result["ramdisk_id"], "eri-E85914C7");
    assert_eq!(result["image_size"], 2_000);
    assert_eq!(result["signature"], "valid");
}
