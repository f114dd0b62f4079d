//! Finding zeros quickly.

/// Bytes examined between two looks at the result, so that the compiler can use wide registers.
const STRIDE: usize = 256;

/// Whether every byte is zero. An empty slice is.
pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    let mut strides = bytes.chunks_exact(STRIDE);
    strides.all(all_zero) && all_zero(strides.remainder())
}

fn all_zero(bytes: &[u8]) -> bool {
    bytes.iter().fold(0, |seen, byte| seen | byte) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bit_anywhere_is_seen() {
        for len in [0, 1, STRIDE - 1, STRIDE, STRIDE + 1, 3 * STRIDE + 7] {
            let mut bytes = vec![0; len];
            assert!(is_zero(&bytes), "{len}");
            for at in 0..len {
                bytes[at] = 1;
                assert!(!is_zero(&bytes), "{at} of {len}");
                bytes[at] = 0;
            }
        }
    }
}
