//! File systems that are named only: their own programs made them, `tests/volumes/make.sh` kept their beginnings.

use std::io::{Cursor, Read as _};
use std::path::{Path, PathBuf};

use fs_err::File;
use gumnut_compression::{Compression, Decompressed};
use gumnut_disk_image::{
    Content, DiskImageError, Inspection, NewSize, Subject, Volume, check, inspect, plan,
};
use tempfile::TempDir;

use crate::image::{Image, MIB};

/// Each file with what it is.
const MADE: [(&str, Volume); 18] = [
    ("xfs", Volume::Xfs),
    ("btrfs", Volume::Btrfs),
    ("f2fs", Volume::F2fs),
    ("jfs", Volume::Jfs),
    ("reiserfs", Volume::Reiserfs),
    ("erofs", Volume::Erofs),
    ("squashfs", Volume::Squashfs),
    ("cramfs", Volume::Cramfs),
    ("romfs", Volume::Romfs),
    ("iso9660", Volume::Iso9660),
    ("fat12", Volume::Fat(12)),
    ("fat16", Volume::Fat(16)),
    ("fat32", Volume::Fat(32)),
    ("exfat", Volume::ExFat),
    ("ntfs", Volume::Ntfs),
    ("swap", Volume::Swap),
    ("luks1", Volume::Luks(1)),
    ("luks2", Volume::Luks(2)),
];

fn beginning(name: &str) -> Vec<u8> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/volumes"));
    let packed = fs_err::read(folder.join(format!("{name}.gz"))).unwrap();
    let mut plain = Vec::new();
    Decompressed::new(Compression::Gzip, Cursor::new(packed))
        .unwrap()
        .read_to_end(&mut plain)
        .unwrap();
    plain
}

/// A file of 64 MiB that begins so.
fn file(folder: &TempDir, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join("disk.img");
    fs_err::write(&path, bytes).unwrap();
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(64 * MIB)
        .unwrap();
    path
}

/// A disk of 64 MiB whose one partition begins so.
fn disk(folder: &TempDir, bytes: &[u8]) -> PathBuf {
    let mut whole = vec![0; 1 << 20];
    whole[446 + 4] = 0x83;
    whole[446 + 8..446 + 12].copy_from_slice(&2048_u32.to_le_bytes());
    whole[446 + 12..446 + 16].copy_from_slice(&129_024_u32.to_le_bytes());
    whole[0] = 0xEB;
    whole[510..512].copy_from_slice(&[0x55, 0xAA]);
    whole.extend(bytes);
    file(folder, &whole)
}

fn ids(inspection: &Inspection) -> Vec<(&'static str, String)> {
    check(&Subject::new(inspection))
        .into_iter()
        .map(|finding| (finding.check.id, finding.message))
        .collect()
}

#[test]
fn each_is_named_in_a_file_and_in_a_partition() {
    let folder = tempfile::tempdir().unwrap();
    for (name, volume) in MADE {
        let bytes = beginning(name);
        let content = inspect(&file(&folder, &bytes)).unwrap().content;
        assert!(
            matches!(content, Content::Volume(found) if found == volume),
            "{name}: {content}"
        );
        let Content::Disk(found) = inspect(&disk(&folder, &bytes)).unwrap().content else {
            panic!("{name}")
        };
        assert_eq!(found.partitions[0].volume, Some(volume), "{name}");
        assert!(found.partitions[0].file_system.is_none(), "{name}");
    }
}

#[test]
fn a_check_says_what_it_did_not_look_at() {
    let folder = tempfile::tempdir().unwrap();
    let bare = inspect(&file(&folder, &beginning("xfs"))).unwrap();
    assert_eq!(
        ids(&bare),
        [(
            "not-checked",
            "it is an XFS file system, and its content was not checked".to_owned()
        )]
    );
    let whole = inspect(&disk(&folder, &beginning("btrfs"))).unwrap();
    let found = ids(&whole);
    assert_eq!(
        found[0],
        (
            "not-checked",
            "partition 1 contains a Btrfs file system, and its content was not checked".to_owned()
        )
    );
    let path = disk(&folder, b"");
    let mut bytes = fs_err::read(&path).unwrap();
    bytes[446 + 4] = 5;
    fs_err::write(&path, bytes).unwrap();
    let extended = ids(&inspect(&path).unwrap());
    assert!(extended[0].1.contains("logical partitions"), "{extended:?}");
    // What no system can be on is no image.
    let swap = inspect(&file(&folder, &beginning("swap"))).unwrap();
    assert_eq!(
        ids(&swap),
        [("no-file-system", "it contains swap space".to_owned())]
    );
}

#[test]
fn an_installer_that_is_also_a_disk_is_called_one() {
    let folder = tempfile::tempdir().unwrap();
    let inspection = inspect(&file(&folder, &beginning("hybrid"))).unwrap();
    assert!(
        matches!(&inspection.content, Content::Disk(disk) if disk.iso9660),
        "{}",
        inspection.content
    );
    assert!(ids(&inspection).iter().any(|(id, _)| *id == "installer"));
}

#[test]
fn what_is_not_resized_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    for (name, word) in [
        ("xfs", "xfs_growfs"),
        ("btrfs", "btrfs filesystem resize"),
        ("luks2", "cryptsetup resize"),
        ("f2fs", "resize.f2fs"),
        ("swap", "sfdisk --delete"),
        ("iso9660", "tools of that file system"),
    ] {
        let bytes = beginning(name);
        for path in [file(&folder, &bytes), disk(&folder, &bytes)] {
            let error = plan(&path, NewSize::Bytes(128 * MIB)).unwrap_err();
            assert!(
                matches!(
                    error,
                    DiskImageError::OtherFileSystem { .. } | DiskImageError::Partitioned { .. }
                ),
                "{error}"
            );
            let text = error.to_string();
            assert!(text.contains(word) && text.contains("ext4"), "{text}");
        }
    }
}

#[test]
fn an_ext_file_system_is_none_of_them() {
    for image in [Image::ext2(), Image::ext4()] {
        let content = inspect(&image.path).unwrap().content;
        assert!(matches!(content, Content::FileSystem(_)), "{content}");
    }
}
