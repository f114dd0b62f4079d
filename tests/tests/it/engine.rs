//! What the engine promises of every level and every content, judged by programs that know nothing of it.

use std::io::{BufReader, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use flate2::bufread::GzDecoder;
use fs_err::File;
use gumnut_tests::{Program, patterned, tool};

const KEY: &str = "00112233445566778899aabbccddeeff";
const IV: &str = "ffeeddccbbaa99887766554433221100";

/// A program with a key and an iv in files.
fn with_secrets() -> Program {
    let program = Program::with_keys();
    program.write("key", KEY);
    program.write("iv", format!("{IV}\n"));
    program
}

fn bundle(program: &Program, image: &str, folder: &str, more: &[&str]) {
    let fixed = [
        "bundle", image, "-d", folder, "--arch", "x86_64", "--key", "key", "--iv", "iv",
    ];
    let _ = program.run(&[&fixed, more].concat()).succeeded();
}

/// Decrypts the parts with openssl alone, into a file.
fn decrypt(program: &Program, image: &str, folder: &str) {
    let script = format!(
        "cd '{}' && cat {folder}/{image}.part.* | openssl enc -d -aes-128-cbc -K {KEY} -iv {IV} > {folder}.gz",
        program.folder().display()
    );
    tool("bash", &["-o", "pipefail", "-c", &script]);
}

fn in_folder(program: &Program, script: &str) {
    let script = format!("cd '{}' && {script}", program.folder().display());
    tool("bash", &["-o", "pipefail", "-c", &script]);
}

/// What the first member of a gzip file holds, and how many bytes stand behind it.
fn first_member(path: &Path) -> (u64, u64) {
    let mut reader = GzDecoder::new(BufReader::new(File::open(path).unwrap()));
    let held = std::io::copy(&mut reader, &mut std::io::sink()).unwrap();
    let mut behind = Vec::new();
    reader.into_inner().read_to_end(&mut behind).unwrap();
    (held, behind.len() as u64)
}

/// Noise, text and zeros, a few MiB that are no whole number of blocks.
fn mixed() -> Vec<u8> {
    let mut bytes = patterned(1_500_000, 3);
    bytes.extend(b"kernel /boot/vmlinuz-2.6.24-19-xen root=/dev/sda1 ro\n".repeat(20_000));
    bytes.resize(5_000_001, 0);
    bytes.extend(patterned(70_000, 4));
    bytes
}

#[test]
fn every_level_and_content_is_one_member_that_gzip_and_tar_open() {
    let program = with_secrets();
    program.write("mixed.img", mixed());
    program.write("noise.img", patterned(3_000_000, 9));
    program.write("zeros.img", vec![0; 3 << 20]);
    program.write("tiny.img", b"\x01");
    let all = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    let some = ["0", "fast", "best"];
    for (image, levels) in [
        ("mixed.img", &all[..]),
        ("noise.img", &some),
        ("zeros.img", &some),
        ("tiny.img", &some),
    ] {
        for level in levels {
            let folder = format!("{image}-{level}");
            bundle(
                &program,
                image,
                &folder,
                &["--level", level, "--part-size", "1MiB"],
            );
            decrypt(&program, image, &folder);
            in_folder(
                &program,
                &format!("gzip -dc {folder}.gz | tar xO | cmp - {image}"),
            );
            let (held, behind) = first_member(&program.path(&format!("{folder}.gz")));
            let size = fs_err::metadata(program.path(image)).unwrap().len();
            assert!(held > size, "{folder}: {held}");
            assert_eq!(behind, 0, "{folder}: there is data after the first member");
        }
    }
}

#[test]
fn noise_grows_by_less_than_a_thousandth() {
    let program = with_secrets();
    program.write("noise.img", patterned(4 << 20, 1));
    for level in ["0", "1", "5", "9"] {
        bundle(&program, "noise.img", level, &["--level", level]);
        let size: u64 = fs_err::metadata(program.path(&format!("{level}/noise.img.part.00")))
            .unwrap()
            .len();
        assert!(
            size < (4 << 20) + (4 << 10) + 10_240,
            "level {level}: {size}"
        );
    }
}

#[test]
fn equal_secrets_give_equal_parts_whatever_the_number_of_jobs() {
    let program = with_secrets();
    program.write("mixed.img", mixed());
    for jobs in ["1", "2", "5"] {
        bundle(
            &program,
            "mixed.img",
            jobs,
            &["--jobs", jobs, "--part-size", "1MiB"],
        );
    }
    bundle(&program, "mixed.img", "again", &["--part-size", "1MiB"]);
    for part in 0..2 {
        let read = |folder: &str| {
            fs_err::read(program.path(&format!("{folder}/mixed.img.part.{part:02}"))).unwrap()
        };
        for folder in ["2", "5", "again"] {
            assert!(read(folder) == read("1"), "part {part} of {folder}");
        }
    }
}

#[test]
fn a_sparse_bundle_is_restored_by_gnu_tar_and_python_and_gumnut() {
    let program = with_secrets();
    let image = File::create(program.path("disk.img")).unwrap();
    image.set_len(40 << 20).unwrap();
    // More ranges than a header has room for, so that the map continues in further headers.
    for number in 0..60 {
        let bytes = patterned(5000, number);
        image
            .file()
            .write_all_at(&bytes, number * (600 << 10))
            .unwrap();
    }
    bundle(&program, "disk.img", "b", &["--sparse"]);
    decrypt(&program, "disk.img", "b");
    in_folder(
        &program,
        "mkdir t && gzip -dc b.gz > b.tar && tar xf b.tar -C t && cmp t/disk.img disk.img",
    );
    let script = "python3 -c 'import tarfile; tarfile.open(\"b.tar\").extractall(\"p\")' && cmp p/disk.img disk.img";
    in_folder(&program, script);
    let _ = program
        .run(&["unbundle", "b/disk.img.manifest.xml", "-o", "back.img"])
        .succeeded();
    in_folder(&program, "cmp back.img disk.img");
    let stream = fs_err::metadata(program.path("b.tar")).unwrap().len();
    assert!(stream < 4 << 20, "the holes are in the stream: {stream}");
}

#[test]
fn an_image_goes_to_a_pipe_only_if_its_reader_waits_for_the_verdict() {
    let program = with_secrets();
    let image = program.write("disk.img", mixed());
    bundle(&program, "disk.img", "b", &[]);
    let manifest = "b/disk.img.manifest.xml";
    let _ = program
        .run(&["unbundle", manifest, "--stdout"])
        .failed(2)
        .saying(&["--unverified-stream"]);
    let stream = ["unbundle", manifest, "--stdout", "--unverified-stream"];
    let _ = program
        .run(&[&stream[..], &["--json"]].concat())
        .failed(2)
        .saying(&["--json"]);
    let _ = program.run(&[&stream[..], &["-o", "x"]].concat()).failed(2);

    let streamed = program.command(&stream).output().unwrap();
    assert!(streamed.status.success());
    assert!(streamed.stdout == fs_err::read(image).unwrap());

    let part = program.path("b/disk.img.part.00");
    let mut bytes = fs_err::read(&part).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs_err::write(&part, bytes).unwrap();
    let damaged = program.command(&stream).output().unwrap();
    assert_eq!(damaged.status.code(), Some(3));
    let said = String::from_utf8(damaged.stderr).unwrap();
    assert!(said.contains("disk.img.part.00"), "{said}");
}

#[test]
fn secrets_come_from_files_of_their_digits_alone() {
    let program = with_secrets();
    program.write("disk.img", patterned(1000, 1));
    program.write("short", &KEY[1..]);
    let arguments = ["bundle", "disk.img", "--arch", "i386", "--key", "short"];
    let _ = program.run(&arguments).failed(2).saying(&["--iv"]);
    let outcome = program
        .run(&[&arguments[..], &["--iv", "iv"]].concat())
        .failed(3);
    assert!(!outcome.stderr.contains(&KEY[1..]), "{}", outcome.stderr);
    assert!(!program.path("disk.img.manifest.xml").exists());
}
