//! What `inspect` says of real images.

use std::path::Path;

use fs_err::File;
use gumnut_disk_image::{
    Archive, Compression, Content, Contents, DiskImageError, ExtKind, FileSystem, Packed,
    PartitionTable, State, Text, VirtualDisk, inspect,
};
use gumnut_types::Architecture;

use crate::image::{Image, LABEL, LENGTH, MIB, UUID, dumpe2fs};

fn file_system(path: &Path) -> FileSystem {
    match inspect(path).unwrap().content {
        Content::FileSystem(file_system) => *file_system,
        other => panic!("{other}"),
    }
}

fn content(bytes: &[u8]) -> Content {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs_err::write(file.path(), bytes).unwrap();
    inspect(file.path()).unwrap().content
}

#[test]
fn the_superblock_says_what_dumpe2fs_says() {
    for (image, kind) in [
        (Image::ext2(), ExtKind::Ext2),
        (Image::ext3(), ExtKind::Ext3),
        (Image::ext4(), ExtKind::Ext4),
    ] {
        let found = file_system(&image.path);
        let superblock = &found.superblock;
        let judge = |field| dumpe2fs(&image.path, field);
        assert_eq!(superblock.kind, kind);
        assert_eq!(superblock.uuid.to_string(), UUID);
        assert_eq!(superblock.label, LABEL);
        assert_eq!(
            superblock.features.to_string(),
            judge("Filesystem features")
        );
        assert_eq!(superblock.block_count.to_string(), judge("Block count"));
        assert_eq!(superblock.free_blocks.to_string(), judge("Free blocks"));
        assert_eq!(superblock.inode_count.to_string(), judge("Inode count"));
        assert_eq!(superblock.inode_size.to_string(), judge("Inode size"));
        assert_eq!(superblock.state, State::Clean);
        assert_eq!((superblock.length(), found.missing), (LENGTH, 0));
    }
}

#[test]
fn the_system_on_each_kind_is_read() {
    for image in [Image::ext2(), Image::ext3(), Image::ext4()] {
        let found = file_system(&image.path);
        let Contents::Read(guest) = &found.contents else {
            panic!("{:?}", found.contents)
        };
        let here = match std::env::consts::ARCH {
            "x86_64" => Some(Architecture::X86_64),
            "x86" => Some(Architecture::I386),
            _ => None,
        };
        assert_eq!(guest.architecture, here);
        assert_eq!(guest.release.as_deref(), Some("CentOS release 5.3 (Final)"));
        assert_eq!(guest.root_device.as_deref(), Some("/dev/sda1"));
        assert_eq!(guest.module_versions, ["2.6.24-19-xen", "2.6.28-11-server"]);
    }
}

#[test]
fn length_and_allocated_size_are_the_files() {
    let image = Image::ext3();
    let inspection = inspect(&image.path).unwrap();
    assert_eq!(inspection.length, LENGTH);
    assert!(inspection.allocated > 0 && inspection.allocated < LENGTH);
}

#[test]
fn a_cut_image_names_what_is_missing() {
    let image = Image::ext3();
    File::options()
        .write(true)
        .open(&image.path)
        .unwrap()
        .set_len(5 * MIB)
        .unwrap();
    let found = file_system(&image.path);
    assert_eq!(found.missing, LENGTH - 5 * MIB);
    assert!(matches!(found.contents, Contents::NotRead { .. }));
}

#[test]
fn states_other_than_clean_are_told() {
    let image = Image::ext3();
    image.debugfs("feature needs_recovery");
    let found = file_system(&image.path);
    assert_eq!(found.superblock.state, State::NeedsRecovery);
    assert!(matches!(found.contents, Contents::NotRead { reason } if reason.contains("journal")));

    let image = Image::ext2();
    image.debugfs("set_super_value state 0");
    assert_eq!(file_system(&image.path).superblock.state, State::Dirty);
    image.debugfs("set_super_value state 2");
    assert_eq!(file_system(&image.path).superblock.state, State::Errors);
}

