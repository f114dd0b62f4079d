//! `gumnut make` and `gumnut capture`.

use std::path::Path;
use std::process::Command;

use fs_err as fs;
use gumnut_tests::Program;

/// A program with a tar archive of a small system in its directory.
fn program() -> Program {
    let program = Program::new();
    let tree = program.path("tree");
    let key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\n-----END PRIVATE KEY-----\n";
    for (path, content) in [
        ("sbin/init", "#!/bin/sh\n"),
        ("etc/fstab", "/dev/sda1 / ext3 noatime 0 1\n"),
        ("boot/vmlinuz-6.1", "kernel"),
        ("boot/initrd.img-6.1", "ramdisk"),
        ("root/key.pem", key),
    ] {
        let path = tree.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let tar = Command::new("tar")
        .args(["--create", "--owner=0", "--group=0", "--file"])
        .arg(program.path("tree.tar"))
        .arg("-C")
        .arg(&tree)
        .arg(".")
        .status();
    assert!(tar.unwrap().success());
    program
}

fn clean(image: &Path) {
    let output = Command::new("/usr/sbin/e2fsck")
        .arg("-fn")
        .arg(image)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

#[test]
fn an_image_is_made_checked_and_described() {
    let program = program();
    let arguments = [
        "make",
        "tree.tar",
        "-o",
        "disk.img",
        "--seal",
        "--label",
        "root",
        "--kernel-out",
        "vmlinuz",
        "--ramdisk-out",
        "initrd",
    ];
    let made = program.json(&arguments);
    clean(&program.path("disk.img"));
    assert_eq!(fs::read(program.path("vmlinuz")).unwrap(), b"kernel");
    assert_eq!(fs::read(program.path("initrd")).unwrap(), b"ramdisk");
    let size = fs::metadata(program.path("disk.img")).unwrap().len();
    assert_eq!(made["size"], size);
    assert_eq!(made["kernel"], "/boot/vmlinuz-6.1");
    assert_eq!(made["label"], "root");
    assert_eq!(made["checked"], true);
    assert_eq!(made["counts"]["removed"], 1);
    let notes = made["notes"].as_array().unwrap();
    let removed = notes.iter().find(|note| note["kind"] == "removed").unwrap();
    assert_eq!(removed["path"], "/root/key.pem");
    assert_eq!(removed["reason"], "private key");

    let checked = program.json(&["check", "disk.img"]);
    let findings = checked["findings"].to_string();
    assert!(!findings.contains("root-label"), "{findings}");
    assert!(!findings.contains("unreadable"), "{findings}");
}

#[test]
fn a_dry_run_says_the_same_and_writes_nothing() {
    let program = program();
    let planned = program.json(&["make", "tree.tar", "--dry-run"]);
    let made = program.json(&["make", "tree.tar", "-o", "disk.img"]);
    for key in ["size", "files", "uuid", "kernel", "used", "counts"] {
        assert_eq!(planned[key], made[key], "{key}");
    }
    assert_eq!(planned["dry_run"], true);
    fs::remove_file(program.path("disk.img")).unwrap();
    assert_eq!(
        program.run(&["make", "tree.tar", "--dry-run"]).code,
        Some(0)
    );
    assert!(!program.path("disk.img").exists());
}

#[test]
fn what_is_wrong_has_its_exit_code_and_leaves_nothing() {
    let program = program();
    fs::write(program.path("text"), "no archive").unwrap();
    fs::create_dir_all(program.path("empty")).unwrap();
    let cases: [(&[&str], i32, &str); 9] = [
        (
            &["make", "text", "-o", "disk.img"],
            3,
            "text is neither a directory nor a tar archive",
        ),
        (
            &["make", "nowhere", "-o", "disk.img"],
            3,
            "cannot read nowhere",
        ),
        (
            &["make", "empty", "-o", "disk.img", "--owner", "root"],
            3,
            "there is no /sbin/init",
        ),
        (
            &["make", "tree.tar", "-o", "disk.img", "--uuid", "keep"],
            2,
            "--uuid keep is for capture",
        ),
        (
            &["make", "tree.tar", "-o", "disk.img", "--exclude", "[a"],
            2,
            "the pattern [a cannot be understood",
        ),
        (
            &["make", "tree.tar", "-o", "disk.img", "--max-entries", "3"],
            3,
            "exceed the limit of 3",
        ),
        (
            &["make", "tree.tar", "-o", "disk.img", "--max-size", "1"],
            3,
            "exceed the limit of 1",
        ),
        (
            &["make", "tree.tar", "-o", "no/such/disk.img"],
            3,
            "no/such",
        ),
        (&["make", "tree.tar"], 2, "--output"),
    ];
    for (arguments, code, message) in cases {
        let outcome = program.run(arguments);
        assert_eq!(
            outcome.code,
            Some(code),
            "{arguments:?}: {}",
            outcome.stderr
        );
        assert!(
            outcome.stderr.contains(message),
            "{arguments:?}: {}",
            outcome.stderr
        );
        assert!(!program.path("disk.img").exists());
        assert!(!program.path("disk.img.partial").exists());
    }
}

#[test]
fn the_volume_of_a_system_is_captured_without_its_secrets() {
    let program = program();
    fs::create_dir_all(program.path("tree/proc/1")).unwrap();
    let made = program.json(&[
        "capture",
        "tree",
        "-o",
        "disk.img",
        "--owner",
        "root",
        "--exclude",
        "/boot",
    ]);
    clean(&program.path("disk.img"));
    assert_eq!(made["counts"]["removed"], 1);
    assert_eq!(made["counts"]["excluded"], 1);
    assert_eq!(made["counts"]["volatile"], 1);
    assert_eq!(made["kernel"], serde_json::Value::Null);

    let arguments = [
        "capture",
        "tree",
        "-o",
        "kept.img",
        "--owner",
        "root",
        "--no-seal",
    ];
    assert_eq!(program.json(&arguments)["counts"].get("removed"), None);
}
