//! The headers that our writer emits. A plain one is byte for byte that of euca2ools 3.1 to 3.4.

use gumnut_types::ImageName;
use tar::{EntryType, GnuExtSparseHeader, GnuSparseHeader, Header};

use super::{RECORD, Segment, SparseMap};

/// What a header's name field holds; a longer name goes into a member of its own before it.
const NAME_FIELD: usize = 100;
const LONG_NAME: &[u8] = b"././@LongLink";

/// Everything before the data of a plain member of `size` bytes.
pub(super) fn encode(name: &ImageName, size: u64) -> Vec<u8> {
    let name = name.as_str().as_bytes();
    let mut bytes = before(name);
    bytes.extend_from_slice(header(name, EntryType::Regular, 0o644, size).as_bytes());
    bytes
}

/// Everything before the data of an old-GNU sparse member.
pub(super) fn encode_sparse(name: &ImageName, map: &SparseMap) -> Vec<u8> {
    let name = name.as_str().as_bytes();
    let mut entries = map.segments().to_vec();
    if entries
        .last()
        .is_none_or(|last| last.offset + last.len < map.size())
    {
        // The mark of a hole at the end.
        entries.push(Segment {
            offset: map.size(),
            len: 0,
        });
    }
    let mut header = header(name, EntryType::GNUSparse, 0o644, map.stored());
    let mut rest = entries.as_slice();
    if let Some(gnu) = header.as_gnu_mut() {
        gnu.set_real_size(map.size());
        rest = fill(&mut gnu.sparse, rest);
        gnu.set_is_extended(!rest.is_empty());
    }
    set_checksum(&mut header);
    let mut bytes = before(name);
    bytes.extend_from_slice(header.as_bytes());
    while !rest.is_empty() {
        let mut extension = GnuExtSparseHeader::new();
        rest = fill(&mut extension.sparse, rest);
        extension.set_is_extended(!rest.is_empty());
        bytes.extend_from_slice(extension.as_bytes());
    }
    bytes
}

/// Writes as many entries as there are slots, and returns the others.
fn fill<'a>(slots: &mut [GnuSparseHeader], entries: &'a [Segment]) -> &'a [Segment] {
    let (now, later) = entries.split_at(entries.len().min(slots.len()));
    for (slot, segment) in slots.iter_mut().zip(now) {
        slot.set_offset(segment.offset);
        slot.set_length(segment.len);
    }
    later
}

/// The member that goes before one with a long name.
fn before(name: &[u8]) -> Vec<u8> {
    if name.len() > NAME_FIELD {
        long_name(name)
    } else {
        Vec::new()
    }
}

/// A GNU long name member: the name and one NUL, padded.
fn long_name(name: &[u8]) -> Vec<u8> {
    let size = name.len() + 1;
    let mut bytes = header(LONG_NAME, EntryType::GNULongName, 0, size as u64)
        .as_bytes()
        .to_vec();
    bytes.extend_from_slice(name);
    bytes.resize(RECORD + size.next_multiple_of(RECORD), 0);
    bytes
}

fn header(name: &[u8], kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    for (field, byte) in header.as_old_mut().name.iter_mut().zip(name) {
        *field = *byte;
    }
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header.set_entry_type(kind);
    if let Some(gnu) = header.as_gnu_mut() {
        gnu.set_device_major(0);
        gnu.set_device_minor(0);
    }
    set_checksum(&mut header);
    header
}

/// Six digits, NUL, space. `Header::set_cksum` writes seven digits, which reads alike but is not
/// equal.
fn set_checksum(header: &mut Header) {
    let checksum = format!("{:06o}\0 ", checksum(header.as_bytes()));
    header
        .as_old_mut()
        .cksum
        .copy_from_slice(checksum.as_bytes());
}

/// The sum of all bytes of a header, its checksum field counted as spaces.
pub(super) fn checksum(header: &[u8; RECORD]) -> u32 {
    const FIELD: std::ops::Range<usize> = 148..156;
    let sum = |bytes: &[u8]| bytes.iter().copied().map(u32::from).sum::<u32>();
    let spaces = u32::from(b' ') * 8;
    sum(&header[..FIELD.start]) + spaces + sum(&header[FIELD.end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ImageName {
        text.parse().unwrap()
    }

    #[test]
    fn the_layout_is_that_of_the_specification() {
        let bytes = encode(&name("centos"), 1_234_567);
        let mut expected = [0; RECORD];
        let mut put = |at: usize, text: &[u8]| expected[at..at + text.len()].copy_from_slice(text);
        put(0, b"centos");
        put(100, b"0000644");
        put(108, b"0000000");
        put(116, b"0000000");
        put(124, b"00004553207");
        put(136, b"00000000000");
        put(148, b"010403\0 ");
        put(156, b"0");
        put(257, b"ustar  \0");
        put(329, b"0000000");
        put(337, b"0000000");
        assert_eq!(bytes, expected);
    }

    #[test]
    fn from_8_gib_on_the_size_is_binary() {
        let size = |size| encode(&name("x"), size)[124..136].to_vec();
        assert_eq!(size((8 << 30) - 1), b"77777777777\0");
        assert_eq!(size(8 << 30), [0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0]);
        assert_eq!(size(9 << 30), [0x80, 0, 0, 0, 0, 0, 0, 2, 0x40, 0, 0, 0]);
    }

    #[test]
    fn a_name_of_more_than_100_bytes_goes_first() {
        assert_eq!(encode(&name(&"n".repeat(100)), 5).len(), RECORD);
        let long = "n".repeat(101);
        let bytes = encode(&name(&long), 5);
        assert_eq!(bytes.len(), 3 * RECORD);
        assert_eq!(&bytes[..13], LONG_NAME);
        assert_eq!(bytes[156], b'L');
        assert_eq!(&bytes[124..136], b"00000000146\0");
        assert_eq!(
            &bytes[RECORD..RECORD + 102],
            [long.as_bytes(), b"\0"].concat()
        );
        assert_eq!(
            &bytes[2 * RECORD..2 * RECORD + 101],
            [&long.as_bytes()[..100], b"0"].concat()
        );
    }
}
