//! Virtual disks: made and read by qemu-img, refused when they name other files.

use std::path::{Path, PathBuf};
use std::process::Command;

use gumnut_disk_image::{
    Content, DiskFormat, DiskImageError, NoProgress, RawImage, VirtualDisk, convert, inspect,
};

use crate::image::Image;

fn qemu_img(arguments: &[&str]) {
    let output = Command::new("qemu-img")
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("qemu-img (apt-get install qemu-utils): {error}"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {stderr}");
}

fn made(image: &Image, format: &str) -> PathBuf {
    let path = image.join(&format!("disk.{format}"));
    let (from, to) = (image.path.to_str().unwrap(), path.to_str().unwrap());
    let mut arguments = vec!["convert", "-f", "raw", "-O", format];
    if format == "vpc" {
        arguments.extend(["-o", "force_size=on"]);
    }
    arguments.extend([from, to]);
    qemu_img(&arguments);
    path
}

fn open(path: &Path) -> Result<RawImage, DiskImageError> {
    RawImage::open(path, path.parent().unwrap(), &NoProgress)
}

#[test]
fn each_format_becomes_the_raw_image_it_was() {
    let image = Image::ext3();
    let original = fs_err::read(&image.path).unwrap();
    for (format, kind) in [
        ("qcow", VirtualDisk::Qcow1),
        ("qcow2", VirtualDisk::Qcow),
        ("vmdk", VirtualDisk::Vmdk),
        ("vdi", VirtualDisk::Vdi),
        ("vpc", VirtualDisk::Vhd),
        ("vhdx", VirtualDisk::Vhdx),
    ] {
        let path = made(&image, format);
        let raw = open(&path).unwrap();
        assert_eq!(raw.format(), Some(kind));
        assert!(raw.is_temporary());
        assert!(fs_err::read(raw.path()).unwrap() == original, "{format}");
        let temporary = raw.path().to_owned();
        drop(raw);
        assert!(!temporary.exists());
    }
}

#[test]
fn a_raw_file_is_itself() {
    let image = Image::ext3();
    let raw = open(&image.path).unwrap();
    assert_eq!((raw.path(), raw.format()), (image.path.as_path(), None));
}

#[test]
fn each_format_is_written_and_read_back() {
    let image = Image::ext3();
    let original = fs_err::read(&image.path).unwrap();
    for format in [
        DiskFormat::Raw,
        DiskFormat::Qcow2,
        DiskFormat::Vmdk,
        DiskFormat::Vpc,
    ] {
        let path = image.join("out.img");
        convert(&image.path, &path, format).unwrap();
        let content = inspect(&path).unwrap().content;
        assert_eq!(
            matches!(content, Content::VirtualDisk(_)),
            format != DiskFormat::Raw
        );
        let raw = open(&path).unwrap();
        assert!(fs_err::read(raw.path()).unwrap() == original, "{format:?}");
    }
}

fn refused(path: &Path, word: &str) {
    let error = open(path).unwrap_err();
    assert!(
        matches!(error, DiskImageError::NamesOthers { .. }),
        "{error}"
    );
    assert!(error.to_string().contains(word), "{error}");
}

#[test]
fn images_with_a_backing_file_are_refused() {
    let image = Image::ext3();
    let secret = image.path.to_str().unwrap();
    for format in ["qcow2", "qcow", "vmdk"] {
        // What stands in the backing file must not come out: it could be any file of this machine.
        let base = if format == "vmdk" {
            made(&image, "vmdk")
        } else {
            PathBuf::from(secret)
        };
        let base_format = if format == "vmdk" { "vmdk" } else { "raw" };
        let path = image.join(&format!("overlay.{format}"));
        let (base, to) = (base.to_str().unwrap(), path.to_str().unwrap());
        qemu_img(&[
            "create",
            "-q",
            "-f",
            format,
            "-b",
            base,
            "-F",
            base_format,
            to,
        ]);
        refused(&path, "backing file");
    }
}

#[test]
fn images_whose_data_are_elsewhere_are_refused() {
    let image = Image::ext3();
    let path = image.join("external.qcow2");
    let option = format!("data_file={}", image.join("data").to_str().unwrap());
    qemu_img(&[
        "create",
        "-q",
        "-f",
        "qcow2",
        "-o",
        &option,
        path.to_str().unwrap(),
        "1M",
    ]);
    refused(&path, "another file");

    let flat = image.join("flat.vmdk");
    let to = flat.to_str().unwrap();
    qemu_img(&[
        "create",
        "-q",
        "-f",
        "vmdk",
        "-o",
        "subformat=monolithicFlat",
        to,
        "1M",
    ]);
    refused(&flat, "list of other files");
}

#[test]
fn encrypted_and_differing_images_are_refused() {
    let image = Image::ext3();
    let path = made(&image, "qcow2");
    let mut bytes = fs_err::read(&path).unwrap();
    bytes[35] = 1;
    fs_err::write(&path, &bytes).unwrap();
    refused(&path, "encrypted");
    let path = made(&image, "vpc");
    let mut bytes = fs_err::read(&path).unwrap();
    let footer = bytes.len() - 512;
    bytes[footer + 63] = 4;
    fs_err::write(&path, &bytes).unwrap();
    refused(&path, "backing file");
}

#[test]
fn a_raw_disk_that_looks_like_qcow2_inside_stays_raw() {
    // Only the first bytes decide; what a guest wrote elsewhere is its own affair.
    let image = Image::ext3();
    image.patch(4096 * 100, b"QFI\xfb");
    assert_eq!(open(&image.path).unwrap().format(), None);
}

#[test]
fn broken_virtual_disks_are_refused_with_the_words_of_qemu_img() {
    let image = Image::ext3();
    let path = image.join("broken.qcow2");
    fs_err::write(&path, [b"QFI\xfb\0\0\0\x02".as_slice(), &[0; 600]].concat()).unwrap();
    let error = open(&path).unwrap_err();
    assert!(matches!(error, DiskImageError::Tool(_)), "{error}");
    let left = fs_err::read_dir(image.folder.path()).unwrap();
    assert!(
        left.map(|entry| entry.unwrap().file_name())
            .all(|name| !name.to_string_lossy().starts_with(".gumnut"))
    );
}
