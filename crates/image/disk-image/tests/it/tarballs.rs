//! Tarballs as GNU tar writes them, compressed by the programs of the system, and evil ones.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use gumnut_disk_image::{
    Collection, Content, DiskImageError, Hypervisor, NoProgress, Progress, StepProgress, unpack,
};
use gumnut_types::Architecture;
use tempfile::TempDir;

use crate::image::{Image, MIB};
use crate::ramdisks::cpio;

/// A directory in the certified layout, and room for tarballs of it beside.
struct Layout {
    folder: TempDir,
    image: Vec<u8>,
}

const NAME: &str = "euca-centos-5.3-i386";
const DISK: &str = "euca-centos-5.3-i386/centos.5-3.x86.img";

impl Layout {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().join(NAME);
        let root = Image::ext3_with(|tree| {
            let mut elf = b"\x7fELF\x01\x01".to_vec();
            elf.resize(18, 0);
            elf.extend([3, 0]);
            fs_err::write(tree.join("usr/sbin/systemd"), elf).unwrap();
        });
        for (name, release) in [("kvm", "2.6.28-11-server"), ("xen", "2.6.24-19-xen")] {
            let kernels = top.join(format!("{name}-kernel"));
            fs_err::create_dir_all(&kernels).unwrap();
            fs_err::write(kernels.join(format!("vmlinuz-{release}")), kernel(release)).unwrap();
            let ramdisk = cpio(&format!("lib/modules/{release}/modules.dep"));
            fs_err::write(kernels.join(format!("initrd.img-{release}")), ramdisk).unwrap();
        }
        let path = folder.path().join(DISK);
        fs_err::copy(&root.path, &path).unwrap();
        let image = fs_err::read(&path).unwrap();
        Self { folder, image }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Has GNU tar make a tarball.
    fn tar(&self, options: &[&str]) -> PathBuf {
        let path = self.path("images.tar");
        let output = Command::new("tar")
            .args(options)
            .args([
                "-cf",
                path.to_str().unwrap(),
                "-C",
                self.folder.path().to_str().unwrap(),
                NAME,
            ])
            .output()
            .unwrap_or_else(|error| panic!("tar: {error}"));
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        path
    }

    /// Unpacks into a new directory.
    fn unpack(&self, tarball: &Path) -> Result<TempDir, DiskImageError> {
        let target = tempfile::tempdir_in(self.folder.path()).unwrap();
        unpack(tarball, target.path(), None, &NoProgress)?;
        Ok(target)
    }
}

fn kernel(release: &str) -> Vec<u8> {
    let mut bytes = vec![0; 0x800];
    bytes[0x1FE..0x200].copy_from_slice(&[0x55, 0xAA]);
    bytes[0x202..0x208].copy_from_slice(b"HdrS\x09\x02");
    bytes[0x20E..0x210].copy_from_slice(&0x400_u16.to_le_bytes());
    bytes[0x600..0x600 + release.len()].copy_from_slice(release.as_bytes());
    bytes
}

/// Every way of storing the image that GNU tar has by default, and every compression.
const FORMS: [&[&str]; 11] = [
    &["--format=v7"],
    &["--format=v7", "--bzip2"],
    &["--format=oldgnu", "--lzop"],
    &["--format=gnu"],
    &["--format=posix"],
    &["--format=ustar"],
    &["--format=gnu", "--sparse"],
    &["--format=posix", "--sparse"],
    &["--sparse", "--gzip"],
    &["--sparse", "--xz"],
    &["--format=posix", "--sparse", "--zstd"],
];

#[test]
fn every_form_gives_the_same_bytes_with_holes() {
    let layout = Layout::new();
    for form in FORMS {
        let tarball = layout.tar(form);
        let content = gumnut_disk_image::inspect(&tarball).unwrap().content;
        assert!(
            matches!(content, Content::Tarball(_)),
            "{form:?}: {content}"
        );
        let target = layout.unpack(&layout.tar(form)).unwrap();
        let path = target.path().join(DISK);
        assert!(fs_err::read(&path).unwrap() == layout.image, "{form:?}");
        let allocated = fs_err::metadata(&path).unwrap().blocks() * 512;
        assert!(allocated < 4 * MIB, "{form:?}: {allocated}");
        let kernel = target
            .path()
            .join(NAME)
            .join("xen-kernel/vmlinuz-2.6.24-19-xen");
        assert!(kernel.is_file(), "{form:?}");
        let names: Vec<_> = fs_err::read_dir(target.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, [NAME]);
    }
}

