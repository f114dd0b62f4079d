//! Extended headers: `LENGTH KEY=VALUE` on lines that may contain anything.

use data_encoding::BASE64_NOPAD;

use crate::acl::{self, AclError};
use crate::error::{TarError, printable};
use crate::member::Time;

const ACCESS: &[u8] = b"system.posix_acl_access";
const DEFAULT: &[u8] = b"system.posix_acl_default";
const SELINUX: &[u8] = b"security.selinux";

/// Names and values.
type Xattrs = Vec<(Vec<u8>, Vec<u8>)>;

/// Records by keyword; the last one of a keyword counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Records(Vec<(Vec<u8>, Vec<u8>)>);

impl Records {
    /// `None` if the header is malformed.
    pub(crate) fn parse(mut bytes: &[u8]) -> Option<Self> {
        let mut records = Vec::new();
        while !bytes.is_empty() {
            let space = bytes.iter().position(|byte| *byte == b' ')?;
            let length: usize = str::from_utf8(&bytes[..space]).ok()?.parse().ok()?;
            let (record, rest) = bytes.split_at_checked(length)?;
            let record = record.get(space + 1..)?.strip_suffix(b"\n")?;
            let equals = record.iter().position(|byte| *byte == b'=')?;
            records.push((record[..equals].to_vec(), record[equals + 1..].to_vec()));
            bytes = rest;
        }
        Some(Self(records))
    }

    /// Adds records that take precedence over those that are there.
    pub(crate) fn extend(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.iter().map(|(key, value)| (&key[..], &value[..]))
    }

    pub(crate) fn bytes(&self) -> usize {
        self.iter()
            .map(|(key, value)| key.len() + value.len())
            .sum()
    }

    /// An empty value means that there is none.
    pub(crate) fn get(&self, key: &str) -> Option<&[u8]> {
        let found = self
            .0
            .iter()
            .rev()
            .find(|(found, _)| found == key.as_bytes());
        found
            .map(|(_, value)| &value[..])
            .filter(|value| !value.is_empty())
    }

    pub(crate) fn number<T: std::str::FromStr>(
        &self,
        key: &str,
        path: &[u8],
    ) -> Result<Option<T>, TarError> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let number = str::from_utf8(value)
            .ok()
            .and_then(|text| text.parse().ok());
        number.map(Some).ok_or_else(|| wrong(key.as_bytes(), path))
    }

    pub(crate) fn time(&self, key: &str, path: &[u8]) -> Result<Option<Time>, TarError> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        time(value)
            .map(Some)
            .ok_or_else(|| wrong(key.as_bytes(), path))
    }

    /// Extended attributes in the spellings of star, GNU tar and libarchive. The ones of star, which are not encoded, take
    /// precedence.
    pub(crate) fn xattrs(&self, path: &[u8]) -> Result<Xattrs, TarError> {
        let mut found = Xattrs::new();
        let mut put = |name: Vec<u8>, value: Vec<u8>| {
            found.retain(|(other, _)| *other != name);
            found.push((name, value));
        };
        for (key, value) in self.iter() {
            if let Some(name) = key.strip_prefix(b"LIBARCHIVE.xattr.") {
                let name = percent_encoding::percent_decode(name).collect();
                let value = value.trim_ascii_end();
                let end = value
                    .iter()
                    .rposition(|byte| *byte != b'=')
                    .map_or(0, |at| at + 1);
                let decoded = BASE64_NOPAD.decode(&value[..end]);
                put(name, decoded.map_err(|_| wrong(key, path))?);
            }
        }
        for (key, value) in self.iter() {
            let name = key.strip_prefix(b"SCHILY.xattr.");
            match (key, name) {
                (_, Some(name)) => put(name.to_vec(), value.to_vec()),
                (b"SCHILY.acl.access", _) => put(ACCESS.to_vec(), acl(key, value, path)?),
                (b"SCHILY.acl.default", _) => put(DEFAULT.to_vec(), acl(key, value, path)?),
                // Linux stores the label with its NUL.
                (b"RHT.security.selinux", _) => {
                    put(SELINUX.to_vec(), [value.trim_ascii_end(), b"\0"].concat());
                }
                _ => {}
            }
        }
        Ok(found)
    }
}

fn acl(key: &[u8], text: &[u8], path: &[u8]) -> Result<Vec<u8>, TarError> {
    acl::binary(text).map_err(|error| match error {
        AclError::Malformed => wrong(key, path),
        AclError::Name(name) => TarError::AclName {
            path: printable(path),
            name,
        },
    })
}

fn wrong(key: &[u8], path: &[u8]) -> TarError {
    TarError::Value {
        path: printable(path),
        key: printable(key),
    }
}

/// Seconds with a fraction: `-4.25` is a quarter of a second before -4.
fn time(value: &[u8]) -> Option<Time> {
    let text = str::from_utf8(value).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
    let nanoseconds = digits.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    let seconds: i64 = whole.parse().ok()?;
    if whole.starts_with('-') && nanoseconds > 0 {
        let (seconds, nanoseconds) = (seconds.checked_sub(1)?, 1_000_000_000 - nanoseconds);
        return Some(Time {
            seconds,
            nanoseconds,
        });
    }
    Some(Time {
        seconds,
        nanoseconds,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_and_after_1970() {
        let cases = [
            ("1750000000", (1_750_000_000, 0)),
            ("0.5", (0, 500_000_000)),
            ("-4.75", (-5, 250_000_000)),
            ("-0.25", (-1, 750_000_000)),
            ("2524608000.1234567891", (2_524_608_000, 123_456_789)),
        ];
        for (text, (seconds, nanoseconds)) in cases {
            assert_eq!(
                time(text.as_bytes()),
                Some(Time {
                    seconds,
                    nanoseconds
                }),
                "{text}"
            );
        }
        for text in ["", "x", "1.x", "1.-5", "99999999999999999999"] {
            assert_eq!(time(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn values_may_contain_line_ends_and_equals_signs() {
        let records = Records::parse(b"14 a=b\nc=d\n12\n8 x=\0\xff\xfe\n").unwrap();
        assert_eq!(records.get("a").unwrap(), b"b\nc=d\n12");
        assert_eq!(records.get("x").unwrap(), b"\0\xff\xfe");
    }

    #[test]
    fn malformed_headers_are_refused() {
        let headers: [&[u8]; 7] = [
            b"x",
            b"5 a=b\n",
            b"7 a=b\n",
            b"6 ab\n\n",
            b"0 a=b\n",
            b"6 a=b ",
            b"99 a=b\n",
        ];
        for header in headers {
            assert!(
                Records::parse(header).is_none(),
                "{}",
                header.escape_ascii()
            );
        }
    }
}
