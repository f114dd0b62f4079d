//! Every dialect both ways: scripts of GNU tar, gzip and openssl alone write what gumnut reads, and read what it writes.

use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;

use gumnut_tests::{Program, fixture, patterned, tool};
use serde_json::Value;

const IMAGE_SIZE: u64 = 3 << 20;

/// A program with the test keys and `disk.img`: data, a hole, data, a hole.
fn program() -> Program {
    let program = Program::with_keys();
    let path = program.write("disk.img", patterned(70_000, 7));
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(IMAGE_SIZE).unwrap();
    file.write_all_at(&patterned(9_000, 3), 1 << 20).unwrap();
    program
}

/// Runs a script of this package in the program's directory.
pub(crate) fn script(program: &Program, name: &str, arguments: &[&str]) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/dialects/");
    let key = |name: &str| fixture(&format!("vectors/keys/{name}"));
    let command = format!(
        "cd '{}' && USER_CERT='{}' USER_KEY='{}' CLOUD_CERT='{}' sh '{script}{name}' {}",
        program.folder().display(),
        key("user-cert.pem").display(),
        key("user-key.pem").display(),
        key("cloud-cert.pem").display(),
        arguments.join(" "),
    );
    tool("sh", &["-c", &command]);
}

fn same_as_the_image(program: &Program, other: &str) {
    let files = ["disk.img", other].map(|name| program.path(name));
    tool("cmp", &files.each_ref().map(|path| path.to_str().unwrap()));
}

/// Bytes that a file takes on the disk.
fn allocated(path: &Path) -> u64 {
    fs_err::metadata(path).unwrap().blocks() * 512
}

/// A foreign bundle is verified, restored with either key, and explained. Gives what `inspect` says.
fn reads(dialect: &str, part_size: &str) -> Value {
    let program = program();
    script(
        &program,
        "bundle.sh",
        &[dialect, "disk.img", "b", part_size],
    );
    let manifest = "b/disk.img.manifest.xml";
    let _ = program.run(&["verify", manifest]).succeeded();
    for key in ["user-key.pem", "cloud-key.pem"] {
        let path = fixture(&format!("vectors/keys/{key}"));
        let path = path.to_str().unwrap();
        let certificate = fixture("vectors/keys/user-cert.pem");
        let certificate = certificate.to_str().unwrap();
        let mut unbundle = vec!["unbundle", manifest, "--cert", certificate, "-o", key];
        unbundle.extend(["--private-key", path]);
        let outcome = program.run(&unbundle).succeeded();
        same_as_the_image(&program, key);
        assert!(
            allocated(&program.path(key)) < IMAGE_SIZE / 2,
            "the holes are gone"
        );
        let no_digest = dialect == "1.0" || dialect == "1.3";
        assert_eq!(
            outcome.stderr.contains("has no usable image digest"),
            no_digest,
            "{dialect}: {outcome:#?}"
        );
    }
    // What a restored image cannot show: a bundle of this dialect with a changed byte is refused.
    let part = program
        .path("b")
        .join(&Program::files(&program.path("b"))[1]);
    let mut bytes = fs_err::read(&part).unwrap();
    bytes[20] ^= 1;
    fs_err::write(&part, bytes).unwrap();
    let _ = program.run(&["verify", manifest]).failed(3);
    let found = program.json(&["inspect", manifest]);
    assert_eq!(found["signature"], "valid");
    assert_eq!(found["image_size"], IMAGE_SIZE);
    assert_eq!(found["kind"], "machine");
    assert_eq!(found["kernel_id"], "eki-90461381");
    assert_eq!(found["ramdisk_id"], "eri-E85914C7");
    found
}

fn part_names(found: &Value) -> Vec<String> {
    let parts = found["part_list"].as_array().unwrap().iter();
    parts
        .map(|part| part["name"].as_str().unwrap().to_owned())
        .collect()
}

fn has_block_devices_and_product_codes(found: &Value) {
    assert_eq!(found["block_devices"][0]["virtual"], "ami");
    assert_eq!(found["block_devices"][0]["device"], "sda1");
    assert_eq!(found["block_devices"][1]["virtual"], "root");
    assert_eq!(found["block_devices"][1]["device"], "/dev/sda1");
    assert_eq!(found["product_codes"][0], "7C2A");
}

