//! Numbers in header fields: octal text, or base-256 from a set high bit on.

/// Reads a field. `None` if it is malformed, negative, or does not fit.
///
/// The `tar` crate's own reading ignores high bytes of a base-256 number, so that two readers could
/// see two sizes.
pub(super) fn parse(field: &[u8]) -> Option<u64> {
    match field.first()? {
        0x80 => field[1..]
            .iter()
            .try_fold(0_u64, |number, byte| shifted(number, 8, u64::from(*byte))),
        0x81.. => None,
        _ => octal(field),
    }
}

/// Leading spaces, octal digits, then only NULs and spaces; no digits at all are 0.
fn octal(field: &[u8]) -> Option<u64> {
    let start = field
        .iter()
        .position(|byte| *byte != b' ')
        .unwrap_or(field.len());
    let text = &field[start..];
    let end = text
        .iter()
        .position(|byte| matches!(byte, 0 | b' '))
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    if rest.iter().any(|byte| !matches!(byte, 0 | b' ')) {
        return None;
    }
    digits.iter().try_fold(0, |number, byte| match byte {
        b'0'..=b'7' => shifted(number, 3, u64::from(byte - b'0')),
        _ => None,
    })
}

fn shifted(number: u64, bits: u32, digit: u64) -> Option<u64> {
    (number.leading_zeros() >= bits).then_some(number << bits | digit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_forms_are_read() {
        assert_eq!(parse(b"0000644\0"), Some(0o644));
        assert_eq!(parse(b"    644 "), Some(0o644));
        assert_eq!(parse(b"77777777777\0"), Some((8 << 30) - 1));
        assert_eq!(parse(b"\0\0\0\0"), Some(0));
        assert_eq!(parse(b"\x80\0\0\0\0\0\0\x02\0\0\0\0"), Some(8 << 30));
    }

    #[test]
    fn malformed_ones_are_refused() {
        let fields: [&[u8]; 6] = [
            b"",
            b"00008\0",
            b"12\x0034\0",
            b"-1\0",
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
            // A high byte that a careless reader ignores.
            b"\x80\0\x01\0\0\0\0\0\0\0\0\x05",
        ];
        for field in fields {
            assert_eq!(parse(field), None, "{field:?}");
        }
    }

    proptest! {
        #[test]
        fn what_the_tar_crate_writes_is_read(size: u64) {
            let mut header = tar::Header::new_gnu();
            header.set_size(size);
            prop_assert_eq!(parse(&header.as_old().size), Some(size));
        }
    }
}
