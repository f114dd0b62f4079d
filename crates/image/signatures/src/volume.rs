//! File systems, and containers of file systems, that are known by their signatures and not read.

use std::fmt;
use std::io;

use crate::text::{be32, le16, le32};
use crate::window::Window;

/// A file system, or a container of others, that is named and not looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Volume {
    /// XFS.
    Xfs,
    /// Btrfs.
    Btrfs,
    /// bcachefs.
    Bcachefs,
    /// F2FS.
    F2fs,
    /// JFS.
    Jfs,
    /// `ReiserFS`.
    Reiserfs,
    /// UFS, of the BSDs.
    Ufs,
    /// A member of a ZFS pool.
    Zfs,
    /// EROFS, which is read only.
    Erofs,
    /// `SquashFS`, which is read only.
    Squashfs,
    /// cramfs, which is read only.
    Cramfs,
    /// romfs, which is read only.
    Romfs,
    /// ISO 9660, of CDs and installers.
    Iso9660,
    /// FAT with 12, 16 or 32 bits.
    Fat(u8),
    /// exFAT.
    ExFat,
    /// NTFS.
    Ntfs,
    /// `BitLocker`, which is encrypted.
    BitLocker,
    /// Swap space.
    Swap,
    /// A physical volume of LVM2.
    Lvm,
    /// An encrypted volume, LUKS version 1 or 2.
    Luks(u16),
    /// A member of a software RAID (md).
    Raid,
}

/// Where a signature stands, in bytes, and what it is.
const SIGNATURES: [(usize, &[u8], Volume); 23] = [
    (0, b"XFSB", Volume::Xfs),
    (0, b"hsqs", Volume::Squashfs),
    (0, b"sqsh", Volume::Squashfs),
    (0, b"-rom1fs-", Volume::Romfs),
    (0, &[0x45, 0x3D, 0xCD, 0x28], Volume::Cramfs),
    (0, &[0x28, 0xCD, 0x3D, 0x45], Volume::Cramfs),
    (512, &[0x45, 0x3D, 0xCD, 0x28], Volume::Cramfs),
    (3, b"NTFS    ", Volume::Ntfs),
    (3, b"EXFAT   ", Volume::ExFat),
    (3, b"-FVE-FS-", Volume::BitLocker),
    (1024, &[0x10, 0x20, 0xF5, 0xF2], Volume::F2fs),
    (1024, &[0xE2, 0xE1, 0xF5, 0xE0], Volume::Erofs),
    (0, &[0xFC, 0x4E, 0x2B, 0xA9], Volume::Raid),
    (4096, &[0xFC, 0x4E, 0x2B, 0xA9], Volume::Raid),
    (4120, &BCACHEFS, Volume::Bcachefs),
    (0x8000, b"JFS1", Volume::Jfs),
    (0x8001, b"CD001", Volume::Iso9660),
    (0x2034, b"ReIsErFs", Volume::Reiserfs),
    (0x1_0034, b"ReIsErFs", Volume::Reiserfs),
    (0x1_0034, b"ReIsEr2Fs", Volume::Reiserfs),
    (0x1_0034, b"ReIsEr3Fs", Volume::Reiserfs),
    (0x1_0040, b"_BHRfS_M", Volume::Btrfs),
    (0x1_055C, &[0x19, 0x01, 0x54, 0x19], Volume::Ufs),
];
const BCACHEFS: [u8; 16] = [
    0xC6, 0x85, 0x73, 0xF6, 0x4E, 0x1A, 0x45, 0xCA, 0x82, 0x65, 0xF5, 0x7F, 0x48, 0xBA, 0x6D, 0x81,
];
/// Page sizes whose last ten bytes may be the signature of swap space.
const PAGES: [usize; 5] = [4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10];
/// Where the uberblocks of the first ZFS label are, and how long they are together, in bytes.
const UBERBLOCKS: (u64, usize) = (128 << 10, 128 << 10);
const UBERBLOCK: u32 = 0x00BA_B10C;

