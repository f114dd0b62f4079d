//! Whole disks: tables made and judged by sfdisk and sgdisk, file systems judged by e2fsck.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use fs_err::File;
use gumnut_disk_image::{
    Content, Disk, DiskImageError, NewSize, NoProgress, PartitionTable, ResizeOptions, Resized,
    Target, inspect, resize,
};

use crate::image::{Image, LENGTH, MIB, UUID, dumpe2fs, succeed};
use crate::resizing::assert_sound;

/// Two partitions: 2 MiB of anything, and an ext3 of [`LENGTH`].
const MBR: &str =
    "label: dos\nstart=2048, size=4096, type=82\nstart=6144, size=16384, type=83, bootable\n";
const GPT: &str = "label: gpt\nstart=2048, size=4096, type=21686148-6449-6E6F-744E-656564454649\n\
                   start=6144, size=16384, type=L, name=root\n";
const START: u64 = 3 * MIB;
const DISK: u64 = 16 * MIB;

/// Makes the image of a whole disk out of that of its root.
fn disk(image: &Image, script: &str) -> PathBuf {
    let path = image.join("disk.img");
    let mut bytes = vec![0; usize::try_from(DISK).unwrap()];
    bytes[..64].fill(0xEB);
    let at = usize::try_from(START).unwrap();
    let root = fs_err::read(&image.path).unwrap();
    bytes[at..at + root.len()].copy_from_slice(&root);
    // What stands in the first partition must survive.
    bytes[1 << 20..(1 << 20) + 512].fill(0x5A);
    fs_err::write(&path, bytes).unwrap();
    let mut sfdisk = Command::new("/sbin/sfdisk")
        .args([
            "--quiet",
            "--no-reread",
            "--no-tell-kernel",
            "--wipe-partitions",
            "never",
        ])
        .arg(&path)
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("sfdisk (apt-get install fdisk): {error}"));
    sfdisk
        .stdin
        .take()
        .unwrap()
        .write_all(script.as_bytes())
        .unwrap();
    assert!(sfdisk.wait().unwrap().success());
    path
}

fn to(source: &Path, target: &Path, size: NewSize) -> Result<Resized, DiskImageError> {
    let options = ResizeOptions::default();
    resize(source, size, Target::File(target), options, &NoProgress)
}

fn read(path: &Path) -> Disk {
    match inspect(path).unwrap().content {
        Content::Disk(disk) => disk,
        other => panic!("{other}"),
    }
}

/// Copies the second partition out and lets e2fsck judge it.
fn assert_partition_sound(image: &Image, path: &Path) {
    let disk = read(path);
    let entry = &disk.partitions[1].entry;
    let bytes = fs_err::read(path).unwrap();
    let (start, end) = (entry.start, entry.start + entry.length);
    assert!(
        end <= bytes.len() as u64,
        "the partition ends behind the disk"
    );
    let part = image.join("part.img");
    let range = usize::try_from(start).unwrap()..usize::try_from(end).unwrap();
    fs_err::write(&part, &bytes[range]).unwrap();
    assert_sound(&part);
    assert_eq!(dumpe2fs(&part, "Filesystem UUID"), UUID);
    assert!(
        bytes[1 << 20..(1 << 20) + 512]
            .iter()
            .all(|byte| *byte == 0x5A)
    );
    assert!(
        bytes[..64].iter().all(|byte| *byte == 0xEB),
        "the boot code is gone"
    );
}

#[test]
fn partitions_and_the_root_in_them_are_seen() {
    let image = Image::ext3();
    for (script, table, kind) in [
        (MBR, PartitionTable::Mbr, "Linux swap"),
        (GPT, PartitionTable::Gpt, "BIOS boot"),
    ] {
        let path = disk(&image, script);
        let inspection = inspect(&path).unwrap();
        let root = inspection.root().unwrap();
        assert_eq!(root.superblock.uuid.to_string(), UUID);
        assert!(inspection.architecture().is_some());
        let disk = read(&path);
        assert_eq!(
            (disk.table, disk.damage, disk.bootable),
            (table, None, true)
        );
        let [one, two] = disk.partitions.try_into().unwrap();
        assert_eq!(
            (one.entry.number, one.entry.start, one.entry.length),
            (1, MIB, 2 * MIB)
        );
        assert_eq!(one.entry.kind, kind);
        assert!(one.file_system.is_none());
        assert_eq!(
            (two.entry.number, two.entry.start, two.entry.length),
            (2, START, LENGTH)
        );
        assert_eq!(two.entry.kind, "Linux");
        assert_eq!(two.entry.active, table == PartitionTable::Mbr);
        if table == PartitionTable::Gpt {
            assert_eq!(two.entry.name, "root");
        }
    }
}