#[test]
fn other_content_is_told_by_its_magic() {
    let mut vdi = vec![0; 4096];
    vdi[64..68].copy_from_slice(&[0x7F, 0x10, 0xDA, 0xBE]);
    let mut vhd = vec![0; 4096];
    vhd[3584..3592].copy_from_slice(b"conectix");
    assert!(matches!(
        content(b"QFI\xfb\0\0\0\x03"),
        Content::VirtualDisk(VirtualDisk::Qcow)
    ));
    assert!(matches!(
        content(b"KDMV...."),
        Content::VirtualDisk(VirtualDisk::Vmdk)
    ));
    assert!(matches!(
        content(b"vhdxfile"),
        Content::VirtualDisk(VirtualDisk::Vhdx)
    ));
    assert!(matches!(
        content(&vdi),
        Content::VirtualDisk(VirtualDisk::Vdi)
    ));
    assert!(matches!(
        content(&vhd),
        Content::VirtualDisk(VirtualDisk::Vhd)
    ));
    assert!(matches!(
        content(b"\x28\xb5\x2f\xfd"),
        Content::Compressed {
            compression: Compression::Zstd,
            inside: Packed::Unknown
        }
    ));
    assert!(matches!(
        content(b"\xfd7zXZ\0"),
        Content::Compressed {
            compression: Compression::Xz,
            inside: Packed::Unknown
        }
    ));
    assert!(matches!(
        content(b"070701"),
        Content::Ramdisk(ramdisk) if ramdisk.compression.is_none()
    ));
    assert!(matches!(
        content(b"\x1f\x8b\x08"),
        Content::Compressed {
            compression: Compression::Gzip,
            inside: Packed::Unknown
        }
    ));
    assert!(matches!(content(b""), Content::Empty));
    assert!(matches!(content(b"hello"), Content::Text(Text::Plain)));
    assert!(matches!(
        content(b"<!doctype html><p>404"),
        Content::Text(Text::Html)
    ));
    assert!(matches!(
        content(b"PK\x03\x04"),
        Content::Archive(Archive::Zip)
    ));
    assert!(matches!(content(b"\x01\x02\x03"), Content::Unknown));
}

#[test]
fn a_kernel_with_its_version_behind_the_first_pages_is_read() {
    let mut kernel = vec![0; 0x200 + 0xFFFF + 120];
    kernel[0x1FE..0x200].copy_from_slice(&[0x55, 0xAA]);
    kernel[0x202..0x206].copy_from_slice(b"HdrS");
    kernel[0x206..0x208].copy_from_slice(&0x20F_u16.to_le_bytes());
    kernel[0x20E..0x210].copy_from_slice(&[0xFF, 0xFF]);
    kernel[0x236] = 0x7F;
    let version = b"6.1.0-50-cloud-amd64 (debian-kernel@example) #1 SMP";
    kernel[0x200 + 0xFFFF..][..version.len()].copy_from_slice(version);
    let Content::Kernel(kernel) = content(&kernel) else {
        panic!("no kernel")
    };
    assert_eq!(kernel.release(), Some("6.1.0-50-cloud-amd64"));
    assert_eq!(kernel.architecture(), Some(Architecture::X86_64));
}

#[test]
fn a_kernel_is_named_behind_compression_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut image = vec![0; 4096];
    image[56..60].copy_from_slice(b"ARM\x64");
    let path = folder.path().join("Image");
    fs_err::write(&path, image).unwrap();
    let done = std::process::Command::new("gzip").arg(&path).status();
    assert!(done.unwrap().success());
    let inspection = inspect(&folder.path().join("Image.gz")).unwrap();
    assert_eq!(
        inspection.content.to_string(),
        "a Linux kernel (Image for arm64), compressed with gzip"
    );
    assert_eq!(inspection.processor(), Some("arm64"));
}

#[test]
fn a_disk_with_a_table_is_not_taken_for_the_old_file_system_on_it() {
    let image = Image::ext3();
    let mut entry = [0; 66];
    entry[4] = 0x83;
    entry[8..12].copy_from_slice(&2048_u32.to_le_bytes());
    entry[12..16].copy_from_slice(&4096_u32.to_le_bytes());
    entry[64..].copy_from_slice(&[0x55, 0xAA]);
    image.patch(446, &entry);
    let content = inspect(&image.path).unwrap().content;
    assert!(
        matches!(
            content,
            Content::Disk(ref disk) if disk.table == PartitionTable::Mbr && disk.partitions.len() == 1
        ),
        "{content}"
    );
}

#[test]
fn a_folder_and_a_missing_file_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let error = inspect(folder.path()).unwrap_err();
    assert!(matches!(error, DiskImageError::NotAFile { .. }), "{error}");
    let missing = folder.path().join("missing.img");
    let error = inspect(&missing).unwrap_err();
    assert!(error.to_string().contains("missing.img"), "{error}");
}
