//! Tables judged by sfdisk, file systems by e2fsck, swap areas by swaplabel.

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::process::Command;

use gumnut_disk_image::ExtKind;

use super::*;

const MIB: u64 = 1 << 20;
/// Length of the image in bytes.
const LENGTH: u64 = 8 * MIB;
const SIZE: u64 = 128 * MIB;
const SWAP_SIZE: u64 = 32 * MIB;

/// A root file system, made by `mke2fs`, in a directory of its own.
struct Image {
    folder: tempfile::TempDir,
    path: PathBuf,
}

impl Image {
    fn ext3() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.img");
        File::create(&path).unwrap().set_len(LENGTH).unwrap();
        run(
            "mke2fs",
            &["-q", "-F", "-b", "1024", "-t", "ext3", "-J", "size=1"],
            &path,
        );
        Self { folder, path }
    }

    fn join(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes the disk of an instance, beside the image.
    fn composed(&self) -> (PathBuf, Composed) {
        let target = self.join("disk.img");
        let composed = compose(instance(&self.path), &target).unwrap();
        (target, composed)
    }

    /// Copies a part of a disk out.
    fn part(&self, disk: &Path, start: u64, length: u64) -> PathBuf {
        let path = self.join("part.img");
        let mut bytes = vec![0; usize::try_from(length).unwrap()];
        let disk = File::open(disk).unwrap();
        disk.file().read_exact_at(&mut bytes, start).unwrap();
        fs_err::write(&path, bytes).unwrap();
        path
    }
}

fn instance(image: &Path) -> InstanceDisk<'_> {
    InstanceDisk {
        image,
        size: SIZE,
        swap: SWAP_SIZE,
        uuid: *b"\x6d\x1b\x1b\x1e\x00\x00\x40\x00\x80\x00\x00\x00\x00\x00\x00\x03",
        time: 1_275_606_157,
    }
}

/// What a program of the system prints about a file.
fn run(program: &str, arguments: &[&str], file: &Path) -> String {
    let folders = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap());
    let output = Command::new("/usr/bin/env")
        .env("PATH", folders)
        .env("LC_ALL", "C")
        .arg(program)
        .args(arguments)
        .arg(file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{program}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn root_ephemeral_and_swap_become_partitions_of_a_sparse_disk() {
    let image = Image::ext3();
    let (disk, composed) = image.composed();
    let ephemeral = SIZE - MIB - LENGTH - SWAP_SIZE;
    let expected = Composed {
        root: Some(MIB),
        ephemeral,
        swap: SWAP_SIZE,
    };
    assert_eq!(composed, expected);
    let metadata = fs_err::metadata(&disk).unwrap();
    assert_eq!(metadata.len(), SIZE);
    assert!(metadata.blocks() * 512 < 64 * MIB, "{metadata:?}");
    let table = run("sfdisk", &["-d"], &disk);
    for (number, start, length, kind) in [
        (1, MIB, LENGTH, "83"),
        (2, MIB + LENGTH, ephemeral, "83"),
        (3, MIB + LENGTH + ephemeral, SWAP_SIZE, "82"),
    ] {
        let (start, size) = (start / 512, length / 512);
        let line = format!("img{number} : start={start:>12}, size={size:>12}, type={kind}");
        assert!(table.contains(&line), "{line}\n{table}");
    }
    let root = image.part(&disk, MIB, LENGTH);
    assert_eq!(
        fs_err::read(root).unwrap(),
        fs_err::read(&image.path).unwrap()
    );

    let second = image.part(&disk, MIB + LENGTH, ephemeral);
    run("e2fsck", &["-fn"], &second);
    let Content::FileSystem(found) = inspect(&second).unwrap().content else {
        panic!("no file system");
    };
    assert_eq!(
        (found.superblock.kind, found.superblock.inode_size),
        (ExtKind::Ext3, 128)
    );

    let third = image.part(&disk, MIB + LENGTH + ephemeral, SWAP_SIZE);
    let label = run("swaplabel", &[], &third);
    assert!(
        label.contains("6d1b1b1e-0000-4000-8000-000000000003"),
        "{label}"
    );
}

#[test]
fn an_image_that_is_larger_than_the_disk_keeps_its_size_alone() {
    let image = Image::ext3();
    let target = image.join("disk.img");
    let disk = InstanceDisk {
        size: MIB,
        ..instance(&image.path)
    };
    let composed = compose(disk, &target).unwrap();
    assert_eq!((composed.ephemeral, composed.swap), (0, 0));
    assert_eq!(fs_err::metadata(&target).unwrap().len(), MIB + LENGTH);
    assert!(run("sfdisk", &["-d"], &target).contains("img1 : "));
    // What is there is not replaced.
    let error = compose(disk, &target).unwrap_err();
    assert!(
        matches!(&error, DiskError::System { source, .. } if source.kind() == io::ErrorKind::AlreadyExists)
    );
    assert!(target.exists());
}

#[test]
fn a_whole_disk_is_copied_as_it_is() {
    let image = Image::ext3();
    let whole = image.join("whole.img");
    let from = InstanceDisk {
        size: MIB,
        ..instance(&image.path)
    };
    compose(from, &whole).unwrap();
    let target = image.join("disk.img");
    let composed = compose(instance(&whole), &target).unwrap();
    assert_eq!(
        (composed.root, composed.ephemeral, composed.swap),
        (None, 0, 0)
    );
    let (disk, bytes) = (
        fs_err::read(&target).unwrap(),
        fs_err::read(&whole).unwrap(),
    );
    assert_eq!(disk.len() as u64, SIZE);
    assert!(disk.starts_with(&bytes));
}

#[test]
fn the_journal_of_a_crash_is_replayed_on_the_way() {
    let image = Image::ext3();
    let (data, requests) = (image.join("data"), image.join("requests"));
    fs_err::write(&data, [0x5A; 1024]).unwrap();
    let words = format!("jo\njw -b 7000 {}\njc\n", data.display());
    fs_err::write(&requests, words).unwrap();
    run(
        "debugfs",
        &["-w", "-f", requests.to_str().unwrap()],
        &image.path,
    );
    let (disk, _) = image.composed();
    let root = image.part(&disk, MIB, LENGTH);
    let bytes = fs_err::read(root).unwrap();
    assert_eq!(bytes[7000 * 1024..7001 * 1024], [0x5A; 1024]);
    // Nothing else is left beside the disk.
    assert_eq!(fs_err::read_dir(image.folder.path()).unwrap().count(), 5);
}

#[test]
fn what_has_no_room_is_left_out() {
    let all = Layout::of(64 * MIB + 1, 1 << 30, 512 * MIB);
    let root = 64 * MIB + 512;
    assert_eq!((all.root, all.ephemeral_at), (root, 66 * MIB));
    assert_eq!((all.ephemeral, all.swap_at), (446 * MIB, 512 * MIB));
    assert_eq!((all.swap, all.end), (512 * MIB, 1 << 30));
    let no_ephemeral = Layout::of(64 * MIB, 580 * MIB, 512 * MIB);
    assert_eq!((no_ephemeral.ephemeral, no_ephemeral.swap), (0, 512 * MIB));
    let no_swap = Layout::of(64 * MIB, 128 * MIB, 512 * MIB);
    assert_eq!((no_swap.ephemeral, no_swap.swap), (63 * MIB, 0));
    // Larger than the disk should be.
    let only_root = Layout::of(64 * MIB, MIB, 512 * MIB);
    assert_eq!(
        (only_root.ephemeral, only_root.swap, only_root.end),
        (0, 0, 65 * MIB)
    );
}