#[test]
fn the_last_partition_grows_and_the_end_of_the_disk_is_there() {
    let image = Image::ext3();
    for script in [MBR, GPT] {
        let source = disk(&image, script);
        let original = fs_err::read(&source).unwrap();
        let target = image.join("grown.img");
        let resized = to(&source, &target, NewSize::Bytes(64 * MIB)).unwrap();
        assert_eq!(
            (resized.before, resized.after, resized.partition),
            (DISK, 64 * MIB, Some(2))
        );
        // `resize2fs disk.img?offset=3145728` would have cut the disk to the size of the file system.
        assert_eq!(fs_err::metadata(&target).unwrap().len(), 64 * MIB);
        assert!(
            resized.superblock.length() > 60 * MIB,
            "{}",
            resized.superblock.length()
        );
        assert_partition_sound(&image, &target);
        assert!(
            fs_err::read(&source).unwrap() == original,
            "the original was changed"
        );
        let names = ["grown.img.partial", "grown.img.partial.partition.partial"];
        assert!(names.iter().all(|name| !image.join(name).exists()));
        succeed("sfdisk", &["--verify"], &target);
        fs_err::remove_file(target).unwrap();
    }
}

#[test]
fn sgdisk_finds_nothing_wrong_with_a_grown_and_a_shrunk_table() {
    let image = Image::ext3();
    let source = disk(&image, GPT);
    for size in [64 * MIB, 9 * MIB] {
        let target = image.join(&format!("{size}.img"));
        to(&source, &target, NewSize::Bytes(size)).unwrap();
        let said = succeed("sgdisk", &["--verify"], &target);
        assert!(said.contains("No problems found"), "{said}");
        assert_eq!(read(&target).damage, None);
        assert_partition_sound(&image, &target);
    }
}

#[test]
fn a_disk_shrinks_to_its_content() {
    let image = Image::ext3();
    for script in [MBR, GPT] {
        let target = image.join("small.img");
        let least = to(&disk(&image, script), &target, NewSize::Minimum)
            .unwrap()
            .after;
        assert!(least < LENGTH, "{least}");
        assert_eq!(fs_err::metadata(&target).unwrap().len(), least);
        assert_partition_sound(&image, &target);
        fs_err::remove_file(target).unwrap();
    }
}

fn refused(path: &Path, word: &str) {
    let target = path.with_extension("new");
    let error = to(path, &target, NewSize::Bytes(64 * MIB)).unwrap_err();
    assert!(
        matches!(error, DiskImageError::Partitioned { .. }),
        "{error}"
    );
    assert!(error.to_string().contains(word), "{error}");
    assert!(!target.exists());
}

#[test]
fn disks_that_cannot_be_resized_are_refused_with_the_reason() {
    let image = Image::ext3();
    let swap_last =
        "label: dos\nstart=6144, size=16384, type=83\nstart=24576, size=2048, type=82\n";
    refused(
        &disk(&image, swap_last),
        "partition 2, the last, has no ext2",
    );
    let extended = "label: dos\nstart=2048, size=2048, type=83\nstart=6144, size=16384, type=5\n";
    refused(&disk(&image, extended), "extended one");
}

#[test]
fn a_damaged_gpt_is_seen_and_not_rewritten() {
    let image = Image::ext3();
    let path = disk(&image, GPT);
    let mut bytes = fs_err::read(&path).unwrap();
    bytes[1024 + 130] ^= 1;
    fs_err::write(&path, &bytes).unwrap();
    assert!(read(&path).damage.unwrap().contains("entries"));
    refused(&path, "checksum");
    bytes[512 + 40] ^= 1;
    fs_err::write(&path, &bytes).unwrap();
    refused(&path, "header");

    let path = disk(&image, GPT);
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(12 * MIB)
        .unwrap();
    refused(&path, "beyond the end");
}

#[test]
fn a_partition_that_is_cut_short_is_refused() {
    let image = Image::ext3();
    let path = disk(&image, MBR);
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(8 * MIB)
        .unwrap();
    let error = to(&path, &image.join("new.img"), NewSize::Bytes(64 * MIB)).unwrap_err();
    assert!(matches!(error, DiskImageError::Truncated { .. }), "{error}");
}

/// What sgdisk says of a disk that it finds nothing wrong with.
fn verified(path: &Path) -> String {
    let output = Command::new("sgdisk")
        .args(["--verify", path.to_str().unwrap()])
        .output()
        .unwrap_or_else(|error| panic!("sgdisk (apt-get install gdisk): {error}"));
    String::from_utf8(output.stdout).unwrap()
}

