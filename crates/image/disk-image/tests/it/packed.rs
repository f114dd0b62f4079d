//! Disks that are compressed, virtual, or both, alone and in tarballs: they become the raw disk that they were.

use std::path::{Path, PathBuf};
use std::process::Command;

use gumnut_disk_image::{
    Collection, Compression, Content, DiskImageError, Hypervisor, Layer, NoProgress, RawImage,
    VirtualDisk, inspect, load,
};
use tempfile::TempDir;

use crate::image::Image;

/// Runs a shell command in a directory.
fn sh(folder: &Path, command: &str) {
    let output = Command::new("sh")
        .args(["-e", "-c", command])
        .current_dir(folder)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command} (cargo xtask setup): {stderr}"
    );
}

/// An image in a directory of its own, as `disk.raw`, with its bytes.
fn disk() -> (TempDir, Vec<u8>) {
    let image = Image::ext3();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk.raw");
    fs_err::copy(&image.path, &path).unwrap();
    let bytes = fs_err::read(&path).unwrap();
    (folder, bytes)
}

fn open(path: &Path) -> Result<RawImage, DiskImageError> {
    RawImage::open(path, path.parent().unwrap(), &NoProgress)
}

/// The error with all its causes.
fn words(error: &DiskImageError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

#[test]
fn every_compression_and_format_becomes_the_raw_disk() {
    let (folder, original) = disk();
    let qcow2 = "qemu-img convert -c -O qcow2 disk.raw disk.qcow2";
    let vmdk = "qemu-img convert -O vmdk -o subformat=streamOptimized disk.raw disk.vmdk";
    let vhd = "qemu-img convert -O vpc -o subformat=fixed,force_size=on disk.raw disk.vhd";
    for (command, name, layers) in [
        ("gzip -k disk.raw", "disk.raw.gz", 1),
        ("bzip2 -k disk.raw", "disk.raw.bz2", 1),
        ("xz -k disk.raw", "disk.raw.xz", 1),
        ("xz -k --format=lzma disk.raw", "disk.raw.lzma", 1),
        ("zstd -q disk.raw", "disk.raw.zst", 1),
        ("lz4 -q disk.raw disk.raw.lz4", "disk.raw.lz4", 1),
        ("lz4 -lq disk.raw disk.old.lz4", "disk.old.lz4", 1),
        ("lzop -k disk.raw", "disk.raw.lzo", 1),
        (&format!("{qcow2}; gzip -k disk.qcow2"), "disk.qcow2.gz", 2),
        (&format!("{vmdk}; xz -k disk.vmdk"), "disk.vmdk.xz", 2),
        (&format!("{vhd}; zstd -q disk.vhd"), "disk.vhd.zst", 2),
        (
            "gzip -c disk.raw > twice; xz -c twice > twice.xz",
            "twice.xz",
            2,
        ),
    ] {
        sh(folder.path(), command);
        let path = folder.path().join(name);
        let raw = open(&path).unwrap_or_else(|error| panic!("{name}: {}", words(&error)));
        assert_eq!(raw.layers().len(), layers, "{name}");
        assert!(fs_err::read(raw.path()).unwrap() == original, "{name}");
        // The file of the layer between is gone already, that of the disk goes now.
        drop(raw);
        let left = fs_err::read_dir(folder.path()).unwrap();
        let left = left.filter(|entry| {
            let name = entry.as_ref().unwrap().file_name();
            name.to_string_lossy().starts_with(".gumnut")
        });
        assert_eq!(left.count(), 0, "{name}");
    }
}

#[test]
fn what_is_inside_is_told_before_it_is_unpacked() {
    let (folder, _) = disk();
    sh(
        folder.path(),
        "qemu-img convert -O qcow2 disk.raw disk.qcow2; gzip -k disk.qcow2 disk.raw; echo text | gzip > text.gz",
    );
    let words = |name: &str| {
        let path = folder.path().join(name);
        inspect(&path).unwrap().content.to_string()
    };
    assert_eq!(
        words("disk.qcow2.gz"),
        "a qcow2 disk image compressed with gzip"
    );
    assert_eq!(
        words("disk.raw.gz"),
        "an ext3 file system compressed with gzip"
    );
    assert_eq!(words("text.gz"), "data compressed with gzip");
}

#[test]
fn padding_behind_a_compressed_disk_is_accepted_and_junk_refused() {
    let (folder, original) = disk();
    for (program, ending) in [
        ("gzip", "gz"),
        ("bzip2", "bz2"),
        ("xz", "xz"),
        ("zstd -q", "zst"),
        ("lz4 -q", "lz4"),
    ] {
        sh(
            folder.path(),
            &format!(
                "{program} -c disk.raw > a.{ending}; (cat a.{ending}; head -c 513 /dev/zero) > zeros.{ending}; \
                 (cat a.{ending}; echo junk) > junk.{ending}; head -c -100 a.{ending} > cut.{ending}"
            ),
        );
        let path = |name: &str| folder.path().join(format!("{name}.{ending}"));
        let raw = open(&path("zeros")).unwrap();
        assert!(fs_err::read(raw.path()).unwrap() == original, "{program}");
        for name in ["junk", "cut"] {
            let error = open(&path(name)).unwrap_err();
            assert!(
                matches!(error, DiskImageError::Compressed { .. }),
                "{program}: {error}"
            );
            let text = words(&error);
            assert!(text.contains(&format!("{name}.{ending}")), "{text}");
        }
        let text = words(&open(&path("junk")).unwrap_err());
        assert!(text.contains("follows"), "{text}");
    }
}

#[test]
fn a_disk_that_names_other_files_is_refused_behind_compression_too() {
    let (folder, _) = disk();
    sh(
        folder.path(),
        "qemu-img create -q -f qcow2 -b disk.raw -F raw evil.qcow2; gzip evil.qcow2",
    );
    let error = open(&folder.path().join("evil.qcow2.gz")).unwrap_err();
    assert!(
        matches!(error, DiskImageError::NamesOthers { .. }),
        "{error}"
    );
    assert!(error.to_string().contains("evil.qcow2.gz"), "{error}");
}

/// Loads a tarball and gives the bytes of its one disk.
fn loaded(folder: &Path, tarball: &str) -> Result<(PathBuf, Vec<Layer>, Vec<u8>), DiskImageError> {
    let scratch = tempfile::tempdir_in(folder).unwrap();
    let tarball = folder.join(tarball);
    let loaded = load(&tarball, Some(scratch.path()), Hypervisor::Kvm, &NoProgress)?;
    let [disk] = &loaded.collection.disks[..] else {
        panic!("{:?}", loaded.collection)
    };
    assert!(matches!(disk.inspection.content, Content::FileSystem(_)));
    let bytes = fs_err::read(loaded.path(&disk.path).unwrap()).unwrap();
    Ok((disk.path.clone(), disk.layers.clone(), bytes))
}

#[test]
fn the_disk_in_a_tarball_is_the_bare_one() {
    let (folder, original) = disk();
    let qcow2 = Layer::Format(VirtualDisk::Qcow);
    let gzip = Layer::Compressed(Compression::Gzip);
    for (command, tarball, name, layers) in [
        (
            "qemu-img convert -O qcow2 disk.raw disk.qcow2; tar -czf a.tar.gz disk.qcow2",
            "a.tar.gz",
            "disk.qcow2",
            vec![qcow2],
        ),
        (
            "gzip -k disk.qcow2; tar -cjf b.tar.bz2 disk.qcow2.gz",
            "b.tar.bz2",
            "disk.qcow2.gz",
            vec![gzip, qcow2],
        ),
        (
            "gzip -k disk.raw; tar -c disk.raw.gz | lz4 -q > c.tar.lz4",
            "c.tar.lz4",
            "disk.raw.gz",
            vec![gzip],
        ),
        (
            "tar -c --format=posix --sparse disk.raw | xz --format=lzma > d.tar.lzma",
            "d.tar.lzma",
            "disk.raw",
            vec![],
        ),
        (
            "tar -c --sparse disk.raw | zstd -q > e.tar.zst; head -c 2000 /dev/zero >> e.tar.zst",
            "e.tar.zst",
            "disk.raw",
            vec![],
        ),
        (
            "tar -c disk.raw | lzop > f.tar.lzo",
            "f.tar.lzo",
            "disk.raw",
            vec![],
        ),
        // An appliance: the description first, then the disk.
        (
            "qemu-img convert -O vmdk -o subformat=streamOptimized disk.raw disk.vmdk; echo '<?xml version=\"1.0\"?>' > a.ovf; \
             echo 'SHA1(disk.vmdk)= 0' > a.mf; tar --format=ustar -cf a.ova a.ovf a.mf disk.vmdk",
            "a.ova",
            "disk.vmdk",
            vec![Layer::Format(VirtualDisk::Vmdk)],
        ),
    ] {
        sh(folder.path(), command);
        let (path, found, bytes) = loaded(folder.path(), tarball).unwrap();
        assert_eq!(path, Path::new(name));
        assert_eq!(found, layers, "{tarball}");
        assert!(bytes == original, "{tarball}");
    }
}

#[test]
fn a_disk_in_a_tarball_that_cannot_be_made_raw_is_an_error_that_names_it() {
    let (folder, _) = disk();
    sh(
        folder.path(),
        "qemu-img create -q -f qcow2 -b disk.raw -F raw evil.qcow2; tar -czf evil.tar.gz evil.qcow2",
    );
    let error = loaded(folder.path(), "evil.tar.gz").unwrap_err();
    assert!(
        matches!(error, DiskImageError::NamesOthers { .. }),
        "{error}"
    );
    assert!(error.to_string().contains("evil.qcow2"), "{error}");
    // It can be listed anyway.
    let tarball = folder.path().join("evil.tar.gz");
    let listed = Collection::of_tarball(&tarball, folder.path(), &NoProgress).unwrap();
    assert!(matches!(
        listed.disks[0].inspection.content,
        Content::VirtualDisk(VirtualDisk::Qcow)
    ));
}

#[test]
fn the_list_of_a_flat_disk_is_no_second_disk() {
    let (folder, original) = disk();
    sh(
        folder.path(),
        "qemu-img convert -O vmdk -o subformat=monolithicFlat disk.raw flat.vmdk; tar -cf flat.tar flat.vmdk flat-flat.vmdk",
    );
    let (path, _, bytes) = loaded(folder.path(), "flat.tar").unwrap();
    assert_eq!(path, Path::new("flat-flat.vmdk"));
    assert!(bytes == original);
}

#[test]
fn an_old_ramdisk_is_told_from_a_disk_by_its_name() {
    let (folder, _) = disk();
    sh(
        folder.path(),
        "mkdir kernel; gzip -c disk.raw > kernel/initrd-2.4.gz; tar -cf old.tar disk.raw kernel",
    );
    let tarball = folder.path().join("old.tar");
    let found = Collection::of_tarball(&tarball, folder.path(), &NoProgress).unwrap();
    assert_eq!(found.disks.len(), 1);
    assert_eq!(found.pairs[0].ramdisks.len(), 1);
}
