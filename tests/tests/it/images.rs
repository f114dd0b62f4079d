//! Disk images through the program: looked at, checked, resized, converted and bundled.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use gumnut_tests::{Outcome, Program, patterned, tool};
use serde_json::Value;

const MIB: usize = 1 << 20;

/// An ext3 image of 8 MiB, `root.img`, with an i386 init and a shell history.
pub(crate) fn root(program: &Program) -> PathBuf {
    clean_root(program, &[("root/.bash_history", "ls\n")])
}

/// A root file system in which the checks find nothing but what `more` files say.
pub(crate) fn clean_root(program: &Program, more: &[(&str, &str)]) -> PathBuf {
    let tree = program.path("tree");
    for folder in ["sbin", "etc", "root", "lib/modules/2.6.28-11-server"] {
        fs_err::create_dir_all(tree.join(folder)).unwrap();
    }
    let mut init = b"\x7fELF\x01\x01".to_vec();
    init.resize(18, 0);
    init.extend([3, 0]);
    fs_err::write(tree.join("sbin/init"), init).unwrap();
    fs_err::write(tree.join("etc/fstab"), "/dev/sda1 / ext3 defaults 1 1\n").unwrap();
    fs_err::write(
        tree.join("etc/redhat-release"),
        "CentOS release 5.3 (Final)\n",
    )
    .unwrap();
    for (name, content) in more {
        fs_err::write(tree.join(name), content).unwrap();
    }
    let image = program.write("root.img", vec![0; 8 * MIB]);
    let (tree, path) = (tree.to_str().unwrap(), image.to_str().unwrap());
    let features = "none,has_journal,ext_attr,resize_inode,dir_index,filetype,sparse_super";
    let form = [
        "-q", "-F", "-b", "1024", "-I", "128", "-J", "size=1", "-O", features,
    ];
    tool(
        "/sbin/mke2fs",
        &[&form, ["-L", "euca-root", "-d", tree, path].as_slice()].concat(),
    );
    image
}

/// A disk with boot code and one partition with this file system.
pub(crate) fn whole_disk(program: &Program, name: &str, root: &Path) {
    let root = fs_err::read(root).unwrap();
    let mut disk = vec![0; MIB];
    disk[0] = 0xEB;
    disk.extend(root);
    let path = program.write(name, disk);
    let mut sfdisk = Command::new("/sbin/sfdisk")
        .args(["--quiet", path.to_str().unwrap()])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("sfdisk starts; run: cargo xtask setup");
    sfdisk
        .stdin
        .take()
        .unwrap()
        .write_all(b"label: dos\nstart=2048, type=83, bootable\n")
        .unwrap();
    assert!(sfdisk.wait().unwrap().success());
}

/// Runs a command that must refuse its image with exit code 3 and leave it as it is.
fn refused(program: &Program, arguments: &[&str], image: &str, texts: &[&str]) -> Outcome {
    let before = fs_err::read(program.path(image)).unwrap();
    let files = Program::files(program.folder());
    let outcome = program.run(arguments).failed(3).saying(texts);
    assert!(
        fs_err::read(program.path(image)).unwrap() == before,
        "{image} was changed"
    );
    assert_eq!(
        Program::files(program.folder()),
        files,
        "something was left"
    );
    outcome
}

const RESIZE: [&str; 6] = ["resize", "root.img", "--size", "16M", "-o", "new.img"];

