//! Tar streams that a stranger made.

use gumnut_archive::ArchiveError;
use proptest::prelude::*;
use tar::{EntryType, GnuExtSparseHeader, Header};

use crate::image::{noise, tar, untar};

/// A header of the `tar` crate with a right checksum.
fn header(kind: EntryType, size: u64, change: impl FnOnce(&mut Header)) -> Vec<u8> {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    change(&mut header);
    header.set_cksum();
    header.as_bytes().to_vec()
}

fn padded(data: &[u8]) -> Vec<u8> {
    let mut bytes = data.to_vec();
    bytes.resize(data.len().next_multiple_of(512), 0);
    bytes
}

fn end() -> Vec<u8> {
    vec![0; 1024]
}

fn error(pieces: &[Vec<u8>]) -> ArchiveError {
    untar(&pieces.concat()).unwrap_err()
}

/// A sparse member with these entries, all in the header.
fn sparse(real_size: u64, stored: u64, entries: &[(u64, u64)]) -> Vec<u8> {
    header(EntryType::GNUSparse, stored, |header| {
        let gnu = header.as_gnu_mut().unwrap();
        gnu.set_real_size(real_size);
        for (slot, (offset, len)) in gnu.sparse.iter_mut().zip(entries) {
            slot.set_offset(*offset);
            slot.set_length(*len);
        }
    })
}

#[test]
fn malformed_sparse_maps_are_refused() {
    let data = padded(&noise(30, 1));
    let good = sparse(100, 30, &[(0, 10), (50, 20), (100, 0)]);
    let (image, holes) = untar(&[good, data.clone(), end()].concat()).unwrap();
    assert_eq!((image.len(), holes), (100, 70));
    let maps: [(u64, &[(u64, u64)]); 5] = [
        (30, &[(50, 20), (0, 10)]),
        (30, &[(0, 20), (10, 10)]),
        (30, &[(90, 30)]),
        (31, &[(0, 30)]),
        (30, &[(u64::MAX - 5, 30)]),
    ];
    for (stored, entries) in maps {
        let error = error(&[sparse(100, stored, entries), data.clone(), end()]);
        assert!(
            matches!(error, ArchiveError::SparseMap(_)),
            "{entries:?}: {error}"
        );
    }
}

#[test]
fn a_map_without_end_is_bounded() {
    let mut extension = GnuExtSparseHeader::new();
    extension.set_is_extended(true);
    let first = header(EntryType::GNUSparse, 0, |header| {
        let gnu = header.as_gnu_mut().unwrap();
        gnu.set_real_size(1 << 20);
        gnu.set_is_extended(true);
    });
    let error = error(&[first, extension.as_bytes().repeat(2049)]);
    assert!(matches!(
        error,
        ArchiveError::SparseMapSize { limit: 1_048_576 }
    ));
}

#[test]
fn headers_without_end_are_bounded() {
    let empty = header(EntryType::XHeader, 0, |_| ());
    assert!(matches!(
        error(&[empty.repeat(200)]),
        ArchiveError::TarHeaders { .. }
    ));
    let huge = header(EntryType::GNULongName, 1 << 40, |_| ());
    assert!(matches!(error(&[huge]), ArchiveError::TarHeaders { .. }));
}

#[test]
fn a_pax_size_is_the_size() {
    let pax = b"12 size=700\n";
    let stream = [
        header(EntryType::XHeader, pax.len() as u64, |_| ()),
        padded(pax),
        header(EntryType::Regular, 0, |_| ()),
        padded(&noise(700, 2)),
        end(),
    ];
    assert_eq!(untar(&stream.concat()).unwrap().0, noise(700, 2));
}

#[test]
fn the_end_is_checked() {
    let member = [header(EntryType::Regular, 3, |_| ()), padded(b"abc")].concat();
    let ends = |tail: &[u8]| untar(&[&*member, tail].concat()).map(|(image, _)| image);
    assert_eq!(ends(&[0; 1024]).unwrap(), b"abc");
    assert_eq!(ends(&[0; 777]).unwrap(), b"abc");
    assert!(matches!(ends(&[]), Err(ArchiveError::TarCut)));
    assert!(matches!(ends(&member), Err(ArchiveError::SecondMember)));
    assert!(matches!(ends(&[7; 512]), Err(ArchiveError::TarJunk)));
    assert!(matches!(
        ends(&[&[0; 1024], &*member].concat()),
        Err(ArchiveError::TarJunk)
    ));
}

#[test]
fn other_faults_have_their_names() {
    let mut stream = tar("image", b"abc");
    for len in [1, 511, 512, 514, 600] {
        assert!(
            matches!(untar(&stream[..len]), Err(ArchiveError::TarCut)),
            "{len}"
        );
    }
    assert!(matches!(untar(b""), Err(ArchiveError::NoMember)));
    assert!(matches!(untar(&[0; 10240]), Err(ArchiveError::NoMember)));
    stream[0] ^= 1;
    assert!(matches!(
        untar(&stream),
        Err(ArchiveError::TarChecksum { offset: 0 })
    ));
    let negative = header(EntryType::Regular, 0, |header| {
        header.as_old_mut().size = [0xff; 12];
    });
    assert!(matches!(
        error(&[negative]),
        ArchiveError::TarNumber { field: "size" }
    ));
}

proptest! {
    #[test]
    fn no_stream_makes_the_reader_panic(
        start in 0_usize..4,
        changes in prop::collection::vec((0_usize..2048, any::<u8>()), 0..6),
        fix in any::<bool>(),
    ) {
        let mut stream = match start {
            0 => tar("image", &noise(900, 4)),
            1 => [sparse(5000, 900, &[(0, 400), (4000, 500)]), padded(&noise(900, 4)), end()].concat(),
            2 => [header(EntryType::XHeader, 12, |_| ()), padded(b"12 size=700\n"), tar("x", b"y")].concat(),
            _ => tar(&"long".repeat(40), b"z"),
        };
        for (at, byte) in changes {
            if let Some(place) = stream.get_mut(at) {
                *place = byte;
            }
        }
        if fix {
            // With a right checksum the other fields are looked at.
            let mut first = Header::new_old();
            first.as_mut_bytes().copy_from_slice(&stream[..512]);
            first.set_cksum();
            stream[..512].copy_from_slice(first.as_bytes());
        }
        let _ = untar(&stream);
    }
}
