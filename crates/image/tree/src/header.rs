//! The 512 bytes before each member.

use crate::error::{TarError, printable};

pub(crate) const RECORD: usize = 512;

/// A header whose checksum is right.
pub(crate) struct Header(pub(crate) [u8; RECORD]);

/// Which program's additions a header has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Old,
    Posix,
    Gnu,
}

impl Header {
    /// `None` if the checksum is wrong.
    pub(crate) fn new(bytes: &[u8; RECORD]) -> Option<Self> {
        let stored = number(&bytes[148..156])?;
        let sum = |value: fn(u8) -> i64| -> i64 {
            let all = bytes.iter().enumerate();
            all.map(|(at, byte)| {
                if (148..156).contains(&at) {
                    32
                } else {
                    value(*byte)
                }
            })
            .sum()
        };
        // Old programs have added signed bytes.
        let sums = [sum(i64::from), sum(|byte| byte.cast_signed().into())];
        sums.contains(&stored).then_some(Self(*bytes))
    }

    pub(crate) fn form(&self) -> Form {
        match &self.0[257..265] {
            b"ustar  \0" => Form::Gnu,
            [b'u', b's', b't', b'a', b'r', 0, ..] => Form::Posix,
            _ => Form::Old,
        }
    }

    pub(crate) fn kind(&self) -> u8 {
        self.0[156]
    }

    /// Name, with the prefix of POSIX before it.
    pub(crate) fn path(&self) -> Vec<u8> {
        let name = text(&self.0[..100]);
        match text(&self.0[345..500]) {
            prefix if self.form() == Form::Posix && !prefix.is_empty() => {
                [prefix, b"/", name].concat()
            }
            _ => name.to_vec(),
        }
    }

    pub(crate) fn link(&self) -> Vec<u8> {
        text(&self.0[157..257]).to_vec()
    }

    pub(crate) fn permissions(&self) -> Result<u16, TarError> {
        let mode = self.unsigned(100..108, "the mode")?;
        Ok((mode & 0o7777) as u16)
    }

    pub(crate) fn user(&self) -> Result<u32, TarError> {
        self.short(108..116, "the owner")
    }

    pub(crate) fn group(&self) -> Result<u32, TarError> {
        self.short(116..124, "the group")
    }

    pub(crate) fn size(&self) -> Result<u64, TarError> {
        self.unsigned(124..136, "the size")
    }

    /// In seconds.
    pub(crate) fn modified(&self) -> Result<i64, TarError> {
        number(&self.0[136..148]).ok_or_else(|| self.wrong("the time"))
    }

    pub(crate) fn device(&self) -> Result<(u32, u32), TarError> {
        let major = self.short(329..337, "the major number")?;
        Ok((major, self.short(337..345, "the minor number")?))
    }

    fn unsigned(&self, field: std::ops::Range<usize>, name: &'static str) -> Result<u64, TarError> {
        number(&self.0[field])
            .and_then(|number| u64::try_from(number).ok())
            .ok_or_else(|| self.wrong(name))
    }

    fn short(&self, field: std::ops::Range<usize>, name: &'static str) -> Result<u32, TarError> {
        u32::try_from(self.unsigned(field, name)?).map_err(|_| self.wrong(name))
    }

    fn wrong(&self, field: &'static str) -> TarError {
        TarError::Number {
            path: printable(&self.path()),
            field,
        }
    }
}

/// Up to the first NUL.
pub(crate) fn text(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|byte| *byte == 0);
    &field[..end.unwrap_or(field.len())]
}

/// An octal number, or a binary one of GNU tar, whose first bit is set. An empty field is 0.
pub(crate) fn number(field: &[u8]) -> Option<i64> {
    if field[0] & 0x80 != 0 {
        // The bits behind the first are a number in two's complement.
        let sign = if field[0] & 0x40 == 0 { 0 } else { -1 };
        let first = i128::from(field[0] & 0x3f) | sign << 6;
        let number = field[1..].iter().try_fold(first, |number, byte| {
            number
                .checked_mul(256)
                .map(|number| number | i128::from(*byte))
        });
        return i64::try_from(number?).ok();
    }
    let digits = text(field).trim_ascii();
    digits.iter().try_fold(0_i64, |number, digit| match digit {
        b'0'..=b'7' => number.checked_mul(8)?.checked_add((digit - b'0').into()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octal_and_binary_numbers() {
        let cases: [(&[u8], Option<i64>); 8] = [
            (b"0000644\0", Some(0o644)),
            (b"   644 \0", Some(0o644)),
            (b"\0\0\0\0", Some(0)),
            (b"\x80\0\0\0\0\0\0\x05", Some(5)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xfb", Some(-5)),
            (b"00008\0", None),
            (b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", None),
            (b"777777777777777777777777", None),
        ];
        for (field, value) in cases {
            assert_eq!(number(field), value, "{}", field.escape_ascii());
        }
    }
}
