//! Sizes in bytes as people write them.

use std::fmt;
use std::str::FromStr;

/// A number of bytes. Reads `4G`, `4GiB`, `10MiB`, `1001M`, `512`: units are powers of 1024, as
/// in `truncate` and `resize2fs`; `KB`, `MB`, `GB` are powers of 1000, as in `truncate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

/// Why a text is no size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a size: use a number of bytes, or a number with a unit, as in 10MiB or 4G")]
pub struct ByteSizeError(String);

const BINARY: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];

impl ByteSize {
    /// The number of bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }
}

fn unit(suffix: &str) -> Option<u64> {
    Some(match suffix.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return None,
    })
}

impl ByteSize {
    /// Parses a size from `least` to `most`. A number without a unit that is too small is answered with what was probably meant:
    /// the number with `unit`, as in `G`.
    ///
    /// # Errors
    /// [`SizeRangeError`] when it is no size, or not between the two.
    pub fn parse_between(
        text: &str,
        least: Self,
        most: Self,
        unit: &'static str,
    ) -> Result<Self, SizeRangeError> {
        let size: Self = text.parse()?;
        if size < least {
            let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
            let meant = is_number.then(|| format!("{text}{unit}"));
            return Err(SizeRangeError::TooSmall {
                size,
                least,
                meant: meant
                    .filter(|meant| {
                        let size = meant.parse::<Self>();
                        size.is_ok_and(|size| (least..=most).contains(&size))
                    })
                    .map(|meant| format!("; did you mean {meant}?"))
                    .unwrap_or_default(),
            });
        }
        if size > most {
            return Err(SizeRangeError::TooLarge { size, most });
        }
        Ok(size)
    }
}

/// Why a text is no size between two others.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SizeRangeError {
    /// It is no size at all.
    #[error(transparent)]
    NoSize(#[from] ByteSizeError),
    /// It is below the least.
    #[error("{size} is less than the minimum of {least}{meant}")]
    TooSmall {
        /// The size.
        size: ByteSize,
        /// The least.
        least: ByteSize,
        /// A question for what was meant, behind a semicolon; empty where that is not known.
        meant: String,
    },
    /// It is above the most.
    #[error("{size} is more than the maximum of {most}")]
    TooLarge {
        /// The size.
        size: ByteSize,
        /// The most.
        most: ByteSize,
    },
}

impl FromStr for ByteSize {
    type Err = ByteSizeError;

    fn from_str(text: &str) -> Result<Self, ByteSizeError> {
        let error = || ByteSizeError(text.chars().take(32).collect());
        let end = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        let number: u64 = number.parse().map_err(|_| error())?;
        let unit = unit(suffix.trim()).ok_or_else(error)?;
        number.checked_mul(unit).map(Self).ok_or_else(error)
    }
}

impl fmt::Display for ByteSize {
    /// The largest binary unit with at most two decimals: `4 GiB`, `1001 MiB`, `1.5 KiB`, `17 B`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut index = 0;
        while index + 1 < BINARY.len() && self.0 >> (10 * (index + 1)) != 0 {
            index += 1;
        }
        let scale = 1u64 << (10 * index);
        let hundredths = (u128::from(self.0) * 100 + u128::from(scale) / 2) / u128::from(scale);
        let (whole, rest) = (hundredths / 100, hundredths % 100);
        match rest {
            0 => write!(f, "{whole} {}", BINARY[index]),
            _ if rest % 10 == 0 => write!(f, "{whole}.{} {}", rest / 10, BINARY[index]),
            _ => write!(f, "{whole}.{rest:02} {}", BINARY[index]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn units_are_what_people_mean() {
        let parse = |text: &str| text.parse::<ByteSize>().map(ByteSize::bytes);
        assert_eq!(parse("512"), Ok(512));
        assert_eq!(parse("10MiB"), Ok(10_485_760));
        assert_eq!(parse("4G"), Ok(4_294_967_296));
        assert_eq!(parse("4 gib"), Ok(4_294_967_296));
        assert_eq!(parse("2MB"), Ok(2_000_000));
        for text in [
            "",
            "G",
            "-1",
            "1.5G",
            "4X",
            "99999999999999999999",
            "17000000T",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_size_out_of_bounds_says_what_may_have_been_meant() {
        let parse = |text: &str| {
            ByteSize::parse_between(text, ByteSize(1 << 20), ByteSize(16 << 40), "G")
                .map(ByteSize::bytes)
                .map_err(|error| error.to_string())
        };
        assert_eq!(parse("4G"), Ok(4 << 30));
        assert_eq!(parse("1048576"), Ok(1 << 20));
        let say = |text: &str| Err(text.to_owned());
        assert_eq!(
            parse("4"),
            say("4 B is less than the minimum of 1 MiB; did you mean 4G?")
        );
        assert_eq!(parse("4K"), say("4 KiB is less than the minimum of 1 MiB"));
        assert_eq!(
            parse("20000"),
            say("19.53 KiB is less than the minimum of 1 MiB")
        );
        assert_eq!(
            parse("100T"),
            say("100 TiB is more than the maximum of 16 TiB")
        );
        assert!(parse("big").unwrap_err().contains("\"big\" is not a size"));
    }

    #[test]
    fn display_is_short() {
        let show = |bytes| ByteSize(bytes).to_string();
        assert_eq!(show(17), "17 B");
        assert_eq!(show(1536), "1.5 KiB");
        assert_eq!(show(4 << 30), "4 GiB");
        assert_eq!(show(1001 << 20), "1001 MiB");
        assert_eq!(show(u64::MAX), "16777216 TiB");
    }

    proptest! {
        #[test]
        fn plain_numbers_round_trip(bytes: u64) {
            prop_assert_eq!(bytes.to_string().parse(), Ok(ByteSize(bytes)));
        }
    }
}