#[test]
fn a_resized_image_says_of_itself_what_the_old_one_said() {
    let program = Program::new();
    root(&program);
    let before = program.json(&["inspect", "root.img"]);
    let planned = program.json(&["resize", "root.img", "--size", "16M", "--dry-run"]);
    assert_eq!(
        (&planned["size"], &planned["dry_run"]),
        (&(16 * MIB).into(), &true.into())
    );
    assert!(!program.path("new.img").exists());
    let resized = program.json(&RESIZE);
    assert_eq!(resized["previous_size"], 8 * MIB);
    let after = program.json(&["inspect", "new.img"]);
    assert_eq!(after["size"], 16 * MIB);
    for field in ["uuid", "label", "features", "inode_size", "guest"] {
        assert_eq!(before["details"][field], after["details"][field], "{field}");
    }
    assert_eq!(after["architecture"], "i386");
    assert_eq!(
        after["details"]["guest"]["release"],
        "CentOS release 5.3 (Final)"
    );

    let _ = program
        .run(&[
            "resize",
            "new.img",
            "--shrink-to-fit",
            "--fstrim",
            "--in-place",
        ])
        .succeeded();
    let least = program.json(&["inspect", "new.img"]);
    assert!(least["size"].as_u64().unwrap() < 4 << 20, "{least}");
    tool(
        "/sbin/e2fsck",
        &["-fn", program.path("new.img").to_str().unwrap()],
    );
}

#[test]
fn what_cannot_be_resized_stays_as_it_is() {
    let program = Program::new();
    let image = root(&program);
    let whole = fs_err::read(&image).unwrap();
    refused(
        &program,
        &["resize", "root.img", "--size", "1M", "-o", "new.img"],
        "root.img",
        &["needs"],
    );

    fs_err::write(&image, &whole[..5 * MIB]).unwrap();
    refused(
        &program,
        &RESIZE,
        "root.img",
        &["truncated", "download or copy the image again"],
    );

    fs_err::write(&image, patterned(MIB, 3)).unwrap();
    refused(
        &program,
        &RESIZE,
        "root.img",
        &["not an ext2, ext3 or ext4 file system"],
    );

    fs_err::write(&image, &whole).unwrap();
    let path = image.to_str().unwrap();
    tool(
        "/sbin/debugfs",
        &["-w", "-R", "set_inode_field <2> mode 0100644", path],
    );
    refused(
        &program,
        &RESIZE,
        "root.img",
        &["e2fsck -fp", "UNEXPECTED INCONSISTENCY"],
    );
    let in_place = ["resize", "root.img", "--size", "16M", "--in-place"];
    refused(&program, &in_place, "root.img", &["e2fsck -fp"]);
}

#[test]
fn a_dirty_journal_is_replayed_in_the_copy() {
    let program = Program::new();
    let image = root(&program);
    tool(
        "/sbin/debugfs",
        &[
            "-w",
            "-R",
            "feature needs_recovery",
            image.to_str().unwrap(),
        ],
    );
    let before = fs_err::read(&image).unwrap();
    let _ = program.run(&RESIZE).succeeded().saying(&["was not clean"]);
    assert!(
        fs_err::read(&image).unwrap() == before,
        "the original was changed"
    );
    assert_eq!(
        program.json(&["inspect", "new.img"])["details"]["state"],
        "clean"
    );
}

#[test]
fn a_backing_file_is_never_read() {
    let program = Program::with_keys();
    program.write("secret", patterned(MIB, 9));
    let (overlay, secret) = (program.path("evil.qcow2"), program.path("secret"));
    let arguments = [
        "create",
        "-q",
        "-f",
        "qcow2",
        "-b",
        secret.to_str().unwrap(),
        "-F",
        "raw",
    ];
    tool(
        "qemu-img",
        &[&arguments, [overlay.to_str().unwrap()].as_slice()].concat(),
    );
    let says = ["backing file, which could be any file of this machine"];
    for arguments in [
        ["inspect", "evil.qcow2"].as_slice(),
        &["check", "evil.qcow2"],
        &["resize", "evil.qcow2", "--size", "16M", "-o", "new.img"],
        &["bundle", "evil.qcow2", "--arch", "i386"],
    ] {
        refused(&program, arguments, "evil.qcow2", &says);
    }
}