fn sgdisk(path: &Path, arguments: &[&str]) {
    let output = Command::new("sgdisk")
        .args(arguments)
        .arg(path)
        .output()
        .unwrap_or_else(|error| panic!("sgdisk (apt-get install gdisk): {error}"));
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}

/// The entries of a master boot record: type, first sector and number of sectors.
fn mbr(path: &Path) -> Vec<(u8, u32, u32)> {
    let bytes = fs_err::read(path).unwrap();
    let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
    bytes[446..510]
        .chunks_exact(16)
        .filter(|entry| entry[4] != 0)
        .map(|entry| (entry[4], number(&entry[8..12]), number(&entry[12..16])))
        .collect()
}

#[test]
fn the_copy_of_the_partition_in_a_hybrid_mbr_gets_its_length_too() {
    let image = Image::ext3();
    for hybrid in ["2", "2:EE", "1:2"] {
        let source = disk(&image, GPT);
        sgdisk(&source, &["--hybrid", hybrid]);
        // It clears the boot code.
        let mut bytes = fs_err::read(&source).unwrap();
        bytes[..64].fill(0xEB);
        fs_err::write(&source, bytes).unwrap();
        let before = mbr(&source);
        let target = image.join("grown.img");
        to(&source, &target, NewSize::Bytes(64 * MIB)).unwrap();
        assert_partition_sound(&image, &target);
        assert!(
            verified(&target).contains("No problems found"),
            "{hybrid}: {}",
            verified(&target)
        );
        let length = read(&target).partitions[1].entry.length;
        let expected: Vec<_> = before
            .into_iter()
            .map(|(kind, first, count)| match first {
                6144 => (kind, first, u32::try_from(length / 512).unwrap()),
                _ => (kind, first, count),
            })
            .collect();
        assert_eq!(mbr(&target), expected, "{hybrid}");
        fs_err::remove_file(target).unwrap();
    }
}

#[test]
fn a_hybrid_mbr_that_protects_what_is_behind_is_refused() {
    let image = Image::ext3();
    let source = disk(&image, GPT);
    sgdisk(&source, &["--hybrid", "2"]);
    let mut bytes = fs_err::read(&source).unwrap();
    // A protective entry for the rest of the disk, as some installers write it.
    bytes[446 + 32 + 4] = 0xEE;
    bytes[446 + 40..446 + 44].copy_from_slice(&22_528_u32.to_le_bytes());
    bytes[446 + 44..446 + 48].copy_from_slice(&10_000_u32.to_le_bytes());
    fs_err::write(&source, bytes).unwrap();
    let target = image.join("grown.img");
    let error = to(&source, &target, NewSize::Bytes(64 * MIB)).unwrap_err();
    assert!(error.to_string().contains("hybrid MBR"), "{error}");
    assert!(!target.exists());
}

#[test]
fn a_table_whose_copy_is_not_at_the_end_is_put_right() {
    let image = Image::ext3();
    let source = disk(&image, GPT);
    // As `truncate` leaves a disk that was enlarged without moving the copy.
    let file = File::options().write(true).open(&source).unwrap();
    file.set_len(24 * MIB).unwrap();
    let target = image.join("grown.img");
    to(&source, &target, NewSize::Bytes(32 * MIB)).unwrap();
    assert!(verified(&target).contains("No problems found"));
    assert_partition_sound(&image, &target);
}

#[test]
fn types_names_and_attributes_of_partitions_stay() {
    let image = Image::ext3();
    let source = disk(&image, GPT);
    let kind = "2:4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709";
    sgdisk(
        &source,
        &[
            "--typecode",
            kind,
            "--change-name",
            "2:system",
            "--attributes",
            "2:set:59",
        ],
    );
    let before = read(&source).partitions[1].entry.clone();
    let target = image.join("grown.img");
    to(&source, &target, NewSize::Bytes(32 * MIB)).unwrap();
    let after = read(&target).partitions[1].entry.clone();
    assert_eq!((&after.kind, &after.name), (&before.kind, &before.name));
    assert_eq!(after.kind, "Linux root (x86_64)");
    let table = |path: &Path| {
        let at = 1024 + 128;
        let entry = fs_err::read(path).unwrap()[at..at + 128].to_vec();
        (entry[..40].to_vec(), entry[48..].to_vec())
    };
    // Everything but the last sector.
    assert_eq!(table(&target), table(&source));
}

#[test]
fn an_extended_last_partition_is_refused_with_what_to_do() {
    let image = Image::ext3();
    let script = "label: dos\nstart=2048, size=2048, type=83\nstart=6144, size=24576, type=5\n";
    let source = disk(&image, script);
    let error = to(&source, &image.join("grown.img"), NewSize::Bytes(64 * MIB)).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("extended") && text.contains("image of its own"),
        "{text}"
    );
}
