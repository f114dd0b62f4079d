//! Telling whether two images are the same without comparing them.

use std::fmt;

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

/// Bytes that are hashed, or left out because all are zero, together.
const PAGE: usize = 4096;

/// A digest of an image's content and length. Whether zeros are stored or are holes does not matter.
///
/// SHA-256 of each page of 4 KiB that is not all zero, behind its offset, and of the length. Nothing but gumnut makes it,
/// and it says nothing to anybody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl fmt::Display for Fingerprint {
    /// 64 hex digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

/// An image that comes in pieces of any length.
#[derive(Default)]
pub(crate) struct Pages {
    hash: Sha256,
    /// Bytes that are behind.
    offset: u64,
    /// The beginning of a page that is not complete.
    begun: Vec<u8>,
}

impl Pages {
    /// The next bytes, of which the caller may know that they are zeros.
    pub(crate) fn add(&mut self, mut bytes: &[u8], zeros: bool) {
        if !self.begun.is_empty() {
            let missing = (PAGE - self.begun.len()).min(bytes.len());
            let (head, rest) = bytes.split_at(missing);
            self.begun.extend_from_slice(head);
            bytes = rest;
            if self.begun.len() < PAGE {
                return;
            }
            let page = std::mem::take(&mut self.begun);
            self.page(&page);
        }
        let whole = bytes.len() - bytes.len() % PAGE;
        let (pages, rest) = bytes.split_at(whole);
        if zeros {
            self.offset += whole as u64;
        } else {
            pages.chunks_exact(PAGE).for_each(|page| self.page(page));
        }
        self.begun.extend_from_slice(rest);
    }

    fn page(&mut self, page: &[u8]) {
        if page.iter().fold(0, |seen, byte| seen | byte) != 0 {
            self.hash.update(self.offset.to_be_bytes());
            self.hash.update(page);
        }
        self.offset += page.len() as u64;
    }

    pub(crate) fn finish(mut self) -> Fingerprint {
        let last = std::mem::take(&mut self.begun);
        self.page(&last);
        self.hash.update(self.offset.to_be_bytes());
        Fingerprint(self.hash.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn whole(bytes: &[u8]) -> Fingerprint {
        let mut pages = Pages::default();
        pages.add(bytes, false);
        pages.finish()
    }

    proptest! {
        #[test]
        fn pieces_and_known_zeros_do_not_matter(
            pieces in proptest::collection::vec((any::<bool>(), 0..3 * PAGE), 0..6)
        ) {
            let mut pages = Pages::default();
            let mut all = Vec::new();
            for (zeros, length) in pieces {
                let piece = vec![u8::from(!zeros); length];
                pages.add(&piece, zeros);
                all.extend(piece);
            }
            prop_assert_eq!(pages.finish(), whole(&all));
        }

        #[test]
        fn one_byte_more_or_another_one_is_seen(length in 0..3 * PAGE, at in any::<prop::sample::Index>()) {
            let zeros = vec![0; length];
            prop_assert_ne!(whole(&zeros), whole(&vec![0; length + 1]));
            if length > 0 {
                let mut other = zeros.clone();
                other[at.index(length)] = 1;
                prop_assert_ne!(whole(&zeros), whole(&other));
            }
        }
    }

    #[test]
    fn content_that_moves_is_seen() {
        let (mut one, mut other) = (vec![0; 2 * PAGE], vec![0; 2 * PAGE]);
        one[0] = 1;
        other[PAGE] = 1;
        assert_ne!(whole(&one), whole(&other));
    }
}
