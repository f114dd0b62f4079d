//! Whether the image fits the way it will be started.

use super::catalogue as is;
use super::{Findings, Hypervisor, Start, Subject};
use crate::content::Content;

pub(super) fn check(subject: &Subject<'_>, findings: &mut Findings) {
    // A kernel that is given settles how the image is started.
    let start = subject.start.or(subject.kernel.map(|_| Start::Kernel));
    match (&subject.image.content, start) {
        (Content::Disk(disk), Some(Start::Kernel)) => {
            findings.add(is::PARTITION_TABLE, format!("it is {disk}"));
        }
        (Content::Disk(disk), _) if !disk.bootable => {
            findings.add(is::NO_BOOT_LOADER, format!("it is {disk}"));
        }
        (Content::FileSystem(found), Some(Start::OwnBootLoader)) => {
            let message = format!("it is an {} file system", found.superblock.kind);
            findings.add(is::NO_PARTITION_TABLE, message);
        }
        _ => {}
    }
    root_device(subject, findings);
}

fn root_device(subject: &Subject<'_>, findings: &mut Findings) {
    let Some(root) = subject.image.root() else {
        return;
    };
    let Some(device) = root.guest().and_then(|guest| guest.root_device.as_deref()) else {
        return;
    };
    let superblock = &root.superblock;
    if let Some(label) = named(device, "LABEL=") {
        if label != superblock.label {
            let message = format!(
                "fstab has the label {label:?}, the file system has {:?}",
                superblock.label
            );
            findings.add(is::ROOT_LABEL, message);
        }
    } else if let Some(uuid) = named(device, "UUID=") {
        let own = superblock.uuid.to_string();
        if !uuid.eq_ignore_ascii_case(&own) {
            let message = format!("fstab has the UUID {uuid}, the file system has {own}");
            findings.add(is::ROOT_LABEL, message);
        }
    } else if let Some(hypervisor) = subject.hypervisor
        && let Some(disk) = device.strip_prefix("/dev/")
        && !offers(hypervisor, disk)
    {
        let message = format!(
            "fstab mounts {device}, which does not exist under {}",
            hypervisor.as_str()
        );
        findings.add(is::ROOT_DEVICE, message);
    }
}

/// What stands behind `LABEL=` or `UUID=` in fstab, without quotes; `None` when the device is named in another way.
fn named<'a>(device: &'a str, prefix: &str) -> Option<&'a str> {
    Some(device.strip_prefix(prefix)?.trim_matches('"'))
}

/// Whether an instance sees such a disk. Eucalyptus attaches the root as `sda` on both.
fn offers(hypervisor: Hypervisor, disk: &str) -> bool {
    let disk = disk.trim_end_matches(|c: char| c.is_ascii_digit());
    match hypervisor {
        Hypervisor::Kvm => matches!(disk, "sda" | "vda" | "root"),
        Hypervisor::Xen => matches!(disk, "sda" | "xvda" | "root"),
    }
}

impl Hypervisor {
    /// Its name as the command line and the directories of tarballs say it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Xen => "xen",
        }
    }
}
