//! Tar streams of many members: GNU tar writes them, and strangers damage them.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::LazyLock;

use gumnut_archive::{ArchiveError, Entry, Piece, read_members};
use proptest::prelude::*;

use crate::image::MAP_LIMIT;
use crate::programs::run;

/// The files with their contents, and the kinds of everything else.
type Members = (Vec<(String, Vec<u8>)>, Vec<char>);

/// Holes beyond this are not expanded here.
const MOST: u64 = 1 << 22;

fn members(stream: &[u8]) -> Result<Members, ArchiveError> {
    let mut members = Members::default();
    read_members(stream, MAP_LIMIT, |entry| {
        match entry {
            Entry::File(reader) => {
                let name = String::from_utf8_lossy(reader.name()).into_owned();
                let mut content = Vec::new();
                while let Some(piece) = reader.next_piece()? {
                    match piece {
                        Piece::Data(bytes) => content.extend_from_slice(bytes),
                        Piece::Hole(len) => {
                            let len = usize::try_from(len.min(MOST)).unwrap();
                            content.resize(content.len() + len, 0);
                        }
                    }
                }
                members.0.push((name, content));
            }
            Entry::Other { kind, .. } => members.1.push(kind),
        }
        Ok::<(), ArchiveError>(())
    })?;
    Ok(members)
}

/// A directory with a link, an empty file, a short one and one with holes, as GNU tar packs it.
fn packed(options: &[&str]) -> (Vec<u8>, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let top = folder.path().join("top");
    fs_err::create_dir_all(top.join("in")).unwrap();
    fs_err::write(top.join("empty"), b"").unwrap();
    fs_err::write(top.join("in").join("n".repeat(120)), b"short").unwrap();
    std::os::unix::fs::symlink("empty", top.join("link")).unwrap();
    let sparse = File::create_new(top.join("sparse")).unwrap();
    // More islands than fit into a header.
    for island in 0..30 {
        sparse.write_all_at(b"island", island << 16).unwrap();
    }
    sparse.set_len(1 << 21).unwrap();
    let content = fs_err::read(top.join("sparse")).unwrap();
    let arguments = [options, &["--sort=name", "-cf", "-", "top"]].concat();
    (run(folder.path(), "tar", &arguments, b""), content)
}

const FORMS: [&[&str]; 4] = [
    &["--format=gnu"],
    &["--format=posix"],
    &["--format=gnu", "--sparse"],
    &["--format=posix", "--sparse"],
];

#[test]
fn every_member_of_gnu_tar_is_read_in_every_form() {
    for form in FORMS {
        let (stream, sparse) = packed(form);
        let (files, others) = members(&stream).unwrap();
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        let long = format!("top/in/{}", "n".repeat(120));
        assert_eq!(names, ["top/empty", &long, "top/sparse"], "{form:?}");
        assert_eq!(files[1].1, b"short");
        assert!(files[2].1 == sparse, "{form:?}");
        assert_eq!(others, ['5', '5', '2']);
    }
}

#[test]
fn sparse_versions_that_are_not_read_are_refused() {
    for version in ["0.0", "0.1"] {
        let option = format!("--sparse-version={version}");
        let (stream, _) = packed(&["--format=posix", "--sparse", &option]);
        let error = members(&stream).unwrap_err();
        assert!(matches!(error, ArchiveError::PaxSparse { .. }), "{error}");
    }
}

#[test]
fn a_stream_that_ends_anywhere_before_its_mark_is_cut() {
    for form in FORMS {
        let (stream, _) = packed(form);
        let (files, others) = members(&stream).unwrap();
        // Everything up to the two records of zeros, which tar pads to 10 KiB.
        let end = stream.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        assert!(files.len() + others.len() == 6);
        for length in (512..end).step_by(1536) {
            let error = members(&stream[..length]).unwrap_err();
            assert!(
                matches!(error, ArchiveError::TarCut),
                "{form:?} {length}: {error}"
            );
        }
    }
}

#[test]
fn files_that_nobody_reads_are_passed_over() {
    let (stream, _) = packed(&["--format=posix", "--sparse"]);
    let mut count = 0;
    read_members(stream.as_slice(), MAP_LIMIT, |_| {
        count += 1;
        Ok::<(), ArchiveError>(())
    })
    .unwrap();
    assert_eq!(count, 6);
}

static PACKED: LazyLock<Vec<Vec<u8>>> =
    LazyLock::new(|| FORMS.iter().map(|form| packed(form).0).collect());

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        let _ = members(&bytes);
    }

    #[test]
    fn no_damage_makes_it_panic(
        form in 0..FORMS.len(),
        flips in proptest::collection::vec((0_usize..20_000, any::<u8>()), 1..8),
    ) {
        let mut stream = PACKED[form].clone();
        for (offset, value) in flips {
            let offset = offset % stream.len();
            stream[offset] = value;
        }
        let _ = members(&stream);
    }
}
