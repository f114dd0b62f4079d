//! The checks: what each means and what to do. docs/checks.md has the same list.

/// How grave a finding is, the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// An instance will not start, or not as what it is registered as.
    Error,
    /// An instance may not start, or gives away secrets.
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
    /// How grave it is.
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
        "the image holds neither an ext2, ext3 or ext4 file system nor a partition table",
        "look at it with `gumnut inspect`; another file was probably meant";
    TRUNCATED, "truncated", Error,
        "the file system or a partition goes on behind the end of the image",
        "get the image again; `e2fsck -fn` does not notice this";
    JOURNAL, "journal", Error,
        "the image was copied while mounted or after a crash, and its journal was not replayed",
        "make a clean copy with `gumnut resize`, which replays it";
    UNCLEAN, "unclean", Error,
        "the file system was not unmounted properly, or the kernel found errors in it",
        "make a clean copy with `gumnut resize`, or repair a copy with `e2fsck -f`";
    UNREADABLE, "unreadable", Warning,
        "the files in the image could not be read, so nothing is known of the system on it",
        "check a copy with `e2fsck -f`";
    TABLE_DAMAGE, "partition-table-damage", Error,
        "the partition table contradicts itself or the image",
        "get the image again, or mend the table of a copy with `sgdisk -e`";
    ARCHITECTURE, "architecture", Error,
        "a 64-bit system cannot run on a 32-bit kernel, nor any system on a kernel for another processor",
        "choose the kernel that belongs to the image";
    ARCHITECTURE_DECLARED, "architecture-declared", Error,
        "the image would be registered for another architecture than the system on it, or the kernel, has",
        "pass the architecture of the image with --arch";
    ARCHITECTURE_MIXED, "architecture-mixed", Warning,
        "a 32-bit system runs on a 64-bit kernel, but modules and tools may not",
        "choose a 32-bit kernel unless this is meant";
    NOT_A_KERNEL, "not-a-kernel", Error,
        "what is given as the kernel is none; kernel and ramdisk may be swapped",
        "exchange them, or look at the file with `gumnut inspect`";
    NOT_A_RAMDISK, "not-a-ramdisk", Error,
        "what is given as the ramdisk is none; kernel and ramdisk may be swapped",
        "exchange them, or look at the file with `gumnut inspect`";
    MODULES, "modules", Warning,
        "the image has no modules for the kernel, so that drivers for network and disks may be missing",
        "copy /lib/modules of the kernel's release into the image, or choose another kernel";
    RAMDISK_MODULES, "ramdisk-modules", Warning,
        "the ramdisk has modules for other kernels only, so that it may not find the disk",
        "choose the ramdisk that was made for the kernel";
    ROOT_DEVICE, "root-device", Warning,
        "/etc/fstab mounts a root device that the hypervisor does not offer",
        "write /dev/sda1 or LABEL=... into /etc/fstab of the image";
    ROOT_LABEL, "root-label", Warning,
        "/etc/fstab names the root by a label or UUID that is not the one of this file system",
        "change the line in /etc/fstab, or the label with `tune2fs -L` on a copy";
    PARTITION_TABLE, "partition-table", Warning,
        "the image is a whole disk, but a kernel that the cloud adds expects a bare root file system",
        "bundle it without kernel and ramdisk and register it with --virtualization-type hvm";
    NO_PARTITION_TABLE, "no-partition-table", Warning,
        "the image is a bare file system, which cannot start without a kernel that the cloud adds",
        "register it with a kernel, or make a whole disk with a boot loader";
    NO_BOOT_LOADER, "no-boot-loader", Warning,
        "the disk has no boot code and no EFI system partition",
        "install a boot loader into the image";
    FEATURES, "features", Warning,
        "the file system has features that a kernel of this age cannot mount",
        "make the file system with `mke2fs -t ext3 -O ^metadata_csum,^64bit,^extent`, or choose a newer kernel";
    FREE_SPACE, "free-space", Warning,
        "less than 5 % of the file system is free, and a starting system writes",
        "enlarge it with `gumnut resize`";
    ODD_LENGTH, "odd-length", Note,
        "the image is no whole number of blocks, so that hypervisors may leave out its end",
        "nothing, if the file system is whole; `gumnut resize` gives a round size";
    HOST_KEYS, "host-keys", Warning,
        "all instances would have the same ssh host key, and everybody with the image has it too",
        "delete them from the image; ssh makes new ones at the first start";
    AUTHORIZED_KEYS, "authorized-keys", Warning,
        "whoever has the private key to these can log in to every instance",
        "delete them from the image";
    SHELL_HISTORY, "shell-history", Warning,
        "what was typed while the image was made goes to everybody who has it",
        "delete them from the image, then drop free blocks with `gumnut resize --fstrim`";
    CREDENTIALS, "credentials", Warning,
        "credentials or private keys go to everybody who has the image",
        "delete them from the image, drop free blocks with `gumnut resize --fstrim`, and replace the credentials";
    PASSWORDS, "passwords", Warning,
        "accounts have a password that can be guessed from the image, or need none",
        "lock them with `passwd -l` in the image";
    SERIAL_CONSOLE, "serial-console", Note,
        "no login is offered on a serial console, the only one that most clouds show",
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