#[test]
fn without_the_programs_the_message_names_the_package() {
    let program = Program::new();
    root(&program);
    tool(
        "qemu-img",
        &[
            "convert",
            "-O",
            "qcow2",
            program.path("root.img").to_str().unwrap(),
            program.path("root.qcow2").to_str().unwrap(),
        ],
    );
    let empty = program.path("empty");
    fs_err::create_dir(&empty).unwrap();
    // A system without qemu-img: an empty directory where programs are looked for.
    let run = |arguments: &[&str]| {
        let mut command = program.command(arguments);
        command.env("PATH", &empty);
        Outcome::from(command.output().unwrap())
    };
    let outcome = run(&["check", "root.qcow2"]);
    let _ = outcome
        .failed(1)
        .saying(&["qemu-img", "apt-get install qemu-utils"]);
    let outcome = run(&["inspect", "root.qcow2"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let _ = outcome.saying(&["apt-get install qemu-utils"]);
}

#[test]
fn a_qcow2_image_is_inspected_checked_resized_and_bundled_as_the_raw_one() {
    let program = Program::with_keys();
    let image = root(&program);
    let packed = program.path("root.qcow2");
    tool(
        "qemu-img",
        &[
            "convert",
            "-O",
            "qcow2",
            image.to_str().unwrap(),
            packed.to_str().unwrap(),
        ],
    );
    let found = program.json(&["inspect", "root.qcow2"]);
    assert_eq!(
        (&found["disk_format"], &found["size"]),
        (&"qcow2".into(), &(8 * MIB).into())
    );
    assert_eq!(
        found["details"],
        program.json(&["inspect", "root.img"])["details"]
    );
    assert_eq!(
        ids(&program.json(&["check", "root.qcow2"])),
        ["shell-history"]
    );
    let _ = program
        .run(&["resize", "root.qcow2", "--size", "16M", "-o", "new.img"])
        .succeeded();
    assert_eq!(program.json(&["inspect", "new.img"])["size"], 16 * MIB);
    let bundle = ["bundle", "root.qcow2", "--arch", "i386", "-d", "out"];
    assert_eq!(program.json(&bundle)["image_size"], 8 * MIB);
    let back = ["unbundle", "out/root.qcow2.manifest.xml", "-o", "back.img"];
    let _ = program.run(&back).succeeded();
    assert!(fs_err::read(program.path("back.img")).unwrap() == fs_err::read(&image).unwrap());
}

#[test]
fn a_restored_image_is_converted() {
    let program = Program::with_keys();
    let image = root(&program);
    let _ = program
        .run(&["bundle", "root.img", "--arch", "i386", "-d", "out"])
        .succeeded();
    for format in ["raw", "qcow2", "vmdk", "vpc"] {
        let name = format!("back.{format}");
        let arguments = [
            "unbundle",
            "out/root.img.manifest.xml",
            "--format",
            format,
            "-o",
            &name,
        ];
        let _ = program.run(&arguments).succeeded();
        let _ = program.run(&arguments).failed(3).saying(&["exists"]);
        let (path, raw) = (program.path(&name), program.path("raw.img"));
        let (from, to) = (path.to_str().unwrap(), raw.to_str().unwrap());
        tool(
            "qemu-img",
            &["convert", "-f", format, "-O", "raw", from, to],
        );
        assert!(
            fs_err::read(&raw).unwrap() == fs_err::read(&image).unwrap(),
            "{format}"
        );
    }
    let left = Program::files(program.folder());
    assert!(
        !left
            .iter()
            .any(|name| name.contains("gumnut") || name.contains("partial")),
        "{left:?}"
    );
    let stream = [
        "unbundle",
        "out/root.img.manifest.xml",
        "--format",
        "qcow2",
        "--stdout",
        "--unverified-stream",
    ];
    assert_eq!(program.run(&stream).code, Some(2));
}

#[test]
fn an_image_on_standard_input_is_bundled() {
    let program = Program::with_keys();
    let image = patterned(3 * MIB + 5, 4);
    let from_stdin = |size: &str, bytes: &[u8]| {
        let arguments = [
            "bundle", "-", "--size", size, "--prefix", "disk", "--arch", "i386", "-d", "out",
            "--force",
        ];
        let mut child = program
            .command(&arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let bytes = bytes.to_vec();
        let feeder = std::thread::spawn(move || stdin.write_all(&bytes));
        let outcome = Outcome::from(child.wait_with_output().unwrap());
        // A refusal closes the pipe early.
        let _ = feeder.join().unwrap();
        outcome
    };
    let size = image.len().to_string();
    let _ = from_stdin(&size, &image).succeeded();
    let _ = program
        .run(&["unbundle", "out/disk.manifest.xml", "-o", "back.img"])
        .succeeded();
    assert!(fs_err::read(program.path("back.img")).unwrap() == image);
    let _ = from_stdin(&size, &image[1..])
        .failed(3)
        .saying(&["standard input"]);
    let _ = from_stdin(&size, &[&image, b"x".as_slice()].concat()).failed(3);
    let outcome = program
        .run(&["bundle", "-", "--arch", "i386", "--prefix", "disk"])
        .failed(2);
    let _ = outcome.saying(&["--size"]);
    let outcome = program
        .run(&["bundle", "-", "--arch", "i386", "--size", "5"])
        .failed(2);
    let _ = outcome.saying(&["--prefix"]);
}

fn ids(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().unwrap();
    findings
        .iter()
        .map(|finding| finding["id"].as_str().unwrap())
        .collect()
}

#[test]
fn check_ends_with_3_for_errors_and_when_strict_for_warnings() {
    let program = Program::with_keys();
    root(&program);
    let outcome = program.run(&["check", "root.img"]).succeeded();
    assert!(
        outcome
            .stdout
            .starts_with("warning\tshell-history\t/root/.bash_history"),
        "{outcome:?}"
    );
    let outcome = program.run(&["check", "root.img", "--strict"]);
    assert_eq!(outcome.code, Some(3), "{outcome:?}");
    let outcome = program.run(&["check", "root.img", "--arch", "x86_64", "--json"]);
    assert_eq!(outcome.code, Some(3));
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(ids(&report), ["architecture-declared", "shell-history"]);
    assert_eq!(report["findings"][0]["severity"], "error");
    let swapped = program.run(&["check", "root.img", "--kernel", "root.img"]);
    assert_eq!(swapped.code, Some(3));
    assert!(swapped.stdout.contains("not-a-kernel"), "{swapped:?}");
}

#[test]
fn bundle_warns_and_refuses_only_when_strict() {
    let program = Program::with_keys();
    root(&program);
    let arguments = ["bundle", "root.img", "--arch", "x86_64", "-d", "out"];
    let _ = program.run(&arguments).succeeded().saying(&[
        "warning: architecture-declared: the image is for i386, but would be registered as x86_64",
        "warning: shell-history: /root/.bash_history",
    ]);
    let strict = [
        "bundle", "root.img", "--arch", "i386", "-d", "strict", "--strict",
    ];
    let _ = program
        .run(&strict)
        .failed(3)
        .saying(&["did not pass its checks"]);
    let written = program.path("strict");
    assert!(!written.exists() || Program::files(&written).is_empty());
    fs_err::remove_file(program.path("tree/root/.bash_history")).unwrap();
    let path = program.path("root.img");
    tool(
        "/sbin/debugfs",
        &["-w", "-R", "rm /root/.bash_history", path.to_str().unwrap()],
    );
    let _ = program.run(&strict).succeeded();
}

#[test]
fn an_interrupted_resize_leaves_the_image_and_can_be_repeated() {
    let program = Program::new();
    let image = root(&program);
    let before = fs_err::read(&image).unwrap();
    // What a run that was killed leaves behind.
    program.write("new.img.partial", patterned(MIB, 1));
    let half = [
        "resize",
        "new.img.partial",
        "--size",
        "16M",
        "-o",
        "other.img",
    ];
    let _ = program
        .run(&half)
        .failed(3)
        .saying(&["new.img.partial", "not an ext2, ext3 or ext4 file system"]);
    let _ = program.run(&RESIZE).succeeded();
    assert!(!program.path("new.img.partial").exists());
    tool(
        "/sbin/e2fsck",
        &["-fn", program.path("new.img").to_str().unwrap()],
    );
    assert!(fs_err::read(&image).unwrap() == before);
}

#[test]
fn a_whole_disk_is_bundled_without_kernel_and_ramdisk() {
    let program = Program::with_keys();
    whole_disk(&program, "disk.img", &root(&program));
    let checked = program.json(&["check", "disk.img", "--hvm", "--arch", "i386"]);
    assert_eq!(ids(&checked), ["shell-history"]);
    let found = program.json(&["inspect", "disk.img"]);
    assert_eq!(
        (&found["format"], &found["architecture"]),
        (&"partitioned disk".into(), &"i386".into())
    );
    let bundle = ["bundle", "disk.img", "--arch", "i386", "-d", "out"];
    let outcome = program.run(&bundle).succeeded();
    assert!(!outcome.stderr.contains("partition-table"), "{outcome:?}");
    let with_kernel = [
        "bundle",
        "disk.img",
        "--arch",
        "i386",
        "-d",
        "other",
        "--kernel",
        "eki-90461381",
    ];
    let _ = program
        .run(&with_kernel)
        .succeeded()
        .saying(&["partition-table"]);
    let register = [
        "register",
        "bucket/key",
        "--virtualization-type",
        "hvm",
        "--kernel",
        "eki-90461381",
    ];
    let _ = program
        .run(&register)
        .failed(2)
        .saying(&["without kernel and ramdisk"]);
    let _ = program
        .run(&["resize", "disk.img", "--size", "32M", "-o", "new.img"])
        .succeeded();
    let grown = program.json(&["inspect", "new.img"]);
    assert_eq!(grown["details"]["partitions"][0]["length"], 31 * MIB);
}

#[test]
fn a_tarball_is_listed_and_unpacked_and_a_cut_one_is_neither() {
    let program = Program::new();
    let image = root(&program);
    let top = program.path("euca-centos-5.3-i386");
    fs_err::create_dir_all(top.join("kvm-kernel")).unwrap();
    fs_err::copy(&image, top.join("centos.5-3.x86.img")).unwrap();
    let mut ramdisk = b"070701".to_vec();
    ramdisk.extend(patterned(2000, 1));
    fs_err::write(top.join("kvm-kernel/initrd.img"), ramdisk).unwrap();
    let folder = program.folder().to_str().unwrap();
    let tarball = program.path("images.tar.gz");
    let options = ["--sparse", "-czf", tarball.to_str().unwrap(), "-C", folder];
    tool(
        "tar",
        &[&options, ["euca-centos-5.3-i386"].as_slice()].concat(),
    );

    let listed = program.json(&["inspect", "images.tar.gz"]);
    assert_eq!(listed["disks"][0]["architecture"], "i386");
    assert_eq!(listed["disks"][0]["size"], 8 * MIB);
    assert_eq!(listed["pairs"][0]["hypervisor"], "kvm");
    let folder = program.json(&["inspect", "euca-centos-5.3-i386"]);
    assert_eq!(folder["disks"][0]["details"], listed["disks"][0]["details"]);

    let unpack = ["unpack", "images.tar.gz", "-d", "out"];
    let unpacked = program.json(&unpack);
    assert_eq!(unpacked["files"].as_array().unwrap().len(), 2);
    let copy = program.path("out/euca-centos-5.3-i386/centos.5-3.x86.img");
    assert!(fs_err::read(copy).unwrap() == fs_err::read(&image).unwrap());
    refused(&program, &unpack, "images.tar.gz", &["exists"]);

    let bytes = fs_err::read(&tarball).unwrap();
    fs_err::write(&tarball, &bytes[..bytes.len() - 100]).unwrap();
    fs_err::create_dir(program.path("other")).unwrap();
    let unpack = ["unpack", "images.tar.gz", "-d", "other"];
    refused(
        &program,
        &unpack,
        "images.tar.gz",
        &["images.tar.gz", "damaged"],
    );
    refused(
        &program,
        &["inspect", "images.tar.gz"],
        "images.tar.gz",
        &["damaged"],
    );
    assert!(Program::files(&program.path("other")).is_empty());
}