#[test]
fn a_tarball_and_its_folder_list_what_belongs_together() {
    let layout = Layout::new();
    let tarball = layout.tar(&["--sparse", "--gzip"]);
    let scratch = tempfile::tempdir().unwrap();
    let packed = Collection::of_tarball(&tarball, scratch.path(), &NoProgress).unwrap();
    let unpacked = Collection::of_folder(layout.folder.path().join(NAME).as_path()).unwrap();
    for found in [packed, unpacked] {
        let [disk] = found.disks.try_into().unwrap();
        assert_eq!(disk.inspection.architecture(), Some(Architecture::I386));
        assert!(disk.path.ends_with("centos.5-3.x86.img"));
        assert!(found.others.is_empty());
        assert_eq!(found.pairs.len(), 2);
        for (hypervisor, release) in [
            (Hypervisor::Kvm, "2.6.28-11-server"),
            (Hypervisor::Xen, "2.6.24-19-xen"),
        ] {
            let pair = found
                .pairs
                .iter()
                .find(|pair| pair.hypervisor == Some(hypervisor))
                .unwrap();
            let [kernel, ramdisk] = [
                &pair.kernels[0].inspection.content,
                &pair.ramdisks[0].inspection.content,
            ];
            assert!(matches!(kernel, Content::Kernel(kernel) if kernel.release() == Some(release)));
            assert!(
                matches!(ramdisk, Content::Ramdisk(ramdisk) if ramdisk.module_versions == [release])
            );
        }
    }
    assert_eq!(fs_err::read_dir(scratch.path()).unwrap().count(), 0);
}

#[test]
fn one_hypervisor_can_be_chosen() {
    let layout = Layout::new();
    let target = tempfile::tempdir().unwrap();
    unpack(
        &layout.tar(&[]),
        target.path(),
        Some(Hypervisor::Xen),
        &NoProgress,
    )
    .unwrap();
    let top = target.path().join(NAME);
    assert!(top.join("xen-kernel").is_dir() && !top.join("kvm-kernel").exists());
    assert!(target.path().join(DISK).is_file());
}

#[test]
fn what_is_there_already_stays() {
    let layout = Layout::new();
    let target = tempfile::tempdir().unwrap();
    fs_err::write(target.path().join(NAME), "precious").unwrap();
    let error = unpack(&layout.tar(&[]), target.path(), None, &NoProgress).unwrap_err();
    assert!(matches!(error, DiskImageError::Exists { .. }), "{error}");
    assert_eq!(fs_err::read(target.path().join(NAME)).unwrap(), b"precious");
    assert_eq!(fs_err::read_dir(target.path()).unwrap().count(), 1);
}

/// Unpacking must fail, say the word and leave nothing.
fn refused(layout: &Layout, tarball: &Path, word: &str) {
    let target = tempfile::tempdir().unwrap();
    let error = unpack(tarball, target.path(), None, &NoProgress).unwrap_err();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(error) = source {
        text.push_str(&error.to_string());
        source = error.source();
    }
    assert!(text.contains(word), "{text}");
    assert!(text.contains("images.tar"), "{text}");
    assert_eq!(fs_err::read_dir(target.path()).unwrap().count(), 0);
    assert!(layout.folder.path().exists());
}

#[test]
fn a_truncated_download_is_noticed_wherever_it_ends() {
    let layout = Layout::new();
    for (form, word) in [
        (["--format=gnu", "--sparse"].as_slice(), "truncated"),
        (&["--format=posix", "--sparse"], "truncated"),
        (&["--gzip"], ""),
        (&["--xz"], ""),
        (&["--zstd"], ""),
    ] {
        let tarball = layout.tar(form);
        let whole = fs_err::read(&tarball).unwrap();
        let last = if word.is_empty() {
            whole.len() - 1
        } else {
            512 * 20
        };
        for length in [700, whole.len() / 2, last] {
            fs_err::write(&tarball, &whole[..length]).unwrap();
            refused(&layout, &tarball, word);
        }
    }
}

#[test]
fn damage_is_noticed_by_the_check_sum_behind_the_end() {
    let layout = Layout::new();
    let tarball = layout.tar(&["--gzip"]);
    let mut bytes = fs_err::read(&tarball).unwrap();
    let crc = bytes.len() - 8;
    bytes[crc] ^= 1;
    fs_err::write(&tarball, bytes).unwrap();
    refused(&layout, &tarball, "");
}

