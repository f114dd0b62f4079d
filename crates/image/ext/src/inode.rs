//! Inodes as bytes.

use crate::attributes::Time;
use crate::checksum::Seed;
use crate::options::InodeSize;

const CHECKSUM_LOW: usize = 0x7c;
const CHECKSUM_HIGH: usize = 0x82;
/// Bytes of the fields that ext4 has added behind the first 128.
pub(crate) const EXTRA: u16 = 32;
pub(crate) const EXTENTS: u32 = 0x8_0000;
pub(crate) const INDEXED: u32 = 0x1000;
pub(crate) const NO_BLOCKS: [u8; 60] = [0; 60];

/// Earliest time that an inode can store: 1901.
const EARLIEST: i64 = i32::MIN as i64;
/// Latest time in an inode of 128 bytes: 2038.
const LATEST_SMALL: i64 = i32::MAX as i64;
/// Latest time in an inode of 256 bytes: 2446.
const LATEST: i64 = (3 << 32) + i32::MAX as i64;

/// All that an inode says.
pub(crate) struct Inode {
    pub(crate) mode: u16,
    pub(crate) user: u32,
    pub(crate) group: u32,
    pub(crate) size: u64,
    pub(crate) accessed: Time,
    pub(crate) changed: Time,
    pub(crate) modified: Time,
    pub(crate) created: Time,
    pub(crate) links: u16,
    /// Blocks of 4 KiB, those of maps and attributes included.
    pub(crate) blocks: u64,
    pub(crate) flags: u32,
    /// Block map, root of the extent tree, target of a short link, or numbers of a device.
    pub(crate) map: [u8; 60],
    pub(crate) xattr_block: u32,
    /// Extended attributes, at most what is left of an inode.
    pub(crate) xattrs: Vec<u8>,
}

impl Inode {
    /// An inode of root without content, for what the file system itself needs.
    pub(crate) fn internal(mode: u16, time: Time) -> Self {
        Self {
            mode,
            user: 0,
            group: 0,
            size: 0,
            accessed: time,
            changed: time,
            modified: time,
            created: time,
            links: 1,
            blocks: 0,
            flags: 0,
            map: NO_BLOCKS,
            xattr_block: 0,
            xattrs: Vec::new(),
        }
    }

    pub(crate) fn encode(&self, number: u32, size: InodeSize, seed: Seed) -> Vec<u8> {
        let mut bytes = vec![0; size.bytes()];
        let sectors = self.blocks * 8;
        put16(&mut bytes, 0x00, self.mode);
        put16(&mut bytes, 0x02, self.user as u16);
        put32(&mut bytes, 0x04, self.size as u32);
        put16(&mut bytes, 0x18, self.group as u16);
        put16(&mut bytes, 0x1a, self.links);
        put32(&mut bytes, 0x1c, sectors as u32);
        put32(&mut bytes, 0x20, self.flags);
        bytes[0x28..0x64].copy_from_slice(&self.map);
        put32(&mut bytes, 0x68, self.xattr_block);
        put32(&mut bytes, 0x6c, (self.size >> 32) as u32);
        put16(&mut bytes, 0x74, (sectors >> 32) as u16);
        put16(&mut bytes, 0x78, (self.user >> 16) as u16);
        put16(&mut bytes, 0x7a, (self.group >> 16) as u16);
        let times = [
            (0x08, 0x8c, self.accessed),
            (0x0c, 0x84, self.changed),
            (0x10, 0x88, self.modified),
        ];
        for (field, extra, time) in times {
            let (low, high) = encode_time(clamp(time, size));
            put32(&mut bytes, field, low);
            if size == InodeSize::Bytes256 {
                put32(&mut bytes, extra, high);
            }
        }
        if size == InodeSize::Bytes256 {
            let (low, high) = encode_time(clamp(self.created, size));
            put16(&mut bytes, 0x80, EXTRA);
            put32(&mut bytes, 0x90, low);
            put32(&mut bytes, 0x94, high);
            bytes[0xa0..0xa0 + self.xattrs.len()].copy_from_slice(&self.xattrs);
        }
        if let Some(sum) = seed.of_inode(number).sum(&[&bytes]) {
            put16(&mut bytes, CHECKSUM_LOW, sum as u16);
            if size == InodeSize::Bytes256 {
                put16(&mut bytes, CHECKSUM_HIGH, (sum >> 16) as u16);
            }
        }
        bytes
    }
}

/// The nearest time that an inode can store; an inode of 128 bytes has no nanoseconds.
pub(crate) fn clamp(time: Time, size: InodeSize) -> Time {
    let latest = match size {
        InodeSize::Bytes128 => LATEST_SMALL,
        InodeSize::Bytes256 => LATEST,
    };
    let seconds = time.seconds.clamp(EARLIEST, latest);
    let whole = seconds == time.seconds && size == InodeSize::Bytes256;
    Time {
        seconds,
        nanoseconds: if whole { time.nanoseconds } else { 0 },
    }
}

/// 32 bits of seconds; nanoseconds with two more bits of seconds.
fn encode_time(time: Time) -> (u32, u32) {
    let low = time.seconds.cast_unsigned() as u32;
    let epoch = (time.seconds - i64::from(low.cast_signed())) >> 32;
    (
        low,
        time.nanoseconds << 2 | epoch.cast_unsigned() as u32 & 3,
    )
}

pub(crate) fn put16(bytes: &mut [u8], at: usize, value: u16) {
    bytes[at..at + 2].copy_from_slice(&value.to_le_bytes());
}

pub(crate) fn put32(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_from_1901_to_2446() {
        let cases = [
            (0, (0, 0)),
            (-1, (u32::MAX, 0)),
            (EARLIEST, (0x8000_0000, 0)),
            (1 << 31, (0x8000_0000, 1)),
            (2_524_608_000, (2_524_608_000, 1)),
            (LATEST, (0x7fff_ffff, 3)),
        ];
        for (seconds, encoded) in cases {
            assert_eq!(
                encode_time(Time::from_seconds(seconds)),
                encoded,
                "{seconds}"
            );
        }
    }

    #[test]
    fn other_times_become_the_nearest() {
        let far = Time {
            seconds: LATEST + 1,
            nanoseconds: 5,
        };
        assert_eq!(clamp(far, InodeSize::Bytes256), Time::from_seconds(LATEST));
        assert_eq!(
            clamp(far, InodeSize::Bytes128),
            Time::from_seconds(LATEST_SMALL)
        );
        let early = Time::from_seconds(i64::MIN);
        assert_eq!(
            clamp(early, InodeSize::Bytes256),
            Time::from_seconds(EARLIEST)
        );
    }
}
