//! Whether the image is complete and clean.

use gumnut_signatures::Volume;

use super::catalogue as is;
use super::{Findings, Subject};
use crate::content::{Content, Contents, Disk, FileSystem};
use crate::superblock::State;

/// Least part of a file system that should be free, in hundredths.
const LEAST_FREE: u64 = 5;
const SECTOR: u64 = 512;

pub(super) fn check(subject: &Subject<'_>, findings: &mut Findings) {
    let image = subject.image;
    match &image.content {
        Content::FileSystem(found) => {
            file_system(found, "the file system", findings);
            let block = found.superblock.block_size;
            if found.missing == 0 && !image.length.is_multiple_of(block) {
                let length = image.length;
                findings.add(
                    is::ODD_LENGTH,
                    format!("{length} bytes in blocks of {block}"),
                );
            }
        }
        Content::Volume(volume) if volume.can_be_root() => {
            let message = format!("it is {volume}, and its content was not checked");
            findings.add(is::NOT_CHECKED, message);
        }
        Content::Disk(disk) => {
            not_checked(disk, findings);
            if let Some(damage) = &disk.damage {
                findings.add(is::TABLE_DAMAGE, damage);
            }
            for partition in &disk.partitions {
                let (number, entry) = (partition.entry.number, &partition.entry);
                let end = entry.start.saturating_add(entry.length);
                if end > image.length {
                    let message = format!(
                        "partition {number} ends at byte {end}, the image at {}",
                        image.length
                    );
                    findings.add(is::TRUNCATED, message);
                }
                if let Some(found) = &partition.file_system {
                    file_system(
                        found,
                        &format!("the file system in partition {number}"),
                        findings,
                    );
                }
            }
            if !image.length.is_multiple_of(SECTOR) {
                let length = image.length;
                findings.add(
                    is::ODD_LENGTH,
                    format!("{length} bytes in sectors of {SECTOR}"),
                );
            }
        }
        other => findings.add(is::NO_FILE_SYSTEM, format!("it contains {other}")),
    }
}

/// Says what was not looked at on a disk.
fn not_checked(disk: &Disk, findings: &mut Findings) {
    if disk.iso9660 {
        findings.add(is::INSTALLER, format!("it is {disk}"));
    }
    for partition in &disk.partitions {
        let number = partition.entry.number;
        if partition.entry.kind == "extended" {
            let message = format!(
                "partition {number} is an extended one, and the logical partitions in it were not checked"
            );
            findings.add(is::NOT_CHECKED, message);
        }
        // Swap space has no content to look at.
        let volume = partition.volume.filter(|it| *it != Volume::Swap);
        if let Some(volume) = volume {
            let message =
                format!("partition {number} contains {volume}, and its content was not checked");
            findings.add(is::NOT_CHECKED, message);
        }
    }
    let mut partitions = disk.partitions.iter();
    if disk.damage.is_none() && !partitions.any(|partition| partition.file_system.is_some()) {
        let message = "no partition contains an ext2, ext3 or ext4 file system, so the system was not checked";
        findings.add(is::NOT_CHECKED, message);
    }
}

fn file_system(file_system: &FileSystem, name: &str, findings: &mut Findings) {
    let superblock = &file_system.superblock;
    if file_system.missing > 0 {
        let (length, missing) = (superblock.length(), file_system.missing);
        let message = format!("{name} has {length} bytes, of which the last {missing} are missing");
        findings.add(is::TRUNCATED, message);
        return;
    }
    match superblock.state {
        State::Clean => {}
        State::NeedsRecovery => findings.add(is::JOURNAL, format!("{name} needs recovery")),
        state @ (State::Dirty | State::Errors) => {
            findings.add(
                is::UNCLEAN,
                format!(
                    "{name} {}",
                    match state {
                        State::Errors => "has errors",
                        _ => "is not clean",
                    }
                ),
            );
        }
    }
    if let Contents::NotRead { reason } = &file_system.contents
        && superblock.state != State::NeedsRecovery
    {
        findings.add(is::UNREADABLE, format!("{name}: {reason}"));
    }
    if superblock.free_blocks.saturating_mul(100)
        < superblock.block_count.saturating_mul(LEAST_FREE)
    {
        let (free, all) = (superblock.free(), superblock.length());
        findings.add(
            is::FREE_SPACE,
            format!("{free} of {all} bytes of {name} are free"),
        );
    }
}
