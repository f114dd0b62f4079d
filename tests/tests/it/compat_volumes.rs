//! `euca-bundle-vol` and `ec2-bundle-vol`: what each of their options does to the image and to the manifest.

use std::process::Command;

use fs_err as fs;
use gumnut_tests::{Outcome, Program, Server};

const KEY: &str =
    "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\n-----END PRIVATE KEY-----\n";
const CERTIFICATE: &str =
    "-----BEGIN CERTIFICATE-----\nMIIEvQIBADANBgkqhkiG9w0B\n-----END CERTIFICATE-----\n";

/// A program in whose directory a volume is.
fn program(dialect: &str) -> Program {
    let program = Program::with_keys().with("GUMNUT_DIALECT", dialect);
    for (path, content) in [
        ("sbin/init", "#!/bin/sh\n"),
        ("etc/fstab", "/dev/sda1 / ext3 defaults 1 1\n"),
        ("etc/ssl/ca.pem", CERTIFICATE),
        ("etc/ssl/own.pem", KEY),
        ("etc/ssl/wanted.pem", KEY),
        ("home/ann/.ssh/authorized_keys", "ssh-rsa AAAA"),
        ("home/ann/notes~", "old"),
        ("srv/a", "a"),
        ("srv/b", "b"),
    ] {
        let path = program.path("volume").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    program.write("fstab", "LABEL=mine / ext4 defaults 0 1\n");
    program.write("menu.lst", "default 0\n");
    program
}

/// Bundles the volume, in an image of 64 MiB, into `out`.
fn bundled(program: &Program, name: &str, options: &str) -> Outcome {
    let fixed = "-v volume -s 64 -r x86_64 -d out --no-inherit";
    let words = fixed.split_whitespace().chain(options.split_whitespace());
    program.called(name, &words.collect::<Vec<_>>())
}

/// A file of the image of a bundle. `None`: the image does not have it.
fn content(program: &Program, manifest: &str, path: &str) -> Option<String> {
    let image = format!("{}.img", manifest.replace('/', "-"));
    if !program.path(&image).exists() {
        let _ = program
            .run(&["unbundle", manifest, "-o", &image])
            .succeeded();
        let clean = Command::new("/usr/sbin/e2fsck")
            .arg("-fn")
            .arg(program.path(&image))
            .output();
        assert!(clean.unwrap().status.success());
    }
    let output = Command::new("/usr/sbin/debugfs")
        .args(["-R", &format!("cat {path}")])
        .arg(program.path(&image))
        .output();
    let text = String::from_utf8(output.unwrap().stdout).unwrap();
    (!text.is_empty()).then_some(text)
}

fn manifest(program: &Program, path: &str) -> String {
    fs::read_to_string(program.path(path)).unwrap()
}

#[test]
fn the_filter_looks_into_files_and_patterns_of_the_user_decide() {
    let program = program("3.4");
    let outcome = bundled(
        &program,
        "euca-bundle-vol",
        "-p disk -e /srv/a -i /etc/ssl/wanted.pem --debug",
    )
    .succeeded();
    let lines: Vec<_> = outcome.stdout.lines().collect();
    assert_eq!(
        lines,
        ["Copying files...", "Wrote manifest out/disk.manifest.xml"]
    );
    let _ = outcome.saying(&[
        "1 excluded by patterns",
        "3 removed because",
        "removed /etc/ssl/own.pem private key",
        "removed /home/ann/notes~ its name",
    ]);
    let content = |path: &str| content(&program, "out/disk.manifest.xml", path);
    assert_eq!(content("/etc/ssl/ca.pem").as_deref(), Some(CERTIFICATE));
    assert_eq!(content("/etc/ssl/wanted.pem").as_deref(), Some(KEY));
    assert_eq!(content("/srv/b").as_deref(), Some("b"));
    for absent in [
        "/etc/ssl/own.pem",
        "/home/ann/notes~",
        "/home/ann/.ssh/authorized_keys",
        "/srv/a",
    ] {
        assert_eq!(content(absent), None, "{absent}");
    }
    // Without an option, a line of the root that does not fit is changed.
    assert!(content("/etc/fstab").unwrap().starts_with("UUID="));
    let size = fs::metadata(program.path("out-disk.manifest.xml.img")).unwrap();
    assert_eq!(size.len(), 64 << 20);
    // Nothing but the bundle is left.
    assert!(!program.path("out/disk").exists());
}

#[test]
fn without_the_filter_everything_is_kept() {
    let program = program("3.4");
    let _ = bundled(&program, "euca-bundle-vol", "--no-filter -P none").succeeded();
    let content = |path: &str| content(&program, "out/image.manifest.xml", path);
    assert_eq!(content("/etc/ssl/own.pem").as_deref(), Some(KEY));
    assert_eq!(content("/home/ann/notes~").as_deref(), Some("old"));
}

#[test]
fn files_of_the_image_come_from_files_and_the_manifest_from_options() {
    let program = program("3.4");
    let options = "--fstab fstab --grub-config menu.lst --kernel eki-00000001 --ramdisk eri-00000002 \
                   --productcodes A,B --block-device-mappings ami=sda1 -u 0000-0000-0007 --part-size 4k \
                   --enc-key 00112233445566778899aabbccddeeff --enc-iv 00112233445566778899aabbccddeeff";
    let _ = bundled(&program, "euca-bundle-vol", options).succeeded();
    let content = |path: &str| content(&program, "out/image.manifest.xml", path);
    assert_eq!(
        content("/etc/fstab").as_deref(),
        Some("LABEL=mine / ext4 defaults 0 1\n")
    );
    assert_eq!(
        content("/boot/grub/menu.lst").as_deref(),
        Some("default 0\n")
    );
    let manifest = manifest(&program, "out/image.manifest.xml");
    for text in [
        "eki-00000001",
        "eri-00000002",
        "<product_code>A</product_code>",
        "<user>000000000007</user>",
        "<architecture>x86_64</architecture>",
        "sda1",
        "image.part.05",
    ] {
        assert!(manifest.contains(text), "no {text} in {manifest}");
    }
    let _ = program
        .run(&["verify", "out/image.manifest.xml"])
        .succeeded();
}

#[test]
fn what_the_instance_was_started_with_is_inherited() {
    let server = Server::start(|asked, _| {
        let answer = match asked.line.split(' ').nth(1).unwrap_or_default() {
            "/latest/api/token" => "secret",
            "/latest/meta-data/kernel-id" => "eki-0000000a",
            "/latest/meta-data/product-codes" => "C1\nC2",
            "/latest/meta-data/block-device-mapping/" => "ami\nroot",
            "/latest/meta-data/block-device-mapping/ami" => "sda1",
            "/latest/meta-data/block-device-mapping/root" => "/dev/sda1",
            _ => return (404, String::new()),
        };
        (200, answer.to_owned())
    });
    let program = program("3.4").with("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.endpoint());
    let called = |options: &[&str]| {
        let fixed = ["-v", "volume", "-s", "64", "-r", "x86_64", "-d", "out"];
        program.called("euca-bundle-vol", &[&fixed, options].concat())
    };
    let _ = called(&["--inherit"]).succeeded();
    let text = manifest(&program, "out/image.manifest.xml");
    for inherited in ["eki-0000000a", "C1", "C2", "/dev/sda1"] {
        assert!(text.contains(inherited), "no {inherited} in {text}");
    }
    assert!(!text.contains("ramdisk_id"), "{text}");
    // What was given comes first.
    let _ = called(&["--kernel", "eki-0000000b"]).succeeded();
    let text = manifest(&program, "out/image.manifest.xml");
    assert!(text.contains("eki-0000000b") && !text.contains("eki-0000000a"));
    let asked = server.lines().len();
    let _ = called(&["--no-inherit"]).succeeded();
    assert!(!manifest(&program, "out/image.manifest.xml").contains("eki-"));
    assert_eq!(server.lines().len(), asked);
}

#[test]
fn without_a_metadata_service_nothing_is_inherited_and_that_is_said() {
    let program = program("3.4").with("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1");
    let words = "-v volume -s 64 -r x86_64 -d out";
    let words: Vec<_> = words.split_whitespace().collect();
    let _ = program
        .called("euca-bundle-vol", &words)
        .succeeded()
        .saying(&["the metadata service does not answer"]);
}

#[test]
fn the_dialect_of_2010_has_its_lines_its_fstab_and_its_limit() {
    let program = program("2010");
    let outcome = bundled(
        &program,
        "euca-bundle-vol",
        "--generate-fstab --batch -b ami=sda1",
    )
    .succeeded();
    let lines: Vec<_> = outcome.stdout.lines().collect();
    assert_eq!(
        lines[..5],
        [
            "x86_64",
            "Checking image",
            "Tarring image",
            "Encrypting image",
            "Splitting image..."
        ]
    );
    assert_eq!(
        lines.last(),
        Some(&"Generating manifest out/image.manifest.xml")
    );
    let _ = outcome.saying(&["--batch is accepted and has no effect"]);
    let fstab = content(&program, "out/image.manifest.xml", "/etc/fstab").unwrap();
    assert_eq!(fstab.lines().count(), 5);
    assert!(fstab.starts_with("/dev/sda1 / ext3"), "{fstab}");
    assert!(manifest(&program, "out/image.manifest.xml").contains("sda1"));
    let too_large = bundled(&program, "euca-bundle-vol", "-s 10241");
    assert_eq!(too_large.code, Some(1));
    let _ = too_large.saying(&["Image Size is too large (Max = 10240 MB)"]);
}

#[test]
fn the_ami_tools_make_images_without_bundles_and_of_any_size() {
    let program = program("3.4");
    let _ = bundled(&program, "ec2-bundle-vol", "--clone-only -p disk").succeeded();
    let image = program.path("out/disk");
    assert_eq!(fs::metadata(&image).unwrap().len(), 64 << 20);
    assert!(!program.path("out/disk.manifest.xml").exists());
    let large = bundled(&program, "ec2-bundle-vol", "--clone-only -s 10241");
    assert_eq!(large.code, Some(1));
    let _ = bundled(
        &program,
        "ec2-bundle-vol",
        "--clone-only -s 10241 --no-size-checks",
    )
    .succeeded();
    let image = program.path("out/image");
    assert_eq!(fs::metadata(&image).unwrap().len(), 10_241 << 20);
}

#[test]
fn what_is_not_done_is_said_before_anything_is() {
    let program = program("3.4");
    for (options, said) in [
        ("-P mbr", "needs a boot loader"),
        ("-P gpt", "needs a boot loader"),
        ("-S script", "runs no script"),
    ] {
        let outcome = bundled(&program, "euca-bundle-vol", options);
        assert_eq!(outcome.code, Some(1), "{outcome:#?}");
        let _ = outcome.saying(&[said, "nothing was done"]);
    }
    program.write("volume/srv/large", vec![b'x'; 2 << 20]);
    let small = bundled(&program, "euca-bundle-vol", "-s 1");
    assert_eq!(small.code, Some(1), "{small:#?}");
    assert!(!program.path("out/image.manifest.xml").exists());
    assert!(!program.path("out/image").exists());
}
