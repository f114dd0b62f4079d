//! Values of a configuration file that TOML has no type for: sizes, times and names.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use gumnut_types::ByteSize;
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

/// Names of times and their lengths in milliseconds, the longest first.
const TIMES: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("min", 60_000),
    ("s", 1000),
    ("ms", 1),
];
/// Names of sizes and their lengths in bytes, the longest first.
const SIZES: [(&str, u64); 5] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];

/// A number of bytes: `16384` or `"16 KiB"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size(pub(super) u64);

/// A time: `"10 s"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Time(pub(super) Duration);

impl Size {
    /// As a size in memory.
    pub(super) fn in_memory(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// A number in the longest unit in which it has no fraction.
fn exact(number: u64, units: &[(&str, u64)], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let fits = |(_, length): &&(&str, u64)| number >= *length && number.is_multiple_of(*length);
    match units.iter().find(fits) {
        Some((unit, length)) => write!(f, "{} {unit}", number / length),
        None => write!(f, "0 {}", units[units.len() - 1].0),
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        exact(self.0, &SIZES, f)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        if millis == 0 {
            return f.write_str("0 s");
        }
        exact(millis, &TIMES, f)
    }
}

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let end = text.find(|c: char| !c.is_ascii_digit());
        let (number, unit) = text.split_at(end.unwrap_or(text.len()));
        let length = TIMES.iter().find(|(name, _)| *name == unit.trim());
        number
            .parse::<u64>()
            .ok()
            .zip(length)
            .and_then(|(number, (_, length))| number.checked_mul(*length))
            .map(|millis| Self(Duration::from_millis(millis)))
            .ok_or_else(|| format!("{text:?} is not a time; use a number and ms, s, min, h or d"))
    }
}

/// A time of the command line: that of a configuration file, or 0.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    match text {
        "0" => Ok(Duration::ZERO),
        _ => text.parse().map(|Time(time)| time),
    }
}

/// Reads a value from a text, and from a number where that is one.
struct Parsed<T> {
    expected: &'static str,
    of_number: fn(u64) -> Option<T>,
    of_text: fn(&str) -> Result<T, String>,
    kind: PhantomData<T>,
}

impl<T> Visitor<'_> for Parsed<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.of_text)(text).map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        let found = u64::try_from(number).ok().and_then(self.of_number);
        let unexpected = serde::de::Unexpected::Signed(number);
        found.ok_or_else(|| E::invalid_type(unexpected, &self))
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Parsed {
            expected: "a size, as in \"16 KiB\"",
            of_number: |number| Some(Self(number)),
            of_text: |text| {
                let size = text.parse::<ByteSize>().map_err(|error| error.to_string());
                size.map(|size| Self(size.bytes()))
            },
            kind: PhantomData,
        })
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Parsed {
            expected: "a time with its unit, as in \"10 s\"",
            of_number: |_| None,
            of_text: str::parse,
            kind: PhantomData,
        })
    }
}

/// Reads what has a name.
pub(super) fn named<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr,
    T::Err: fmt::Display,
    D: Deserializer<'de>,
{
    let name = String::deserialize(deserializer)?;
    name.parse().map_err(D::Error::custom)
}

/// The form of ids.
#[derive(Clone, Copy, Debug, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Ids {
    /// Random digits in lower case
    Random,
    /// From location and time, in upper case
    #[value(name = "adler32-ms")]
    #[serde(rename = "adler32-ms")]
    AdlerMs,
}

/// What is shown as the owner of an image.
#[derive(Clone, Copy, Debug, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Owner {
    /// The account's number
    Account,
    /// The user's name
    User,
}

/// As on the command line.
fn name(value: &impl ValueEnum, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let value = value.to_possible_value();
    f.write_str(value.as_ref().map_or("", |value| value.get_name()))
}

impl fmt::Display for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        name(self, f)
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        name(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_written_as_they_are_read() {
        for text in ["10 s", "0 s", "500 ms", "1 min", "90 s", "36 h", "7 d"] {
            let time: Time = text.parse().unwrap();
            assert_eq!(time.to_string(), text);
        }
        for text in [
            "10",
            "s",
            "10 sec",
            "-1 s",
            "1.5 s",
            "99999999999999999 d",
            "",
        ] {
            assert!(text.parse::<Time>().is_err(), "{text}");
        }
        for (size, text) in [
            (0, "0 B"),
            (1536, "1536 B"),
            (16384, "16 KiB"),
            (5 << 40, "5 TiB"),
        ] {
            assert_eq!(Size(size).to_string(), text);
        }
    }
}
