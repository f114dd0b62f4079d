//! Ramdisks as initramfs-tools and the compressors of the system make them; `tests/ramdisks/make.sh` made the committed ones.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use gumnut_disk_image::{Compression, Content, Ramdisk, inspect};
use proptest::prelude::*;

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

fn made(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ramdisks")).join(name)
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
fn what_linux_unpacks_is_read() {
    use Compression::{Bzip2, Gzip, Lz4Legacy, Lzma, Lzop, Xz, Zstd};
    let one = ["one"].as_slice();
    let two = ["one", "two"].as_slice();
    let three = ["one", "three", "two"].as_slice();
    for (name, archives, releases) in [
        ("crc.img", [None].as_slice(), one),
        ("no-trailer.img", &[None], one),
        ("gzip.img", &[Some(Gzip)], one),
        ("bzip2.img", &[Some(Bzip2)], one),
        ("lzma.img", &[Some(Lzma)], one),
        ("xz.img", &[Some(Xz)], one),
        ("lzop.img", &[Some(Lzop)], one),
        ("lz4.img", &[Some(Lz4Legacy)], one),
        ("zstd.img", &[Some(Zstd)], one),
        ("microcode-lz4.img", &[None, Some(Lz4Legacy)], one),
        ("microcode-zstd.img", &[None, Some(Zstd)], one),
        ("gzip-gzip.img", &[Some(Gzip), Some(Gzip)], two),
        ("mixed.img", &[Some(Gzip), Some(Xz), Some(Lzop)], three),
        (
            "lz4-bzip2-lzma.img",
            &[Some(Lz4Legacy), Some(Bzip2), Some(Lzma)],
            three,
        ),
    ] {
        let Content::Ramdisk(ramdisk) = inspect(&made(name)).unwrap().content else {
            panic!("{name}")
        };
        assert_eq!(ramdisk.problem, None, "{name}");
        assert_eq!(ramdisk.not_read, None, "{name}");
        assert_eq!(ramdisk.archives, archives, "{name}");
        assert_eq!(ramdisk.compression, archives[0], "{name}");
        assert_eq!(ramdisk.module_versions, releases, "{name}");
    }
}

#[test]
fn what_linux_does_not_unpack_is_said_and_read_as_far_as_it_can_be() {
    for (name, problem, releases) in [
        ("lz4-frame.img", "lz4 -l", ["one"].as_slice()),
        ("xz-crc64.img", "--check=crc32", &["one"]),
        ("lzip.img", "lzip", &["one"]),
        ("lz4-gzip.img", "four zeros", &["one"]),
        ("unaligned.img", "multiple of 4", &["one"]),
        ("trailing.img", "other data than archives", &["one"]),
        ("cut.img", "truncated", &["one"]),
        ("odc.img", "newc", &[]),
    ] {
        let ramdisk = Ramdisk::read(fs_err::File::open(made(name)).unwrap());
        let found = ramdisk.problem.unwrap_or_default();
        assert!(found.contains(problem), "{name}: {found}");
        assert_eq!(ramdisk.module_versions, releases, "{name}");
    }
}

#[test]
fn the_modules_are_found_behind_every_compression() {
    let plain = cpio("lib/modules/2.6.28-11-server/modules.dep");
    for (program, arguments, compression) in [
        ("gzip", ["-9"].as_slice(), Compression::Gzip),
        ("bzip2", &["-9"], Compression::Bzip2),
        ("xz", &["--check=crc32"], Compression::Xz),
        ("xz", &["--format=lzma"], Compression::Lzma),
        ("lz4", &["-lq"], Compression::Lz4Legacy),
        ("zstd", &["-q", "-19"], Compression::Zstd),
    ] {
        let packed = through(program, arguments, &plain);
        for bytes in [packed.clone(), [packed.as_slice(), &packed].concat()] {
            let ramdisk = read(&bytes);
            assert_eq!(ramdisk.compression, Some(compression));
            assert_eq!(ramdisk.module_versions, ["2.6.28-11-server"]);
            assert_eq!(ramdisk.problem, None);
        }
        let cut = Ramdisk::read(&packed[..packed.len() - 9]);
        assert!(cut.problem.is_some(), "{program} {arguments:?}");
    }
}

#[test]
fn the_archives_of_gnu_cpio_are_read_in_both_forms() {
    let folder = tempfile::tempdir().unwrap();
    fs_err::create_dir_all(folder.path().join("usr/lib/modules/6.1.0-50")).unwrap();
    fs_err::write(folder.path().join("init"), "#!/bin/sh\n").unwrap();
    for form in ["newc", "crc"] {
        let pack = format!("find . | cpio --quiet -o -H {form}");
        let output = Command::new("sh")
            .args(["-c", &pack])
            .current_dir(folder.path())
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "apt-get install cpio: {stderr}");
        let ramdisk = read(&output.stdout);
        assert_eq!(ramdisk.module_versions, ["6.1.0-50"]);
        assert_eq!(ramdisk.problem, None);
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

#[test]
fn a_ramdisk_that_grows_beyond_all_bounds_is_left() {
    // One member of 4 GiB less one byte, of which the compressed zeroes make 1.5 GiB.
    let mut bytes = cpio("lib/modules/six/big");
    bytes.truncate(bytes.len() - 124);
    bytes[54..62].copy_from_slice(b"fffffff0");
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut zstd = Command::new("zstd")
        .args(["-q", "-1", "-c"])
        .stdin(Stdio::piped())
        .stdout(file.reopen().unwrap())
        .spawn()
        .unwrap();
    let mut input = zstd.stdin.take().unwrap();
    input.write_all(&bytes).unwrap();
    for _ in 0..96 {
        input.write_all(&vec![0; 16 << 20]).unwrap();
    }
    drop(input);
    assert!(zstd.wait().unwrap().success());
    let ramdisk = Ramdisk::read(file.reopen().unwrap());
    assert_eq!(ramdisk.module_versions, ["six"]);
    assert_eq!(ramdisk.problem, None);
    assert!(ramdisk.not_read.unwrap().contains("1 GiB"));
}

/// A piece of a ramdisk: what an archive can be packed with, or zeroes.
#[derive(Clone, Debug)]
enum Piece {
    Archive(&'static str, &'static [&'static str]),
    Zeros(usize),
}

fn piece() -> impl Strategy<Value = Piece> {
    prop_oneof![
        prop::sample::select(vec![
            Piece::Archive("cat", &[]),
            Piece::Archive("gzip", &["-n"]),
            Piece::Archive("bzip2", &[]),
            Piece::Archive("xz", &["--check=crc32"]),
            Piece::Archive("xz", &["--format=lzma"]),
            Piece::Archive("zstd", &["-q"]),
        ]),
        (0_usize..3).prop_map(|count| Piece::Zeros(count * 4)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_row_of_archives_is_read(pieces in prop::collection::vec(piece(), 1..6)) {
        let mut bytes = Vec::new();
        let mut releases = Vec::new();
        for (index, piece) in pieces.iter().enumerate() {
            match piece {
                Piece::Zeros(count) => bytes.resize(bytes.len() + count, 0),
                Piece::Archive(program, arguments) => {
                    if *program == "cat" {
                        bytes.resize(bytes.len().next_multiple_of(4), 0);
                    }
                    let release = format!("{index}-release");
                    let plain = cpio(&format!("lib/modules/{release}/modules.dep"));
                    bytes.extend(through(program, arguments, &plain));
                    releases.push(release);
                }
            }
        }
        let ramdisk = Ramdisk::read(bytes.as_slice());
        prop_assert_eq!(ramdisk.problem, None);
        prop_assert_eq!(ramdisk.module_versions, releases);
    }

    #[test]
    fn no_change_of_a_byte_makes_it_panic(
        name in prop::sample::select(vec!["mixed.img", "lz4-bzip2-lzma.img", "microcode-zstd.img", "lz4-frame.img", "lzip.img"]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = fs_err::read(made(name)).unwrap();
        for (index, value) in changes {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        let ramdisk = Ramdisk::read(bytes.as_slice());
        prop_assert!(ramdisk.module_versions.len() <= 64);
    }
}
