//! The hash of names in indexed directories: half of MD4, as ext3 and ext4 have it, with signed characters.

/// Characters are signed in this hash; the superblock says so, because some architectures have unsigned ones.
const WORDS: usize = 8;
const END_OF_DIRECTORY: u32 = 0xffff_fffe;

/// Hashes names with the seed of a file system.
#[derive(Clone, Copy)]
pub(crate) struct NameHash {
    state: [u32; 4],
}

impl NameHash {
    pub(crate) fn new(seed: &[u8; 16]) -> Self {
        let mut state = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
        if *seed != [0; 16] {
            for (word, bytes) in state.iter_mut().zip(seed.as_chunks::<4>().0) {
                *word = u32::from_le_bytes(*bytes);
            }
        }
        Self { state }
    }

    /// The hash by which the index is sorted (its lowest bit is zero), and the one for names with equal hashes.
    pub(crate) fn of(self, name: &[u8]) -> (u32, u32) {
        let mut state = self.state;
        let mut rest = name;
        while !rest.is_empty() {
            transform(&mut state, words(rest));
            rest = rest.get(WORDS * 4..).unwrap_or_default();
        }
        let major = match state[1] & !1 {
            END_OF_DIRECTORY => END_OF_DIRECTORY - 2,
            other => other,
        };
        (major, state[2])
    }
}

/// The next 32 bytes of a name as words. What is missing is filled with the length of the rest.
fn words(rest: &[u8]) -> [u32; WORDS] {
    let length = rest.len() as u32;
    let half = length | length << 8;
    let padding = half | half << 16;
    let mut words = [padding; WORDS];
    for (word, bytes) in words.iter_mut().zip(rest.chunks(4)) {
        *word = bytes.iter().fold(padding, |value, byte| {
            let character = i32::from(byte.cast_signed()).cast_unsigned();
            character.wrapping_add(value << 8)
        });
    }
    words
}

fn transform(state: &mut [u32; 4], input: [u32; WORDS]) {
    type Mix = fn(u32, u32, u32) -> u32;
    let rounds: [(Mix, u32, [usize; WORDS], [u32; 4]); 3] = [
        (
            |x, y, z| z ^ (x & (y ^ z)),
            0,
            [0, 1, 2, 3, 4, 5, 6, 7],
            [3, 7, 11, 19],
        ),
        (
            |x, y, z| (x & y).wrapping_add((x ^ y) & z),
            0x5a82_7999,
            [1, 3, 5, 7, 0, 2, 4, 6],
            [3, 5, 9, 13],
        ),
        (
            |x, y, z| x ^ y ^ z,
            0x6ed9_eba1,
            [3, 7, 2, 6, 1, 5, 0, 4],
            [3, 9, 11, 15],
        ),
    ];
    let [mut a, mut b, mut c, mut d] = *state;
    for (mix, constant, order, shifts) in rounds {
        for (step, index) in order.into_iter().enumerate() {
            let sum = a
                .wrapping_add(mix(b, c, d))
                .wrapping_add(input[index])
                .wrapping_add(constant);
            (a, b, c, d) = (d, sum.rotate_left(shifts[step % 4]), b, c);
        }
    }
    for (word, value) in state.iter_mut().zip([a, b, c, d]) {
        *word = word.wrapping_add(value);
    }
}
