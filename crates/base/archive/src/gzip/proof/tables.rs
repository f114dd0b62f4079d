//! Tables that give the meaning of the next bits, made from the lengths of the codes.

/// What the next bits mean, and how many of them do.
///
/// ```text
/// bits  0 to 7   how many bits it takes, extra bits included
/// bits  8 to 11  how many of these are the code; of a link, how many bits the linked table is indexed by
/// bits 12 to 15  the flags below
/// bits 16 to 31  the byte, the least length or distance, or where the linked table is
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry(u32);

impl Entry {
    const END: u32 = 1 << 12;
    const LINK: u32 = 1 << 13;
    const INVALID: u32 = 1 << 14;
    const LITERAL: u32 = 1 << 15;

    /// Stands where there is no code.
    const NONE: Self = Self(Self::INVALID | 1);

    fn new(flags: u32, value: u16, extra: u8) -> Self {
        Self(flags | u32::from(value) << 16 | u32::from(extra))
    }

    /// Adds the length of the code.
    fn coded(self, bits: u32) -> Self {
        Self(self.0 + bits + (bits << 8))
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the innermost loop")]
    pub(super) fn is_literal(self) -> bool {
        self.0 & Self::LITERAL != 0
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the innermost loop")]
    pub(super) fn is_end(self) -> bool {
        self.0 & Self::END != 0
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the innermost loop")]
    pub(super) fn is_link(self) -> bool {
        self.0 & Self::LINK != 0
    }

    /// Whether it is anything but a literal, a length or a distance.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the innermost loop")]
    pub(super) fn is_special(self) -> bool {
        self.0 & (Self::END | Self::LINK | Self::INVALID) != 0
    }

    /// How many bits it takes.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the innermost loop")]
    pub(super) fn bits(self) -> u32 {
        self.0 & 0xff
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the innermost loop")]
    pub(super) fn byte(self) -> u8 {
        self.0.to_le_bytes()[2]
    }

    /// The least length or distance.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the innermost loop")]
    pub(super) fn base(self) -> usize {
        (self.0 >> 16) as usize
    }

    /// The length or distance, from the bits that the entry was found by.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the innermost loop")]
    pub(super) fn value(self, bits: u64) -> usize {
        self.base() + (low(bits, self.bits()) >> (self.0 >> 8 & 15))
    }
}

/// Literals and lengths. The first 2^11 entries are indexed by the next bits; codes of more are in linked tables.
pub(super) type Litlens = Table<11, 4096>;
/// Distances.
pub(super) type Distances = Table<8, 1024>;
/// The code of the lengths of the codes.
pub(super) type Precode = Table<7, 128>;

/// A table for codes of up to 15 bits, of which up to `BITS` are looked up at once.
#[derive(Debug)]
pub(super) struct Table<const BITS: u32, const SIZE: usize> {
    entries: Box<[Entry; SIZE]>,
}

/// Longest code, in bits.
const LONGEST: usize = 15;

impl<const BITS: u32, const SIZE: usize> Table<BITS, SIZE> {
    pub(super) fn new() -> Self {
        Self {
            entries: Box::new([Entry::NONE; SIZE]),
        }
    }

    /// The entry for the next bits; it may be a link.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the innermost loop")]
    pub(super) fn get(&self, bits: u64) -> Entry {
        self.entries[low(bits, BITS) % SIZE]
    }

    /// The entry that a link leads to, for the bits behind those that the link took.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the innermost loop")]
    pub(super) fn follow(&self, link: Entry, bits: u64) -> Entry {
        let index = low(bits, link.0 >> 8 & 15);
        self.entries[(link.base() + index) % SIZE]
    }

    /// Makes the table again, for codes of these lengths (0: no code), which mean what `meaning` says.
    pub(super) fn build(
        &mut self,
        lengths: &[u8],
        meaning: impl Fn(usize) -> Entry,
        kind: Kind,
    ) -> Option<()> {
        let mut counts = [0_u32; LONGEST + 1];
        for length in lengths {
            counts[usize::from(*length)] += 1;
        }
        counts[0] = 0;
        check(&counts, kind)?;
        self.entries[..1 << BITS].fill(Entry::NONE);
        let mut codes = first_codes(&counts);
        let mut free = 1 << BITS;
        // Shorter codes first, so that the longest of a linked table comes last.
        self.link(lengths, codes, &mut free);
        for (symbol, length) in lengths.iter().enumerate() {
            if *length > 0 {
                let code = &mut codes[usize::from(*length)];
                self.enter(*code, u32::from(*length), meaning(symbol));
                *code += 1;
            }
        }
        Some(())
    }

    /// Makes room for linked tables: one for each beginning of codes longer than `BITS`.
    fn link(&mut self, lengths: &[u8], mut codes: [u32; LONGEST + 1], free: &mut usize) {
        let mut most = [0_u8; 1 << 11];
        let mut any = false;
        for length in lengths {
            let code = &mut codes[usize::from(*length)];
            if u32::from(*length) > BITS {
                let start = reversed(*code, u32::from(*length)) & ((1 << BITS) - 1);
                let most = &mut most[start as usize % (1 << 11)];
                *most = (*most).max(*length);
                any = true;
            }
            *code += u32::from(*length > 0);
        }
        if !any {
            return;
        }
        for (start, most) in most.iter().enumerate().take(1 << BITS) {
            if *most > 0 {
                let bits = u32::from(*most) - BITS;
                let place = u16::try_from(*free).unwrap_or(u16::MAX);
                let link = Entry::new(Entry::LINK, place, 0).0 | bits << 8 | BITS;
                self.entries[start % SIZE] = Entry(link);
                let end = *free + (1 << bits);
                self.entries[*free..end].fill(Entry::NONE);
                *free = end;
            }
        }
    }

    fn enter(&mut self, code: u32, length: u32, meaning: Entry) {
        let code = reversed(code, length) as usize;
        if length <= BITS {
            let entry = meaning.coded(length);
            let places = self.entries[..1 << BITS].iter_mut().skip(code);
            places.step_by(1 << length).for_each(|place| *place = entry);
        } else {
            let link = self.entries[code & ((1 << BITS) - 1)];
            let entry = meaning.coded(length - BITS);
            let start = link.base();
            let end = start + (1 << (link.0 >> 8 & 15));
            let places = self.entries[start..end].iter_mut().skip(code >> BITS);
            let step = 1 << (length - BITS);
            places.step_by(step).for_each(|place| *place = entry);
        }
    }
}

/// The lowest `count` bits.
#[inline(always)]
#[expect(clippy::inline_always, reason = "the innermost loop")]
fn low(bits: u64, count: u32) -> usize {
    usize::try_from(bits & ((1 << count) - 1)).unwrap_or(0)
}

/// Which codes may leave sequences of bits without a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// None.
    Complete,
    /// A single code of one bit, or no code at all.
    MayBeSingle,
}

/// Refuses a code in which sequences of bits have two meanings, or none.
fn check(counts: &[u32; LONGEST + 1], kind: Kind) -> Option<()> {
    let mut free = 1_u32;
    for count in &counts[1..] {
        free = (free * 2).checked_sub(*count)?;
    }
    let longer: u32 = counts[2..].iter().sum();
    let single = kind == Kind::MayBeSingle && longer == 0;
    (free == 0 || single).then_some(())
}

/// The first code of each length.
fn first_codes(counts: &[u32; LONGEST + 1]) -> [u32; LONGEST + 1] {
    let mut codes = [0; LONGEST + 1];
    for length in 1..=LONGEST {
        codes[length] = (codes[length - 1] + counts[length - 1]) << 1;
    }
    codes
}

/// Codes stand in the stream with their first bit lowest.
fn reversed(code: u32, length: u32) -> u32 {
    code.reverse_bits() >> (32 - length)
}

/// Symbol 256 ends the block; those above are lengths.
pub(super) fn litlen(symbol: usize) -> Entry {
    const BASES: [u16; 29] = [
        3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115,
        131, 163, 195, 227, 258,
    ];
    const EXTRA: [u8; 29] = [
        0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
    ];
    match u8::try_from(symbol) {
        Ok(byte) => Entry::new(Entry::LITERAL, byte.into(), 0),
        Err(_) if symbol == 256 => Entry::new(Entry::END, 0, 0),
        Err(_) => match (BASES.get(symbol - 257), EXTRA.get(symbol - 257)) {
            (Some(base), Some(extra)) => Entry::new(0, *base, *extra),
            _ => Entry::new(Entry::INVALID, 0, 0),
        },
    }
}

pub(super) fn distance(symbol: usize) -> Entry {
    const BASES: [u16; 30] = [
        1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537,
        2049, 3073, 4097, 6145, 8193, 12_289, 16_385, 24_577,
    ];
    let Some(base) = BASES.get(symbol) else {
        return Entry::new(Entry::INVALID, 0, 0);
    };
    let extra = u8::try_from((symbol / 2).saturating_sub(1)).unwrap_or(0);
    Entry::new(0, *base, extra)
}

/// Lengths of codes, and how often to repeat one.
pub(super) fn precode(symbol: usize) -> Entry {
    Entry::new(0, u16::try_from(symbol).unwrap_or(0), 0)
}