#[test]
fn what_is_no_tarball_is_refused() {
    let layout = Layout::new();
    for bytes in [b"".as_slice(), b"hello", &[b'x'; 2000], &[0x1F, 0x8B, 8, 0]] {
        let path = layout.path("images.tar");
        fs_err::write(&path, bytes).unwrap();
        refused(&layout, &path, "");
    }
    for (bytes, word) in [
        (b"PK\x03\x04".as_slice(), "is a zip archive, not a tarball"),
        (b"a text\n", "is a text file, not a tarball"),
        (b"", "is empty, not a tarball"),
    ] {
        fs_err::write(layout.path("images.tar"), bytes).unwrap();
        refused(&layout, &layout.path("images.tar"), word);
    }
    fs_err::write(layout.path("images.tar"), [0; 10_240]).unwrap();
    refused(&layout, &layout.path("images.tar"), "no file");
}

/// A tarball with one member of this name, type and size.
fn member(name: &str, kind: u8, size: u64) -> Vec<u8> {
    let mut header = [0_u8; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..107].copy_from_slice(b"0000644");
    header[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    header[156] = kind;
    header[257..265].copy_from_slice(b"ustar  \0");
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    header.to_vec()
}

#[test]
fn names_that_lead_out_and_links_never_touch_anything() {
    let layout = Layout::new();
    let path = layout.path("images.tar");
    let end = [0; 1024];
    for name in ["../evil", "/tmp/gumnut-evil", "a/../../evil"] {
        for kind in [b'0', b'5'] {
            fs_err::write(&path, [member(name, kind, 0).as_slice(), &end].concat()).unwrap();
            refused(&layout, &path, "leads out");
        }
    }
    // A link out of the directory, and a file through it.
    let mut link = member("a", b'2', 0);
    link[157..161].copy_from_slice(b"/tmp");
    link[148..156].fill(b' ');
    let sum: u32 = link.iter().map(|byte| u32::from(*byte)).sum();
    link[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    fs_err::write(
        &path,
        [link.as_slice(), &member("a/evil", b'0', 0), &end].concat(),
    )
    .unwrap();
    let target = tempfile::tempdir().unwrap();
    let unpacked = unpack(&path, target.path(), None, &NoProgress).unwrap();
    assert_eq!(unpacked.left_out, [Path::new("a")]);
    assert!(target.path().join("a/evil").is_file());
    assert!(!target.path().join("a").is_symlink());
}

#[test]
fn members_twice_too_many_or_too_large_are_refused() {
    let layout = Layout::new();
    let path = layout.path("images.tar");
    let end = [0; 1024];
    let twice = [member("a", b'0', 0), member("a", b'0', 0), end.to_vec()].concat();
    fs_err::write(&path, twice).unwrap();
    refused(&layout, &path, "twice");
    let many = [member("a", b'5', 0).repeat(10_001), end.to_vec()].concat();
    fs_err::write(&path, many).unwrap();
    refused(&layout, &path, "too many");
    // A sparse file of 2^33 GiB, all of it a hole.
    let mut huge = member("a", b'S', 0);
    huge[483..495].copy_from_slice(&[0x80, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0]);
    huge[148..156].fill(b' ');
    let sum: u32 = huge.iter().map(|byte| u32::from(*byte)).sum();
    huge[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    fs_err::write(&path, [huge.as_slice(), &end].concat()).unwrap();
    refused(&layout, &path, "too large");
}

#[test]
fn links_and_modes_of_the_folder_are_not_followed() {
    let layout = Layout::new();
    let top = layout.path(NAME);
    symlink("/etc/passwd", top.join("link")).unwrap();
    fs_err::set_permissions(top.join("kvm-kernel"), Permissions::from_mode(0o700)).unwrap();
    assert_eq!(Collection::of_folder(&top).unwrap().others.len(), 0);
    let target = layout.unpack(&layout.tar(&[])).unwrap();
    assert!(!target.path().join(NAME).join("link").exists());
}

struct Stopped;

impl Progress for Stopped {
    fn cancelled(&self) -> bool {
        true
    }
}

impl StepProgress for Stopped {}

#[test]
fn stopping_leaves_nothing() {
    let layout = Layout::new();
    let target = tempfile::tempdir().unwrap();
    let error = unpack(&layout.tar(&[]), target.path(), None, &Stopped).unwrap_err();
    assert!(matches!(error, DiskImageError::Cancelled), "{error}");
    assert_eq!(fs_err::read_dir(target.path()).unwrap().count(), 0);
}
