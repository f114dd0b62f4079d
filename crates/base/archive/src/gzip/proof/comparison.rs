//! What deflate data has to mean, and whether it does.

/// Compares bytes in their order, and remembers whether any was wrong.
///
/// As long as all were right, a repetition can be looked up in what is expected: nothing has to be stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Comparison<'a> {
    expected: &'a [u8],
    position: usize,
    /// Not zero as soon as a bit was wrong.
    difference: u64,
}

/// A repetition is compared in one go up to this length.
const SHORT: usize = 16;

impl<'a> Comparison<'a> {
    pub(super) fn new(expected: &'a [u8]) -> Self {
        Self {
            expected,
            position: 0,
            difference: 0,
        }
    }

    /// Whether exactly the expected bytes came.
    pub(super) fn is_right(&self) -> bool {
        self.difference == 0 && self.position == self.expected.len()
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the innermost loop")]
    pub(super) fn literal(&mut self, byte: u8) {
        self.difference |= match self.expected.get(self.position) {
            Some(expected) => u64::from(expected ^ byte),
            None => u64::MAX,
        };
        self.position += 1;
    }

    /// The `length` bytes, 3 to 258, that began `distance` bytes ago; `None` if there were not so many bytes.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the innermost loop")]
    pub(super) fn repeat(&mut self, distance: usize, length: usize) -> Option<()> {
        let from = self.position.checked_sub(distance)?;
        let (source, target) = (self.chunk(from), self.chunk(self.position));
        self.difference |= match (source, target) {
            (Some(source), Some(target)) if length <= SHORT => differ(source, target, length),
            _ => self.differ_long(from, length),
        };
        self.position += length;
        Some(())
    }

    /// The bytes of a stored block.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        let end = self.position + bytes.len();
        if self.expected.get(self.position..end) != Some(bytes) {
            self.difference = u64::MAX;
        }
        self.position = end;
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the innermost loop")]
    fn chunk(&self, at: usize) -> Option<&[u8; SHORT]> {
        self.expected.get(at..)?.first_chunk()
    }

    /// Kept out of the loop that calls it, which would be the slower for it.
    #[inline(never)]
    fn differ_long(self, from: usize, length: usize) -> u64 {
        let source = self.expected.get(from..from + length);
        let target = self.expected.get(self.position..self.position + length);
        if source.is_some() && source == target {
            0
        } else {
            u64::MAX
        }
    }
}

/// Not zero if the first `length` bytes, 1 to 16, are not equal.
#[inline(always)]
#[expect(clippy::inline_always, reason = "the innermost loop")]
fn differ(source: &[u8; SHORT], target: &[u8; SHORT], length: usize) -> u64 {
    let [low, high] = [0, 8].map(|at| word(source, at) ^ word(target, at));
    if length <= 8 {
        low << (64 - 8 * length)
    } else {
        low | high << (128 - 8 * length)
    }
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "the innermost loop")]
fn word(bytes: &[u8; SHORT], at: usize) -> u64 {
    bytes[at..]
        .first_chunk()
        .map_or(0, |word| u64::from_le_bytes(*word))
}