const EMPTY: &str = "da39a3ee5e6b4b0d3255bfef95601890afd80709";

#[test]
fn euca2ools_1_0_to_1_2_the_digest_is_of_nothing() {
    let found = reads("1.0", "20000");
    assert_eq!(found["dialect"], "euca2ools 1.0 to 1.2");
    assert_eq!(found["image_digest"], EMPTY);
    assert_eq!(part_names(&found)[1], "disk.img.part.1");
}

#[test]
fn euca2ools_1_3_and_1_3_1_the_digest_is_of_nothing() {
    let found = reads("1.3", "20000");
    assert_eq!(found["dialect"], "euca2ools 1.3 to 1.3.1");
    assert_eq!(found["image_digest"], EMPTY);
    assert_eq!(part_names(&found)[1], "disk.img.part.1");
}

#[test]
fn euca2ools_1_3_2_the_digest_is_right() {
    let found = reads("1.3.2", "20000");
    assert_eq!(found["dialect"], "euca2ools 1.3.2");
    assert_ne!(found["image_digest"], EMPTY);
    assert_eq!(part_names(&found)[1], "disk.img.part.01");
}

#[test]
fn euca2ools_2_x() {
    let found = reads("2.x", "20000");
    assert_eq!(found["dialect"], "euca2ools 2.x");
    has_block_devices_and_product_codes(&found);
}

#[test]
fn euca2ools_3_0_ids_before_block_devices_and_no_release() {
    let found = reads("3.0", "20000");
    assert_eq!(found["dialect"], "euca2ools 3.0");
    assert_eq!(found["bundler"]["release"], "");
    assert_eq!(found["ancestry"][0], "ami-5bae4b32");
    assert_eq!(part_names(&found)[1], "disk.img.part.1");
    has_block_devices_and_product_codes(&found);
}

#[test]
fn euca2ools_3_1_0_to_3_1_2_device_before_virtual() {
    for version in ["3.1.0", "3.1.2"] {
        let found = reads(version, "20000");
        assert_eq!(found["dialect"], "euca2ools 3.1.0 to 3.1.2");
        assert_eq!(part_names(&found)[1], "disk.img.part.01");
        has_block_devices_and_product_codes(&found);
    }
}

#[test]
fn euca2ools_3_1_3_to_3_4_1() {
    for version in ["3.1.3", "3.4.1"] {
        let found = reads(version, "20000");
        assert_eq!(found["dialect"], "euca2ools 3.1.3 to 3.4.1");
        has_block_devices_and_product_codes(&found);
    }
}

#[test]
fn ec2_ami_tools_part_numbers_as_wide_as_the_count() {
    for (part_size, second) in [
        ("20000", "disk.img.part.1"),
        ("4000", "disk.img.part.01"),
        ("700", "disk.img.part.001"),
    ] {
        let found = reads("ec2-ami-tools", part_size);
        assert_eq!(found["dialect"], "ec2-ami-tools");
        assert_eq!(found["ancestry"][0], "ami-5bae4b32");
        assert_eq!(part_names(&found)[1], second);
        has_block_devices_and_product_codes(&found);
    }
}

