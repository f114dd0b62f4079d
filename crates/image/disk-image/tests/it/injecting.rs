//! Keys in the root file systems of disks, judged by debugfs and e2fsck.

use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

use gumnut_disk_image::{DiskImageError, inject_key, inspect, replay_journal};

use crate::image::{Image, LENGTH, MIB, e2fs, succeed};

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVl mykey";

/// Makes a disk on which the image begins at 1 MiB.
fn disk_of(image: &Image) -> PathBuf {
    let target = image.join("disk.img");
    let mut bytes = vec![0; usize::try_from(MIB).unwrap()];
    bytes.extend(fs_err::read(&image.path).unwrap());
    fs_err::write(&target, bytes).unwrap();
    target
}

/// Copies a part of a disk out.
fn part(image: &Image, disk: &Path, start: u64, length: u64) -> PathBuf {
    let path = image.join("part.img");
    let mut bytes = vec![0; usize::try_from(length).unwrap()];
    let disk = fs_err::File::open(disk).unwrap();
    disk.file().read_exact_at(&mut bytes, start).unwrap();
    fs_err::write(&path, bytes).unwrap();
    path
}

/// What debugfs shows of a file on the root of a disk.
fn stat(image: &Image, disk: &Path, request: &str) -> String {
    let root = part(image, disk, MIB, LENGTH);
    let output = e2fs("debugfs", &["-R", request], &root);
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_key_is_added_to_those_that_are_there_and_is_roots_alone() {
    for (name, image) in [
        ("ext2", Image::ext2()),
        ("ext3", Image::ext3()),
        ("ext4", Image::ext4()),
    ] {
        let disk = disk_of(&image);
        inject_key(&disk, MIB, KEY).unwrap();
        let file = stat(&image, &disk, "cat /root/.ssh/authorized_keys");
        assert_eq!(file, format!("{KEY}\n"), "{name}");
        let mode = stat(&image, &disk, "stat /root/.ssh/authorized_keys");
        assert!(mode.contains("Mode:  0600"), "{name}: {mode}");
        let folder = stat(&image, &disk, "stat /root/.ssh");
        assert!(folder.contains("Mode:  0700"), "{name}: {folder}");
        let root = part(&image, &disk, MIB, LENGTH);
        succeed("e2fsck", &["-fn"], &root);

        inject_key(&disk, MIB, "ssh-rsa AAAA other").unwrap();
        let file = stat(&image, &disk, "cat /root/.ssh/authorized_keys");
        assert_eq!(file, format!("{KEY}\nssh-rsa AAAA other\n"), "{name}");
        let beside: Vec<_> = fs_err::read_dir(image.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .filter(|name| name.to_string_lossy().ends_with(".new"))
            .collect();
        assert!(beside.is_empty(), "{beside:?}");
    }
}

#[test]
fn a_file_that_ends_in_the_middle_of_a_line_gets_a_line_of_its_own() {
    let image = Image::ext3_with(|tree| {
        let folder = tree.join("root/.ssh");
        fs_err::create_dir_all(&folder).unwrap();
        let file = folder.join("authorized_keys");
        fs_err::write(&file, "ssh-dss AAAA old").unwrap();
        fs_err::set_permissions(&file, PermissionsExt::from_mode(0o666)).unwrap();
    });
    let disk = disk_of(&image);
    inject_key(&disk, MIB, KEY).unwrap();
    let file = stat(&image, &disk, "cat /root/.ssh/authorized_keys");
    assert_eq!(file, format!("ssh-dss AAAA old\n{KEY}\n"));
    let mode = stat(&image, &disk, "stat /root/.ssh/authorized_keys");
    assert!(mode.contains("Mode:  0600"), "{mode}");
}

#[test]
fn a_file_system_that_was_not_left_clean_is_checked_before() {
    let image = Image::ext3();
    image.leave_in_journal(7000, &[0x5A; 1024]);
    let unclean = disk_of(&image);
    let error = inject_key(&unclean, MIB, KEY).unwrap_err();
    assert!(error.to_string().contains("not left clean"), "{error}");
    replay_journal(&image.path).unwrap();
    let bytes = fs_err::read(&image.path).unwrap();
    assert_eq!(bytes[7000 * 1024..7001 * 1024], [0x5A; 1024]);
    let disk = disk_of(&image);
    inject_key(&disk, MIB, KEY).unwrap();
    assert!(stat(&image, &disk, "cat /root/.ssh/authorized_keys").contains(KEY));
}

#[test]
fn what_is_no_key_and_where_none_can_be_is_refused() {
    let image = Image::ext3();
    let disk = disk_of(&image);
    let before = fs_err::read(&disk).unwrap();
    for line in ["a\nb", "a\0b"] {
        let error = inject_key(&disk, MIB, line).unwrap_err();
        assert!(
            matches!(error, DiskImageError::WrongResult { .. }),
            "{error}"
        );
    }
    let error = inject_key(&disk, 0, KEY).unwrap_err();
    assert!(
        error.to_string().contains("no ext2, ext3 or ext4"),
        "{error}"
    );
    assert_eq!(fs_err::read(&disk).unwrap(), before);
    // A file is in the place of a directory.
    let image = Image::ext3_with(|tree| {
        fs_err::create_dir_all(tree.join("root")).unwrap();
        fs_err::write(tree.join("root/.ssh"), "not a directory").unwrap();
    });
    let disk = disk_of(&image);
    let before = fs_err::read(&disk).unwrap();
    let error = inject_key(&disk, MIB, KEY).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("/root/.ssh is not a directory"), "{text}");
    assert_eq!(fs_err::read(&disk).unwrap(), before);
    // A link is one, too, whatever it leads to.
    let image = Image::ext3_with(|tree| {
        fs_err::create_dir_all(tree.join("root/real")).unwrap();
        std::os::unix::fs::symlink("real", tree.join("root/.ssh")).unwrap();
    });
    let disk = disk_of(&image);
    let error = inject_key(&disk, MIB, KEY).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("/root/.ssh is not a directory"), "{text}");
}

#[test]
fn what_asks_for_its_key_and_what_drivers_there_are_is_seen() {
    let image = Image::ext3_with(|tree| {
        fs_err::write(tree.join("etc/rc.local"), "#curl 169.254.169.254\n").unwrap();
        let list = "kernel/drivers/ata/ata_piix.ko: kernel/drivers/ata/libata.ko\n";
        fs_err::write(tree.join("lib/modules/2.6.28-11-server/modules.dep"), list).unwrap();
    });
    let inspection = inspect(&image.path).unwrap();
    let guest = inspection.root().unwrap().guest().unwrap();
    assert!(!guest.asks_metadata && guest.drivers.ide && !guest.drivers.virtio_blk);
    let image = Image::ext3_with(|tree| {
        let script = "#!/bin/sh\nwget -O k http://169.254.169.254/latest/meta-data/public-keys/0/openssh-key\n";
        fs_err::write(tree.join("etc/rc.local"), script).unwrap();
    });
    let inspection = inspect(&image.path).unwrap();
    assert!(inspection.root().unwrap().guest().unwrap().asks_metadata);
}