impl Volume {
    /// How far the signatures reach, in bytes; those of ZFS are behind it.
    pub const REACH: usize = 0x1_0560;

    /// What a file or partition is by its signature; `None` for what has none that is known here.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn recognise(window: &Window) -> io::Result<Option<Self>> {
        let head = window.read_up_to(0, Self::REACH)?;
        // What encrypts or holds others comes first: beneath it an older signature may have survived.
        let found = containers(&head)
            .or_else(|| {
                SIGNATURES
                    .iter()
                    .find(|(at, magic, _)| head.get(*at..).is_some_and(|it| it.starts_with(magic)))
                    .map(|(.., volume)| *volume)
            })
            .or_else(|| swap(&head))
            .or_else(|| fat(&head).map(Self::Fat));
        if found.is_some() || !zfs(window)? {
            return Ok(found);
        }
        Ok(Some(Self::Zfs))
    }

    /// Whether a system can be started from it, as far as the kind shows.
    pub fn can_be_root(self) -> bool {
        !matches!(
            self,
            Self::Iso9660
                | Self::Fat(_)
                | Self::ExFat
                | Self::Ntfs
                | Self::BitLocker
                | Self::Swap
                | Self::Cramfs
                | Self::Romfs
        )
    }

    /// Whether Linux takes it for a ramdisk of the kind before version 2.6.
    pub fn can_be_ramdisk(self) -> bool {
        matches!(self, Self::Cramfs | Self::Romfs | Self::Squashfs)
    }

    /// What enlarges it, in words that follow "use"; `None` when nothing does or it depends.
    pub fn grown_by(self) -> Option<&'static str> {
        Some(match self {
            Self::Xfs => "`xfs_growfs /` on the running instance",
            Self::Btrfs => "`btrfs filesystem resize max /` on the running instance",
            Self::F2fs => "`resize.f2fs` on the partition",
            Self::Lvm => {
                "`pvresize`, `lvextend` and the tool of its file system on the running instance"
            }
            Self::Luks(_) => {
                "`cryptsetup resize` and the tool of its file system on the running instance"
            }
            Self::Zfs => "`zpool online -e` on the running instance",
            _ => return None,
        })
    }
}

fn containers(head: &[u8]) -> Option<Volume> {
    if head.starts_with(b"LUKS\xba\xbe") {
        let version = head.get(6..8)?;
        return Some(Volume::Luks(u16::from_be_bytes([version[0], version[1]])));
    }
    // A label of LVM is in one of the first four sectors.
    let mut sectors = head.chunks_exact(512).take(4);
    sectors
        .any(|sector| sector.starts_with(b"LABELONE") && sector[24..].starts_with(b"LVM2 001"))
        .then_some(Volume::Lvm)
}

fn swap(head: &[u8]) -> Option<Volume> {
    PAGES
        .iter()
        .filter_map(|page| head.get(page - 10..*page))
        .any(|end| end == b"SWAPSPACE2" || end == b"SWAP-SPACE")
        .then_some(Volume::Swap)
}

/// The bits of a FAT, determined from the number of clusters, as drivers do it.
fn fat(head: &[u8]) -> Option<u8> {
    let is_boot_sector = matches!(head.first(), Some(0xEB | 0xE9))
        && head.get(510..512) == Some(&[0x55, 0xAA])
        && matches!(head.get(21), Some(0xF0 | 0xF8..=0xFF));
    let sector = u64::from(le16(head, 11));
    let per_cluster = u64::from(*head.get(13)?);
    let reserved = u64::from(le16(head, 14));
    let tables = u64::from(*head.get(16)?);
    let is_sane = matches!(sector, 512 | 1024 | 2048 | 4096)
        && per_cluster.is_power_of_two()
        && reserved > 0
        && matches!(tables, 1 | 2);
    if !is_boot_sector || !is_sane {
        return None;
    }
    let either = |short: u16, long: u32| match short {
        0 => u64::from(long),
        short => u64::from(short),
    };
    let sectors = either(le16(head, 19), le32(head, 32));
    let table = either(le16(head, 22), le32(head, 36));
    let root = (u64::from(le16(head, 17)) * 32).div_ceil(sector);
    let clusters = sectors.checked_sub(reserved + tables * table + root)? / per_cluster;
    Some(match clusters {
        0 => return None,
        1..4085 => 12,
        4085..65525 => 16,
        _ => 32,
    })
}

