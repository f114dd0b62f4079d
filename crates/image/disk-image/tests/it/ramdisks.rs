//! Ramdisks as initramfs-tools and the compressors of the system make them.

use std::io::Write;
use std::process::{Command, Stdio};

use gumnut_disk_image::{Compression, Content, Ramdisk, inspect};

/// A newc archive with one empty file of this name.
pub(crate) fn cpio(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for name in [name, "TRAILER!!!"] {
        let fields = [1, 0o644, 0, 0, 1, 0, 0, 0, 0, 0, 0, name.len() + 1, 0];
        bytes.extend(b"070701");
        bytes.extend(
            fields
                .iter()
                .flat_map(|field| format!("{field:08x}").into_bytes()),
        );
        bytes.extend(name.bytes().chain([0]));
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    bytes
}

/// What a program makes of its standard input.
fn through(program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{program}");
    output.stdout
}

fn read(bytes: &[u8]) -> Ramdisk {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs_err::write(file.path(), bytes).unwrap();
    match inspect(file.path()).unwrap().content {
        Content::Ramdisk(ramdisk) => ramdisk,
        other => panic!("{other}"),
    }
}

#[test]
fn the_modules_are_found_behind_every_compression() {
    let plain = cpio("lib/modules/2.6.28-11-server/modules.dep");
    for (program, arguments, compression) in [
        ("gzip", ["-9"].as_slice(), Compression::Gzip),
        ("xz", &["--check=crc32"], Compression::Xz),
        ("zstd", &["-q", "-19"], Compression::Zstd),
    ] {
        let packed = through(program, arguments, &plain);
        for bytes in [packed.clone(), [packed.as_slice(), &packed].concat()] {
            let ramdisk = read(&bytes);
            assert_eq!(ramdisk.compression, Some(compression));
            assert_eq!(ramdisk.module_versions, ["2.6.28-11-server"]);
            assert_eq!(ramdisk.problem, None);
        }
        let cut = read_or_none(&packed[..packed.len() - 9]);
        assert!(
            cut.is_none_or(|ramdisk| ramdisk.problem.is_some()),
            "{program}"
        );
    }
}

fn read_or_none(bytes: &[u8]) -> Option<Ramdisk> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs_err::write(file.path(), bytes).unwrap();
    match inspect(file.path()).unwrap().content {
        Content::Ramdisk(ramdisk) => Some(ramdisk),
        _ => None,
    }
}

#[test]
fn microcode_may_come_first() {
    let mut bytes = cpio("kernel/x86/microcode/GenuineIntel.bin");
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes.extend(through(
        "zstd",
        &["-q"],
        &cpio("usr/lib/modules/6.1.0-50-cloud-amd64/kernel/x.ko"),
    ));
    let ramdisk = read(&bytes);
    assert_eq!(ramdisk.compression, None);
    assert_eq!(ramdisk.module_versions, ["6.1.0-50-cloud-amd64"]);
    assert_eq!(ramdisk.problem, None);
}
