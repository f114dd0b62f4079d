//! Blocks, codes and symbols, read for comparison only.

use super::bits::Bits;
use super::comparison::Comparison;
use super::tables::{Distances, Kind, Litlens, Precode, distance, litlen, precode};

/// Bytes that the rest of a turn may need after the turn's first refill.
const RESERVE: usize = 8;

/// What the codes of a block mean.
#[derive(Debug)]
pub(super) struct Codes {
    litlens: Litlens,
    distances: Distances,
    precode: Precode,
}

impl Codes {
    pub(super) fn new() -> Self {
        Self {
            litlens: Litlens::new(),
            distances: Distances::new(),
            precode: Precode::new(),
        }
    }

    /// Compares a block with what it has to mean; `None` if it means nothing. True if it is the last.
    pub(super) fn block(
        &mut self,
        bits: &mut Bits<'_>,
        expected: &mut Comparison<'_>,
    ) -> Option<bool> {
        bits.refill_slowly();
        let last = bits.take(1) == 1;
        match bits.take(2) {
            0 => stored(bits, expected)?,
            1 => {
                self.read_fixed()?;
                self.symbols(bits, expected)?;
            }
            2 => {
                self.read_dynamic(bits)?;
                self.symbols(bits, expected)?;
            }
            _ => return None,
        }
        (!bits.is_beyond_end()).then_some(last)
    }

    fn read_fixed(&mut self) -> Option<()> {
        let mut lengths = [8_u8; 288];
        lengths[144..256].fill(9);
        lengths[256..280].fill(7);
        self.litlens.build(&lengths, litlen, Kind::Complete)?;
        self.distances.build(&[5; 32], distance, Kind::Complete)
    }

    fn read_dynamic(&mut self, bits: &mut Bits<'_>) -> Option<()> {
        let litlens = usize::from(bits.take(5)) + 257;
        let distances = usize::from(bits.take(5)) + 1;
        let count = usize::from(bits.take(4)) + 4;
        if litlens > 286 || distances > 30 {
            return None;
        }
        self.read_precode(bits, count)?;
        let mut lengths = [0; 286 + 30];
        let lengths = &mut lengths[..litlens + distances];
        self.read_lengths(bits, lengths)?;
        let (litlens, distances) = lengths.split_at(litlens);
        self.litlens.build(litlens, litlen, Kind::MayBeSingle)?;
        self.distances.build(distances, distance, Kind::MayBeSingle)
    }

    fn read_precode(&mut self, bits: &mut Bits<'_>, count: usize) -> Option<()> {
        const ORDER: [usize; 19] = [
            16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
        ];
        let mut lengths = [0; 19];
        for symbol in ORDER.iter().take(count) {
            bits.refill_slowly();
            lengths[*symbol] = u8::try_from(bits.take(3)).ok()?;
        }
        self.precode.build(&lengths, precode, Kind::Complete)
    }

    fn read_lengths(&self, bits: &mut Bits<'_>, lengths: &mut [u8]) -> Option<()> {
        let mut filled = 0;
        while filled < lengths.len() {
            bits.refill_slowly();
            let entry = self.precode.get(bits.peek());
            bits.skip(entry.bits());
            let (length, count) = match entry.base() {
                16 => (*lengths.get(filled.checked_sub(1)?)?, 3 + bits.take(2)),
                17 => (0, 3 + bits.take(3)),
                18 => (0, 11 + bits.take(7)),
                length => (u8::try_from(length).ok()?, 1),
            };
            let end = filled + usize::from(count);
            lengths.get_mut(filled..end)?.fill(length);
            filled = end;
        }
        Some(())
    }

    fn symbols(&self, bits: &mut Bits<'_>, expected: &mut Comparison<'_>) -> Option<()> {
        if self.many(bits, expected)? {
            return Some(());
        }
        loop {
            bits.refill_slowly();
            if self.one(bits, expected)? {
                return Some(());
            }
            if bits.is_beyond_end() {
                return None;
            }
        }
    }

    /// Compares symbols until the block or nearly the data ends; true at the block's end.
    ///
    /// One turn takes up to three literals, or two and a repetition: 56 bits, and as many again for the distance. The
    /// next entry is looked up before the repetition is compared, so that neither waits for the other.
    fn many(&self, at: &mut Bits<'_>, found: &mut Comparison<'_>) -> Option<bool> {
        // Copies, so that they can be in registers.
        let (mut bits, mut expected) = (*at, *found);
        let mut ended = false;
        let mut ready = bits.refill(RESERVE);
        let mut entry = self.litlens.get(bits.peek());
        while ready {
            let mut from = bits.peek();
            bits.skip(entry.bits());
            for _ in 0..2 {
                if !entry.is_literal() {
                    break;
                }
                expected.literal(entry.byte());
                entry = self.litlens.get(bits.peek());
                from = bits.peek();
                bits.skip(entry.bits());
            }
            if entry.is_link() {
                entry = self.litlens.follow(entry, bits.peek());
                from = bits.peek();
                bits.skip(entry.bits());
            }
            if entry.is_literal() {
                expected.literal(entry.byte());
                ready = bits.refill(RESERVE);
                entry = self.litlens.get(bits.peek());
            } else if entry.is_special() {
                ended = entry.is_end();
                if !ended {
                    return None;
                }
                ready = false;
            } else {
                bits.refill(0);
                let distance = self.distance(&mut bits)?;
                let length = entry.value(from);
                ready = bits.refill(RESERVE);
                entry = self.litlens.get(bits.peek());
                expected.repeat(distance, length)?;
            }
        }
        (*at, *found) = (bits, expected);
        Some(ended)
    }

    /// Compares one symbol, given 56 bits; true at the block's end.
    fn one(&self, bits: &mut Bits<'_>, expected: &mut Comparison<'_>) -> Option<bool> {
        let mut entry = self.litlens.get(bits.peek());
        if entry.is_link() {
            bits.skip(entry.bits());
            entry = self.litlens.follow(entry, bits.peek());
        }
        let from = bits.peek();
        bits.skip(entry.bits());
        if entry.is_literal() {
            expected.literal(entry.byte());
        } else if entry.is_special() {
            return entry.is_end().then_some(true);
        } else {
            let distance = self.distance(bits)?;
            expected.repeat(distance, entry.value(from))?;
        }
        Some(false)
    }

    /// Reads a distance, given 28 bits.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the innermost loop")]
    fn distance(&self, bits: &mut Bits<'_>) -> Option<usize> {
        let mut entry = self.distances.get(bits.peek());
        if entry.is_link() {
            bits.skip(entry.bits());
            entry = self.distances.follow(entry, bits.peek());
        }
        if entry.is_special() {
            return None;
        }
        let distance = entry.value(bits.peek());
        bits.skip(entry.bits());
        Some(distance)
    }
}

fn stored(bits: &mut Bits<'_>, expected: &mut Comparison<'_>) -> Option<()> {
    let header = bits.take_bytes(4)?;
    let word = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
    if word(0) ^ word(2) != u16::MAX {
        return None;
    }
    expected.bytes(bits.take_bytes(word(0).into())?);
    Some(())
}
