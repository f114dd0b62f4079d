//! Streams as the programs of each compression write them.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{self, Read, Write};
use std::process::{Command, Stdio};
use std::thread;

use gumnut_compression::{Compression, Decompressed, Member};
use proptest::prelude::*;

/// Programs that compress their standard input. `lzip` is no part of a usual system.
const PROGRAMS: [(Compression, &str, &[&str]); 10] = [
    (Compression::Gzip, "gzip", &["-c"]),
    (Compression::Bzip2, "bzip2", &["-c"]),
    (Compression::Lzma, "xz", &["--format=lzma", "-c"]),
    (Compression::Xz, "xz", &["-c"]),
    (Compression::Lzop, "lzop", &["-c"]),
    (Compression::Lzop, "lzop", &["-9", "--crc32", "-c"]),
    (Compression::Lz4Legacy, "lz4", &["-lqc"]),
    (Compression::Lz4Frame, "lz4", &["-qc"]),
    (Compression::Lz4Frame, "lz4", &["-qcBD", "--content-size"]),
    (Compression::Zstd, "zstd", &["-qc"]),
];

fn pack(program: &str, arguments: &[&str], plain: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program} (cargo xtask setup): {error}"));
    let mut input = child.stdin.take().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || input.write_all(plain).unwrap());
        let mut packed = Vec::new();
        let mut output = child.stdout.take().unwrap();
        output.read_to_end(&mut packed).unwrap();
        assert!(child.wait().unwrap().success(), "{program}");
        packed
    })
}

/// Bytes of which a half repeats.
fn plain(length: usize) -> Vec<u8> {
    let mut state = 7_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..length)
        .map(|index| if index % 64 < 32 { 7 } else { next() })
        .collect()
}

fn unpack(compression: Compression, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    Decompressed::new(compression, bytes)?.read_to_end(&mut out)?;
    Ok(out)
}

#[test]
fn every_program_is_recognised_and_read() {
    for (compression, program, arguments) in PROGRAMS {
        // More than a block of any of them, but of lz4's old form.
        for length in [0, 1, 1000, 600_000] {
            let plain = plain(length);
            let packed = pack(program, arguments, &plain);
            let told = Compression::recognise(&packed);
            assert_eq!(told, Some(compression), "{program} {arguments:?}");
            let out = unpack(compression, &packed).unwrap();
            assert!(out == plain, "{program} {arguments:?} {length}");
        }
    }
}

#[test]
fn members_one_after_another_are_one_stream_and_zeroes_are_its_end() {
    let plain = plain(70_000);
    for (compression, program, arguments) in PROGRAMS {
        let packed = pack(program, arguments, &plain);
        let padded = [packed.as_slice(), &[0; 1027]].concat();
        assert!(unpack(compression, &padded).unwrap() == plain, "{program}");
        if compression == Compression::Lzma {
            continue;
        }
        let twice = [packed.as_slice(), &packed].concat();
        let expected = [plain.as_slice(), &plain].concat();
        assert!(
            unpack(compression, &twice).unwrap() == expected,
            "{program}"
        );
    }
}

#[test]
fn what_follows_and_is_no_member_is_an_error() {
    for (compression, program, arguments) in PROGRAMS {
        let packed = pack(program, arguments, b"hello");
        for junk in [b"junk and more of it".as_slice(), b"\0\0\0\0\0\0\0\0junk"] {
            let bytes = [packed.as_slice(), junk].concat();
            let error = unpack(compression, &bytes);
            assert!(error.is_err(), "{program} {arguments:?}: {error:?}");
        }
    }
}

#[test]
fn a_member_leaves_what_is_behind_it() {
    for (compression, program, arguments) in PROGRAMS {
        if compression == Compression::Lz4Legacy {
            continue;
        }
        let packed = pack(program, arguments, &plain(300_000));
        let bytes = [packed.as_slice(), b"\x1f behind"].concat();
        let mut member = Member::new(compression, bytes.as_slice()).unwrap();
        io::copy(&mut member, &mut io::sink()).unwrap();
        assert_eq!(member.into_inner(), b"\x1f behind", "{program}");
    }
}

#[test]
fn several_blocks_of_the_old_lz4_are_read() {
    let plain = plain(9_000_000);
    let packed = pack("lz4", &["-lqc"], &plain);
    assert!(unpack(Compression::Lz4Legacy, &packed).unwrap() == plain);
}

#[test]
fn the_old_lz4_ends_before_four_zeroes() {
    let packed = pack("lz4", &["-lqc"], b"hello");
    let bytes = [packed.as_slice(), &[0; 4], b"behind"].concat();
    let mut member = Member::new(Compression::Lz4Legacy, bytes.as_slice()).unwrap();
    let mut out = Vec::new();
    member.read_to_end(&mut out).unwrap();
    assert_eq!(
        (out.as_slice(), member.into_inner()),
        (b"hello".as_slice(), b"behind".as_slice())
    );
}

#[test]
fn a_stream_that_was_cut_is_an_error() {
    let plain = plain(600_000);
    for (compression, program, arguments) in PROGRAMS {
        let packed = pack(program, arguments, &plain);
        for part in 1..40 {
            let cut = &packed[..packed.len() * part / 40];
            let out = unpack(compression, cut);
            assert!(out.is_err(), "{program} {arguments:?} at {}", cut.len());
        }
    }
}

#[test]
fn a_frame_of_lz4_that_was_cut_between_blocks_is_an_error() {
    let packed = pack("lz4", &["-qcB4", "--no-frame-crc"], &plain(200_000));
    // Without the mark of its end.
    let error = unpack(Compression::Lz4Frame, &packed[..packed.len() - 4]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}

#[test]
fn a_dictionary_of_more_memory_than_allowed_is_refused() {
    // A header of lzma that asks for 1 GiB.
    let mut bytes = pack("xz", &["--format=lzma", "-c"], b"hello");
    bytes[1..5].copy_from_slice(&(1_u32 << 30).to_le_bytes());
    assert!(unpack(Compression::Lzma, &bytes).is_err());
    // A zstd frame with a window of 2 GiB.
    let window = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0xA8, 1, 0, 0];
    assert!(unpack(Compression::Zstd, &window).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn any_bytes_come_back(
        bytes in prop::collection::vec(prop_oneof![3 => 0_u8..4, 1 => any::<u8>()], 0..40_000),
    ) {
        for (compression, program, arguments) in PROGRAMS {
            let packed = pack(program, arguments, &bytes);
            prop_assert!(unpack(compression, &packed).unwrap() == bytes, "{}", program);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn no_bytes_make_a_member_panic_or_run_away(
        index in 0..PROGRAMS.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let (compression, program, arguments) = PROGRAMS[index];
        let mut packed = pack(program, arguments, &plain(3000));
        for (at, value) in changes {
            let at = at.index(packed.len());
            packed[at] = value;
        }
        let mut member = Member::new(compression, packed.as_slice()).unwrap().take(1 << 26);
        let _ = io::copy(&mut member, &mut io::sink());
    }

    #[test]
    fn random_bytes_are_read_or_refused(bytes: Vec<u8>) {
        for compression in Compression::ALL {
            let _ = Decompressed::new(compression, bytes.as_slice())
                .and_then(|stream| io::copy(&mut stream.take(1 << 20), &mut io::sink()));
        }
    }
}