#[test]
fn what_a_manifest_says_survives_reading_and_writing() {
    for dialect in ["2.x", "3.0", "3.1.0", "3.4.1", "ec2-ami-tools"] {
        let program = program();
        script(&program, "bundle.sh", &[dialect, "disk.img", "b", "20000"]);
        let certificate = fixture("vectors/keys/cloud-cert.pem");
        let mut rewrap = vec!["rewrap", "b/disk.img.manifest.xml", "-o", "b/new.xml"];
        rewrap.extend(["--cloud-cert", certificate.to_str().unwrap()]);
        let _ = program.run(&rewrap).succeeded();
        let old = program.json(&["inspect", "b/disk.img.manifest.xml"]);
        let new = program.json(&["inspect", "b/new.xml"]);
        has_block_devices_and_product_codes(&new);
        if dialect == "3.0" || dialect == "ec2-ami-tools" {
            assert_eq!(new["ancestry"][0], "ami-5bae4b32");
            assert_eq!(new["kernel_name"], "vmlinuz-2.6.24-19-xen");
        }
        for name in [
            "name",
            "kind",
            "architecture",
            "user",
            "kernel_id",
            "ramdisk_id",
        ] {
            assert_eq!(new[name], old[name], "{dialect}: {name}");
        }
        for name in ["block_devices", "product_codes", "ancestry", "kernel_name"] {
            assert_eq!(new[name], old[name], "{dialect}: {name}");
        }
        assert_eq!(new["part_list"], old["part_list"], "{dialect}");
        assert_eq!(new["signature"], "valid");
        let _ = program.run(&["verify", "b/new.xml"]).succeeded();
    }
}

#[test]
fn a_trailing_empty_part_of_every_line_that_wrote_one() {
    for dialect in ["1.0", "1.3.2", "2.x", "3.0", "3.1.0", "3.4.1"] {
        let found = reads(dialect, "half");
        assert_eq!(found["parts"], 3, "{dialect}");
        assert_eq!(found["part_list"][2]["digest"], EMPTY, "{dialect}");
    }
}

/// Both recipients open a bundle of gumnut with openssl, gzip and tar; its signature and digests hold for them.
fn is_opened(program: &Program, manifest: &str) {
    for (key, pair) in [("user-key.pem", "user"), ("cloud-key.pem", "ec2")] {
        let path = fixture(&format!("vectors/keys/{key}"));
        let arguments = [manifest, path.to_str().unwrap(), pair, pair];
        script(program, "open.sh", &arguments);
        same_as_the_image(program, pair);
        fs_err::remove_file(program.path(pair)).unwrap();
    }
}

#[test]
fn what_gumnut_writes_is_opened_without_it() {
    for more in [&[][..], &["--sparse"], &["--level", "0", "--prefix", "web"]] {
        let program = program();
        let mut arguments = vec!["bundle", "disk.img", "--arch", "x86_64", "-d", "b"];
        arguments.extend(["--test-part-size", "64KiB", "-B", "ami=sda1"]);
        arguments.extend(more);
        let manifest = program.json(&arguments)["manifest"].clone();
        is_opened(&program, manifest.as_str().unwrap());
    }
}

#[test]
fn what_is_written_under_old_names_is_opened_without_gumnut() {
    for (name, dialect, second) in [
        ("euca-bundle-image", "2010", "disk.img.part.1"),
        ("euca-bundle-image", "3.4", "disk.img.part.01"),
        ("ec2-bundle-image", "3.4", "disk.img.part.01"),
    ] {
        let program = program().with("GUMNUT_DIALECT", dialect);
        let mut arguments = vec!["-i", "disk.img", "-r", "x86_64", "-d", "b"];
        arguments.extend(["--part-size", "64k", "--kernel", "eki-90461381"]);
        let _ = program.called(name, &arguments).succeeded();
        assert!(program.path("b").join(second).exists(), "{name} {dialect}");
        is_opened(&program, "b/disk.img.manifest.xml");
    }
}

#[test]
fn a_length_that_is_a_multiple_of_the_part_size_makes_no_empty_part() {
    let program = program();
    let bundle = |folder: &str, part_size: &str| {
        let mut arguments = vec!["bundle", "disk.img", "--arch", "x86_64", "-d", folder];
        arguments.extend(["--test-part-size", part_size]);
        let manifest = program.json(&arguments)["manifest"].clone();
        program.json(&["inspect", manifest.as_str().unwrap()])
    };
    let size = bundle("whole", "10MiB")["bundled_size"].as_u64().unwrap();
    assert_eq!(size % 2, 0);
    let found = bundle("halves", &(size / 2).to_string());
    assert_eq!(found["bundled_size"], size, "equal input, equal length");
    assert_eq!(found["parts"], 2);
    is_opened(&program, "halves/disk.img.manifest.xml");
}
