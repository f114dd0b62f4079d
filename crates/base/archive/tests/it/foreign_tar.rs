//! Tar streams made and read by GNU tar.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use gumnut_archive::{ArchiveError, BlockReader, MemberReader, SegmentBlocks, TarStream, data_map};
use proptest::prelude::*;

use crate::image::{MAP_LIMIT, mixed, noise, tar, untar};
use crate::programs::run;

fn gnu_tar(folder: &Path, arguments: &[&str], files: &[&str]) -> Vec<u8> {
    let all = [&["-c", "-f", "-"], arguments, files].concat();
    run(folder, "tar", &all, b"")
}

fn folder_with(name: &str, contents: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let file = File::create_new(folder.path().join(name)).unwrap();
    file.write_all_at(contents, 0).unwrap();
    folder
}

#[test]
fn gnu_tar_reads_what_we_write() {
    let image = mixed();
    let long = "n".repeat(200);
    for name in ["centos-5.3", &long] {
        let stream = tar(name, &image);
        let here = Path::new(".");
        let listing = run(here, "tar", &["--utc", "-tvf", "-"], &stream);
        let listing = String::from_utf8(listing).unwrap();
        let fields: Vec<&str> = listing.split_whitespace().collect();
        let size = image.len().to_string();
        assert_eq!(
            fields,
            ["-rw-r--r--", "0/0", &size, "1970-01-01", "00:00", name]
        );
        assert!(run(here, "tar", &["-xOf", "-"], &stream) == image);
    }
}

#[test]
fn every_format_of_gnu_tar_is_read() {
    let image = noise(70_001, 5);
    let long = "long-".repeat(30);
    for name in ["image", &long] {
        let folder = folder_with(name, &image);
        for format in ["gnu", "oldgnu", "posix", "ustar", "v7"] {
            if name.len() > 99 && matches!(format, "ustar" | "v7") {
                continue;
            }
            let stream = gnu_tar(folder.path(), &["--format", format], &[name]);
            assert!(untar(&stream).unwrap() == (image.clone(), 0), "{format}");
            let member = MemberReader::open(&*stream, MAP_LIMIT).unwrap();
            assert_eq!(member.name(), name.as_bytes(), "{format}");
        }
    }
}

#[test]
fn what_is_no_single_file_is_refused() {
    let folder = folder_with("image", &noise(1000, 5));
    let path = folder.path();
    File::create_new(path.join("empty")).unwrap();
    std::os::unix::fs::symlink("image", path.join("link")).unwrap();
    let error =
        |arguments: &[&str], files: &[&str]| untar(&gnu_tar(path, arguments, files)).unwrap_err();
    assert!(matches!(
        error(&[], &["link"]),
        ArchiveError::TarType { kind: '2' }
    ));
    assert!(matches!(
        error(&[], &["."]),
        ArchiveError::TarType { kind: '5' }
    ));
    assert!(matches!(
        error(&["--format", "v7"], &["."]),
        ArchiveError::TarType { kind: '5' }
    ));
    assert!(matches!(
        error(&[], &["image", "empty"]),
        ArchiveError::SecondMember
    ));
    assert!(matches!(
        error(&["--files-from", "empty"], &[]),
        ArchiveError::NoMember
    ));
}

/// A file of `size` bytes with data at the given places only.
fn sparse_file(islands: &[(u64, &[u8])], size: u64) -> (tempfile::TempDir, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let file = File::create_new(folder.path().join("image")).unwrap();
    file.set_len(size).unwrap();
    let mut image = vec![0; usize::try_from(size).unwrap()];
    for (offset, bytes) in islands {
        file.write_all_at(bytes, *offset).unwrap();
        let start = usize::try_from(*offset).unwrap();
        image[start..start + bytes.len()].copy_from_slice(bytes);
    }
    (folder, image)
}

#[test]
fn sparse_members_are_expanded() {
    let data = noise(5000, 9);
    // 60 islands need two extension blocks.
    for count in [0, 1, 4, 5, 26, 60] {
        let islands: Vec<(u64, &[u8])> = (0..count).map(|i| (i * 65_536 + 8192, &*data)).collect();
        let (folder, image) = sparse_file(&islands, (4 << 20) + 321);
        let stream = gnu_tar(folder.path(), &["--sparse", "--format", "gnu"], &["image"]);
        assert_eq!(stream[156], b'S');
        let (restored, holes) = untar(&stream).unwrap();
        assert!(restored == image, "{count} islands");
        assert!(
            holes >= (4 << 20) - count * 12_288,
            "{count} islands: {holes} bytes of holes"
        );
    }
}

#[test]
fn our_sparse_members_are_restored_by_gnu_tar() {
    let data = noise(5000, 9);
    for count in [0, 1, 4, 5, 26, 60] {
        let islands: Vec<(u64, &[u8])> = (0..count).map(|i| (i * 65_536 + 8192, &*data)).collect();
        let (folder, image) = sparse_file(&islands, (4 << 20) + 321);
        let file = fs_err::File::open(folder.path().join("image")).unwrap();
        let map = data_map(file.file(), image.len() as u64).unwrap();
        let blocks = SegmentBlocks::new(file.file(), &map);
        let mut stream = Vec::new();
        let tar = TarStream::sparse(&"disk".parse().unwrap(), &map, blocks);
        BlockReader::new(tar).read_to_end(&mut stream).unwrap();
        assert!(stream.len() < 1 << 20, "{count} islands");
        assert!(untar(&stream).unwrap().0 == image, "{count} islands");
        run(folder.path(), "tar", &["-xf", "-"], &stream);
        assert!(
            fs_err::read(folder.path().join("disk")).unwrap() == image,
            "{count} islands"
        );
    }
}

#[test]
fn a_pax_sparse_member_is_refused() {
    let (folder, _) = sparse_file(&[(1 << 20, b"island")], 3 << 20);
    for version in ["0.0", "0.1", "1.0"] {
        let format = ["--sparse", "--format", "posix", "--sparse-version", version];
        let error = untar(&gnu_tar(folder.path(), &format, &["image"])).unwrap_err();
        assert!(
            matches!(error, ArchiveError::PaxSparse { .. }),
            "{version}: {error}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn any_sparse_file_of_gnu_tar_is_restored(
        islands in prop::collection::vec((0_u64..500, 1_usize..20_000), 0..40),
        tail in 0_u64..100_000,
    ) {
        let data = noise(20_000, 1);
        let islands: Vec<_> = islands.iter().map(|(page, len)| (page * 4096, &data[..*len])).collect();
        let (folder, image) = sparse_file(&islands, 500 * 4096 + 20_000 + tail);
        let stream = gnu_tar(folder.path(), &["--sparse", "--format", "gnu"], &["image"]);
        prop_assert!(untar(&stream).unwrap().0 == image);
    }
}
