//! The checks: what each means and what to do. docs/checks.md has the same list.

/// How severe a finding is, the most severe first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// An instance will not start, or not as what it is registered as.
    Error,
    /// An instance may not start, or discloses secrets.
    Warning,
    /// Worth knowing.
    Note,
}

/// One of the checks.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Check {
    /// A stable name.
    pub id: &'static str,
    /// How severe it is.
    pub severity: Severity,
    /// What it means.
    pub meaning: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

use Severity::{Error, Note, Warning};

macro_rules! checks {
    ($($name:ident, $id:literal, $severity:ident, $meaning:literal, $remedy:literal;)*) => {
        $(pub(super) const $name: &Check = &Check {
            id: $id, severity: $severity, meaning: $meaning, remedy: $remedy,
        };)*
        pub(super) const ALL: [Check; [$($id),*].len()] = [$(Check {
            id: $id, severity: $severity, meaning: $meaning, remedy: $remedy,
        }),*];
    };
}

checks! {
    NO_FILE_SYSTEM, "no-file-system", Error,
        "the image contains neither a file system for an operating system nor a partition table",
        "look at it with `gumnut inspect`; it is probably the wrong file";
    TRUNCATED, "truncated", Error,
        "the file system or a partition extends beyond the end of the image",
        "download or copy the image again; `e2fsck -fn` does not detect this";
    JOURNAL, "journal", Error,
        "the image was copied while mounted or after a crash, and its journal was not replayed",
        "make a clean copy with `gumnut resize`, which replays it";
    UNCLEAN, "unclean", Error,
        "the file system was not unmounted properly, or the kernel found errors in it",
        "make a clean copy with `gumnut resize`, or repair a copy with `e2fsck -f`";
    UNREADABLE, "unreadable", Warning,
        "the files in the image could not be read, so the system on it was not checked",
        "check a copy with `e2fsck -f`";
    NOT_CHECKED, "not-checked", Note,
        "gumnut reads ext2, ext3 and ext4 only; the content named here was not checked",
        "check yourself that the system on it is complete and contains no secrets, and pass --arch";
    INSTALLER, "installer", Warning,
        "the image is an installer or a live system, which does not keep what an instance writes",
        "install the system into a disk image, and publish that image";
    TABLE_DAMAGE, "partition-table-damage", Error,
        "the partition table is inconsistent or does not match the image",
        "download or copy the image again, or repair the table of a copy with `sgdisk -e`";
    ARCHITECTURE, "architecture", Error,
        "a 64-bit system cannot run on a 32-bit kernel, nor any system on a kernel for another processor",
        "use the kernel that belongs to the image";
    ARCHITECTURE_DECLARED, "architecture-declared", Error,
        "the image would be registered with the wrong architecture",
        "pass the architecture of the image with --arch";
    ARCHITECTURE_MIXED, "architecture-mixed", Warning,
        "a 32-bit system runs on a 64-bit kernel, but modules and tools may not work",
        "use a 32-bit kernel unless this is intended";
    NOT_A_KERNEL, "not-a-kernel", Error,
        "the file given as kernel is not a kernel; kernel and ramdisk may be swapped",
        "swap them, or look at the file with `gumnut inspect`";
    NOT_A_RAMDISK, "not-a-ramdisk", Error,
        "the file given as ramdisk is not a ramdisk; kernel and ramdisk may be swapped",
        "swap them, or look at the file with `gumnut inspect`";
    RAMDISK_DAMAGE, "ramdisk-damage", Error,
        "Linux does not unpack the whole ramdisk, so the instance may not find its root file system",
        "make the ramdisk again with `update-initramfs`, `dracut` or `mkinitcpio`, or download it again";
    OLD_RAMDISK, "old-ramdisk", Warning,
        "the ramdisk is a file system, as before Linux 2.6; most current kernels do not support it",
        "use the ramdisk that was made for the kernel, unless it is this one";
    MODULES, "modules", Warning,
        "the image has no modules for the kernel, so drivers for network and disks may be missing",
        "copy /lib/modules of the kernel's release into the image, or use another kernel";
    RAMDISK_MODULES, "ramdisk-modules", Warning,
        "the ramdisk has modules for other kernels only, so it may not find the disk",
        "use the ramdisk that was made for the kernel";
    ROOT_DEVICE, "root-device", Warning,
        "/etc/fstab mounts a root device that does not exist under this hypervisor",
        "write /dev/sda1 or LABEL=... into /etc/fstab of the image";
    ROOT_LABEL, "root-label", Warning,
        "/etc/fstab mounts the root by a label or UUID that is not the one of this file system",
        "change the line in /etc/fstab, or the label with `tune2fs -L` on a copy";
    PARTITION_TABLE, "partition-table", Warning,
        "the image is a whole disk, but a kernel from the cloud expects a root file system without a partition table",
        "bundle it without kernel and ramdisk and register it with --virtualization-type hvm";
    NO_PARTITION_TABLE, "no-partition-table", Warning,
        "the image is a file system without a partition table, which cannot start without a kernel from the cloud",
        "register it with a kernel, or make a whole disk with a boot loader";
    NO_BOOT_LOADER, "no-boot-loader", Warning,
        "the disk has no boot code and no EFI system partition",
        "install a boot loader into the image";
    FEATURES, "features", Warning,
        "the file system has features that a kernel this old cannot mount",
        "make the file system with `mke2fs -t ext3 -O ^metadata_csum,^64bit,^extent`, or use a newer kernel";
    FREE_SPACE, "free-space", Warning,
        "less than 5 % of the file system is free, and a system needs space to start",
        "enlarge it with `gumnut resize`";
    ODD_LENGTH, "odd-length", Note,
        "the size is not a multiple of the block size; a hypervisor may cut off the end",
        "nothing, if the file system is complete; `gumnut resize` rounds the size";
    HOST_KEYS, "host-keys", Warning,
        "all instances would have the same ssh host key, and everybody who has the image has the key",
        "delete them if something creates new ones at the first start, such as cloud-init; otherwise the ssh server would not start without them: add a unit that runs `ssh-keygen -A` first";
    AUTHORIZED_KEYS, "authorized-keys", Warning,
        "the owners of these keys can log in to every instance",
        "delete them from the image";
    SHELL_HISTORY, "shell-history", Warning,
        "everybody who has the image can read the commands that were typed on it",
        "delete them from the image, then discard free blocks with `gumnut resize --fstrim`";
    CREDENTIALS, "credentials", Warning,
        "everybody who has the image can read these credentials or private keys",
        "delete them from the image, discard free blocks with `gumnut resize --fstrim`, and replace the credentials";
    PASSWORDS, "passwords", Warning,
        "accounts have a password whose hash is in the image, or need no password",
        "lock them with `passwd -l` in the image";
    SERIAL_CONSOLE, "serial-console", Note,
        "there is no login on the serial console, the only console that most clouds show",
        "add a getty on ttyS0 (KVM) or hvc0 (Xen)";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_lists_every_check_with_its_severity() {
        let page = include_str!("../../docs/checks.md");
        for check in &ALL {
            let severity = format!("{:?}", check.severity).to_lowercase();
            let row = format!(
                "| `{}` | {severity} | {} | {} |",
                check.id, check.meaning, check.remedy
            );
            assert!(page.contains(&row), "docs/checks.md has no row\n{row}");
        }
        let rows = page.lines().filter(|line| line.starts_with("| `")).count();
        assert_eq!(rows, ALL.len());
    }
}