/// Whether the first label of a ZFS pool has an uberblock.
fn zfs(window: &Window) -> io::Result<bool> {
    let (at, length) = UBERBLOCKS;
    let blocks = window.read_up_to(at, length)?;
    let found = blocks
        .chunks_exact(1024)
        .filter(|block| le32(block, 0) == UBERBLOCK && le32(block, 4) == 0)
        .count()
        + blocks
            .chunks_exact(1024)
            .filter(|block| be32(block, 0) == 0 && be32(block, 4) == UBERBLOCK)
            .count();
    Ok(found > 0)
}

impl fmt::Display for Volume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Xfs => "an XFS file system",
            Self::Btrfs => "a Btrfs file system",
            Self::Bcachefs => "a bcachefs file system",
            Self::F2fs => "an F2FS file system",
            Self::Jfs => "a JFS file system",
            Self::Reiserfs => "a ReiserFS file system",
            Self::Ufs => "a UFS file system",
            Self::Zfs => "a member of a ZFS pool",
            Self::Erofs => "an EROFS file system",
            Self::Squashfs => "a SquashFS file system",
            Self::Cramfs => "a cramfs file system",
            Self::Romfs => "a romfs file system",
            Self::Iso9660 => "an ISO 9660 file system (CD or installer)",
            Self::Fat(bits) => return write!(f, "a FAT{bits} file system"),
            Self::ExFat => "an exFAT file system",
            Self::Ntfs => "an NTFS file system",
            Self::BitLocker => "a volume encrypted with BitLocker",
            Self::Swap => "swap space",
            Self::Lvm => "a physical volume of LVM2",
            Self::Luks(version) => return write!(f, "a volume encrypted with LUKS{version}"),
            Self::Raid => "a member of a software RAID",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(offset: usize, bytes: &[u8]) -> Option<Volume> {
        let mut image = vec![0; 1 << 20];
        image[offset..offset + bytes.len()].copy_from_slice(bytes);
        Volume::recognise(&Window::in_memory(image)).unwrap()
    }

    #[test]
    fn every_signature_stands_within_what_is_read() {
        for (offset, magic, volume) in SIGNATURES {
            assert!(offset + magic.len() <= Volume::REACH);
            assert_eq!(at(offset, magic), Some(volume));
        }
    }

    #[test]
    fn swap_is_known_for_every_page_size() {
        for page in PAGES {
            assert_eq!(at(page - 10, b"SWAPSPACE2"), Some(Volume::Swap));
        }
        assert_eq!(at(4095 - 10, b"SWAPSPACE2"), None);
    }

    #[test]
    fn an_uberblock_of_either_byte_order_is_zfs() {
        assert_eq!(
            at(132 << 10, &0x00BA_B10C_u64.to_le_bytes()),
            Some(Volume::Zfs)
        );
        assert_eq!(
            at(255 << 10, &0x00BA_B10C_u64.to_be_bytes()),
            Some(Volume::Zfs)
        );
        assert_eq!(at(100 << 10, &0x00BA_B10C_u64.to_le_bytes()), None);
    }

    #[test]
    fn nothing_and_a_boot_sector_without_sizes_are_no_volume() {
        assert_eq!(at(0, b""), None);
        let mut sector = vec![0; 512];
        sector[0] = 0xEB;
        sector[21] = 0xF8;
        sector[510..].copy_from_slice(&[0x55, 0xAA]);
        assert_eq!(at(0, &sector), None);
        assert_eq!(
            Volume::recognise(&Window::in_memory(Vec::new())).unwrap(),
            None
        );
    }
}
