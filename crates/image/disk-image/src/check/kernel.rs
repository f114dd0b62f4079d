//! Whether image, kernel, ramdisk and declared architecture belong together.

use gumnut_types::Architecture;

use super::catalogue as is;
use super::{Findings, Subject};
use crate::content::{Content, Inspection, Packed};
use crate::features::Features;
use crate::guest::Guest;

pub(super) fn check(subject: &Subject<'_>, findings: &mut Findings) {
    if let Some(kernel) = subject.kernel {
        is_kernel(kernel, findings);
        architecture(subject, kernel, findings);
        modules(subject, kernel, findings);
    }
    if let Some(ramdisk) = subject.ramdisk {
        is_ramdisk(ramdisk, findings);
    }
    declared(subject.image, subject.architecture, findings);
    if let (None, Some(kernel)) = (subject.image.processor(), subject.kernel) {
        declared(kernel, subject.architecture, findings);
    }
    features(subject, findings);
}

pub(super) fn is_kernel(kernel: &Inspection, findings: &mut Findings) {
    match &kernel.content {
        // Xen kernels of 2009 are ELF files or plain gzip.
        Content::Elf { elf, .. } if elf.can_be_kernel() => {}
        Content::Kernel(_)
        | Content::Compressed {
            inside: Packed::Unknown,
            ..
        } => {}
        other => findings.add(is::NOT_A_KERNEL, format!("the kernel is {other}")),
    }
}

/// The largest file system that is taken for a ramdisk, in bytes: what kernels reserve for one by default.
const LARGEST_OLD: u64 = 64 << 20;

pub(super) fn is_ramdisk(ramdisk: &Inspection, findings: &mut Findings) {
    let is_old = match &ramdisk.content {
        Content::Ramdisk(found) => {
            if let Some(problem) = &found.problem {
                findings.add(is::RAMDISK_DAMAGE, problem);
            }
            if let Some(reason) = &found.not_read {
                let message = format!("the rest of the ramdisk was not looked at: {reason}");
                findings.add(is::NOT_CHECKED, message);
            }
            return;
        }
        Content::FileSystem(_) => ramdisk.length <= LARGEST_OLD,
        Content::Volume(volume) => volume.can_be_ramdisk(),
        Content::Compressed { inside, .. } => match inside {
            Packed::FileSystem(_) => true,
            Packed::Volume(volume) => volume.can_be_ramdisk(),
            _ => false,
        },
        _ => false,
    };
    let message = format!("the ramdisk is {}", ramdisk.content);
    findings.add(
        if is_old {
            is::OLD_RAMDISK
        } else {
            is::NOT_A_RAMDISK
        },
        message,
    );
}

/// Compares what a file is for with what it would be registered as.
pub(super) fn declared(
    file: &Inspection,
    architecture: Option<Architecture>,
    findings: &mut Findings,
) {
    let (Some(found), Some(declared)) = (file.processor(), architecture) else {
        return;
    };
    let has_no_name = declared == Architecture::Other && found.parse::<Architecture>().is_err();
    if found != declared.as_str() && !has_no_name {
        let message = format!("the image is for {found}, but would be registered as {declared}");
        findings.add(is::ARCHITECTURE_DECLARED, message);
    }
}

fn architecture(subject: &Subject<'_>, kernel: &Inspection, findings: &mut Findings) {
    let (Some(root), Some(kernel)) = (subject.image.processor(), kernel.processor()) else {
        return;
    };
    let message = format!("the system is for {root}, the kernel for {kernel}");
    match (root, kernel) {
        (root, kernel) if root == kernel => {}
        ("i386", "x86_64") => findings.add(is::ARCHITECTURE_MIXED, message),
        _ => findings.add(is::ARCHITECTURE, message),
    }
}

fn modules(subject: &Subject<'_>, kernel: &Inspection, findings: &mut Findings) {
    let Some(release) = release(kernel) else {
        return;
    };
    let guest = subject.image.root().and_then(|root| root.guest());
    if let Some(guest) = guest.filter(|guest| lacks(&guest.module_versions, release)) {
        let message = format!(
            "the kernel is {release}, the image has modules for {}",
            list(&guest.module_versions)
        );
        findings.add(is::MODULES, message);
    }
    let Some(Content::Ramdisk(ramdisk)) = subject.ramdisk.map(|ramdisk| &ramdisk.content) else {
        return;
    };
    // A ramdisk without modules is for a kernel that needs none.
    if !ramdisk.module_versions.is_empty() && lacks(&ramdisk.module_versions, release) {
        let message = format!(
            "the kernel is {release}, the ramdisk has modules for {}",
            list(&ramdisk.module_versions)
        );
        findings.add(is::RAMDISK_MODULES, message);
    }
}

fn release(kernel: &Inspection) -> Option<&str> {
    match &kernel.content {
        Content::Kernel(kernel) => kernel.release(),
        _ => None,
    }
}

fn list(versions: &[String]) -> String {
    if versions.is_empty() {
        "none".to_owned()
    } else {
        versions.join(", ")
    }
}

fn lacks(versions: &[String], release: &str) -> bool {
    !versions.iter().any(|version| version == release)
}

/// The newest kernel release that the image has modules for; `None` when it has modules for none.
fn newest_modules(guest: &Guest) -> Option<&str> {
    guest
        .module_versions
        .iter()
        .map(String::as_str)
        .max_by_key(|version| age(version))
}

/// Compares the features of the root with the age of the kernel: the one given, or else the newest that
/// the image has modules for.
fn features(subject: &Subject<'_>, findings: &mut Findings) {
    let Some(root) = subject.image.root() else {
        return;
    };
    let kernel = match subject.kernel {
        Some(kernel) => release(kernel),
        None => root.guest().and_then(newest_modules),
    };
    let Some((kernel, age)) = kernel.and_then(|kernel| Some((kernel, age(kernel)?))) else {
        return;
    };
    let features = root.superblock.features;
    let new: Vec<&str> = Features::SINCE
        .iter()
        .filter(|(word, since)| features.has(*word) && age < *since)
        .map(|(word, _)| word.name())
        .collect();
    if !new.is_empty() {
        let message = format!("kernel {kernel} does not support {}", new.join(", "));
        findings.add(is::FEATURES, message);
    }
}

/// Version, patch level and sublevel of a kernel release.
fn age(release: &str) -> Option<(u32, u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    let mut next = || numbers.next()?.parse().ok();
    Some((next()?, next()?, next().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_compared_by_their_numbers() {
        assert_eq!(age("2.6.24-19-xen"), Some((2, 6, 24)));
        assert_eq!(age("6.1.0-50-cloud-amd64"), Some((6, 1, 0)));
        assert_eq!(age("6.12-rc1"), Some((6, 12, 0)));
        assert_eq!(age("xen"), None);
        assert!(age("2.6.9") < age("2.6.28"));
    }
}
