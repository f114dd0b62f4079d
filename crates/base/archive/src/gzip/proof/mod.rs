//! The proof that deflate data (RFC 1951) means the bytes that it was made of.
//!
//! Joining the output of a compressor that always ends its stream takes the bit at which the last block begins. No
//! library reports it, but decoding finds it, and decoding is what the proof takes anyway. So this is a decoder that
//! keeps nothing: it compares, and it says where the last block is.

mod bits;
mod comparison;
mod decoder;
mod tables;

use bits::Bits;
use comparison::Comparison;
use decoder::Codes;

/// Where deflate data that was proven right can be joined to what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Proven {
    /// The first bit of the last block, which says that it is the last.
    pub(super) last_block: usize,
    /// The first bit behind the last block.
    pub(super) end: usize,
}

/// Proves one deflate stream after the other.
#[derive(Debug)]
pub(super) struct Prover {
    codes: Codes,
}

impl Prover {
    pub(super) fn new() -> Self {
        let codes = Codes::new();
        Self { codes }
    }

    /// Compares what `data` means with `expected`; `None` if it means anything else, or nothing, or if there are bytes
    /// behind its end.
    pub(super) fn prove(&mut self, data: &[u8], expected: &[u8]) -> Option<Proven> {
        let mut bits = Bits::new(data);
        let mut comparison = Comparison::new(expected);
        loop {
            let last_block = bits.number();
            if self.codes.block(&mut bits, &mut comparison)? {
                let end = bits.number();
                let right = comparison.is_right() && end.div_ceil(8) == data.len();
                return right.then_some(Proven { last_block, end });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::DeflateEncoder};
    use libdeflater::{CompressionLvl, Compressor};
    use proptest::prelude::*;

    use super::*;

    fn prove(data: &[u8], expected: &[u8]) -> Option<Proven> {
        Prover::new().prove(data, expected)
    }

    fn libdeflate(level: i32, bytes: &[u8]) -> Vec<u8> {
        let mut compressor = Compressor::new(CompressionLvl::new(level).unwrap());
        let mut data = vec![0; compressor.deflate_compress_bound(bytes.len())];
        let size = compressor.deflate_compress(bytes, &mut data).unwrap();
        data.truncate(size);
        data
    }

    fn zlib(level: u32, bytes: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(level));
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// Bytes as files have them: runs, repetitions near and far, text, and noise.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..600),
            (any::<u8>(), 0_usize..2000).prop_map(|(byte, count)| vec![byte; count]),
            ("[a-z ]{1,40}", 1_usize..300)
                .prop_map(|(text, count)| text.repeat(count).into_bytes()),
            proptest::collection::vec(0_u8..3, 0..4000),
        ];
        proptest::collection::vec(piece, 0..12).prop_map(|pieces| {
            let mut bytes = pieces.concat();
            // A repetition of everything, from as far as it goes.
            bytes.extend_from_within(..bytes.len() / 2);
            bytes
        })
    }

    #[test]
    fn each_kind_of_block_is_read() {
        let stored = [1, 3, 0, 0xfc, 0xff, b'a', b'b', b'c'];
        let proven = prove(&stored, b"abc").unwrap();
        assert_eq!((proven.last_block, proven.end), (0, 64));
        // In the fixed code: an end alone; and `a`, three times itself, an end.
        assert_eq!(prove(&[3, 0], b"").map(|proven| proven.end), Some(10));
        assert!(prove(&[0x4b, 0x04, 0x02, 0x00], b"aaaa").is_some());
        // Behind an empty stored block.
        let proven = prove(&[0, 0, 0, 0xff, 0xff, 3, 0], b"").unwrap();
        assert_eq!((proven.last_block, proven.end), (40, 50));
    }

    #[test]
    fn what_means_nothing_is_no_proof() {
        let faults: [&[u8]; 9] = [
            &[],
            &[7],
            &[1, 3, 0, 0xfd, 0xff, b'a', b'b', b'c'],
            &[1, 3, 0, 0xfc, 0xff, b'a', b'b'],
            &[1, 3, 0],
            // A repetition before the beginning; symbol 286; distance 30.
            &[0x03, 0x02, 0x00],
            &[0x1b, 0x03, 0x00],
            &[0x4b, 0x04, 0x1e, 0x00],
            // A dynamic block whose code of lengths is empty.
            &[0x05, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        ];
        for fault in faults {
            for expected in [&b""[..], b"a", b"abc", b"aaaa"] {
                assert_eq!(prove(fault, expected), None, "{fault:x?}");
            }
        }
    }

    #[test]
    fn bytes_behind_the_end_are_no_proof() {
        assert_eq!(prove(&[3, 0, 0], b""), None);
        assert_eq!(prove(&[3], b""), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn what_libraries_write_is_proven(bytes in bytes(), level in 0_u8..10) {
            for data in [libdeflate(level.into(), &bytes), zlib(level.into(), &bytes)] {
                let proven = prove(&data, &bytes);
                prop_assert!(proven.is_some());
                prop_assert_eq!(proven.unwrap().end.div_ceil(8), data.len());
            }
        }

        #[test]
        fn any_other_bytes_are_not(
            bytes in bytes(), level in 1_u8..10, at: prop::sample::Index, flip in 1_u8..,
        ) {
            let data = libdeflate(level.into(), &bytes);
            let mut other = bytes.clone();
            other.push(flip);
            prop_assert_eq!(prove(&data, &other), None);
            other.pop();
            if !bytes.is_empty() {
                other[at.index(bytes.len())] ^= flip;
                prop_assert_eq!(prove(&data, &other), None);
                prop_assert_eq!(prove(&data, &bytes[..at.index(bytes.len())]), None);
            }
            prop_assert_eq!(prove(&data[..at.index(data.len())], &bytes), None);
        }

        /// A damaged stream is taken only if a library, too, reads the same bytes from it.
        #[test]
        fn damage_is_judged_as_a_library_does(
            bytes in bytes(), level in 0_u8..10, at: prop::sample::Index, flip in 1_u8..,
        ) {
            let mut data = libdeflate(level.into(), &bytes);
            let at = at.index(data.len());
            data[at] ^= flip;
            let mut read = vec![0; bytes.len() + 1];
            let library = libdeflater::Decompressor::new().deflate_decompress(&data, &mut read);
            let same = library == Ok(bytes.len()) && read[..bytes.len()] == bytes;
            prop_assert!(prove(&data, &bytes).is_none() || same);
        }

        #[test]
        fn no_bytes_make_it_panic(data: Vec<u8>, expected: Vec<u8>) {
            let _ = prove(&data, &expected);
            let dynamic = [&[0x05][..], &data].concat();
            let _ = prove(&dynamic, &expected);
        }
    }
}
