//! Ranges of bytes that a reader asks for, by RFC 9110 and as S3 has them: one range is served, and what is no range of bytes, or
//! several of them, is served as the whole.

use std::ops::Range;

use gumnut_cloud_catalogue::ObjectVersion;
use gumnut_cloud_objects::ObjectError;
use http::HeaderMap;
use http::header::{IF_RANGE, RANGE};
use s3s::dto;
use time::OffsetDateTime;

/// The header `Range` of a request, and `If-Range` beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SentRange {
    /// `None` without the header.
    range: Option<String>,
    /// `None` without the header.
    if_range: Option<String>,
}

impl SentRange {
    /// Takes the headers off a request: the protocol's layer refuses what it cannot read of them.
    pub(super) fn take(headers: &mut HeaderMap) -> Self {
        let ranges = headers.get_all(RANGE).iter();
        let ranges: Vec<_> = ranges
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        // Several headers are one list, as of every header that is a list.
        let range = (!ranges.is_empty()).then(|| ranges.join(","));
        headers.remove(RANGE);
        let if_range = headers.remove(IF_RANGE);
        Self {
            range,
            if_range: if_range.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()),
        }
    }

    /// Whether there is one.
    pub(super) fn is_sent(&self) -> bool {
        self.range.is_some()
    }

    /// The bytes of an object that are asked for; `None`: all of them.
    ///
    /// # Errors
    /// [`ObjectError::InvalidRange`] for a range behind the end.
    pub(super) fn of(&self, object: &ObjectVersion) -> Result<Option<Range<u64>>, ObjectError> {
        let Some(range) = &self.range else {
            return Ok(None);
        };
        if self
            .if_range
            .as_ref()
            .is_some_and(|known| !is_of(known, object))
        {
            return Ok(None);
        }
        match one(range) {
            None => Ok(None),
            Some(spec) => spec.of(object.size),
        }
    }
}

/// Whether `If-Range` names the object as it is: by its tag, which must be a strong one, or by its time.
fn is_of(known: &str, object: &ObjectVersion) -> bool {
    let known = known.trim();
    if known.starts_with('"') || known.starts_with("W/") {
        return known
            .strip_prefix('"')
            .and_then(|tag| tag.strip_suffix('"'))
            == Some(&object.etag);
    }
    let date = dto::Timestamp::parse(dto::TimestampFormat::HttpDate, known);
    date.is_ok_and(|date| {
        OffsetDateTime::from(date).unix_timestamp() == object.modified.div_euclid(1000)
    })
}

/// A range that is well formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spec {
    /// From a byte to a byte, counted from 0 and both included.
    FromTo(u64, u64),
    /// So many bytes at the end.
    Last(u64),
}

impl Spec {
    /// The bytes of an object of this size; `None` for the last ones of nothing, which S3 serves as the nothing that it is.
    fn of(self, size: u64) -> Result<Option<Range<u64>>, ObjectError> {
        match self {
            Self::FromTo(first, last) if first < size => {
                Ok(Some(first..last.saturating_add(1).min(size)))
            }
            Self::Last(count) if count > 0 && size > 0 => {
                Ok(Some(size.saturating_sub(count)..size))
            }
            Self::Last(count) if count > 0 => Ok(None),
            Self::FromTo(..) | Self::Last(_) => Err(ObjectError::unsatisfiable(size)),
        }
    }
}

/// The one range of bytes of a header; `None` for several, for other units and for what is malformed: these are as if they were
/// not there.
fn one(header: &str) -> Option<Spec> {
    let (unit, ranges) = header.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") || unit.trim_end() != unit {
        return None;
    }
    let mut ranges = ranges
        .split(',')
        .map(|range| range.trim_matches([' ', '\t']))
        .filter(|range| !range.is_empty());
    let (range, None) = (ranges.next()?, ranges.next()) else {
        return None;
    };
    let (first, last) = range.split_once('-')?;
    match (first, last) {
        ("", count) => number(count).map(Spec::Last),
        (first, "") => number(first).map(|first| Spec::FromTo(first, u64::MAX)),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Spec::FromTo(first, last))
        }
    }
}

/// A number of digits alone; one that is too large to count is the largest.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use gumnut_cloud_catalogue::{Acl, ObjectHeaders, Owner, TagsAndLock};
    use http::HeaderValue;

    use super::*;

    fn object(size: u64) -> ObjectVersion {
        ObjectVersion {
            id: 1,
            version: "null".to_owned(),
            current: true,
            marker: false,
            owner: Owner {
                id: String::new(),
                name: String::new(),
            },
            acl: Acl::default(),
            size,
            etag: "e".to_owned(),
            headers: ObjectHeaders::default(),
            tags_and_lock: TagsAndLock::default(),
            // 2001-01-01, and a bit.
            modified: 978_307_200_123,
        }
    }

    fn ask(
        headers: &[(&'static str, &str)],
        size: u64,
    ) -> Result<Option<Range<u64>>, &'static str> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        let sent = SentRange::take(&mut map);
        assert!(map.is_empty());
        sent.of(&object(size)).map_err(|error| error.code())
    }

    #[test]
    fn ranges_of_ten_bytes_and_of_none() {
        const REFUSED: &str = "InvalidRange";
        for (range, of_ten, of_none) in [
            ("bytes=2-4", Ok(Some(2..5)), Err(REFUSED)),
            ("bytes=0-0", Ok(Some(0..1)), Err(REFUSED)),
            ("bytes=8-", Ok(Some(8..10)), Err(REFUSED)),
            ("bytes=-3", Ok(Some(7..10)), Ok(None)),
            ("bytes=-99", Ok(Some(0..10)), Ok(None)),
            ("bytes=-0", Err(REFUSED), Err(REFUSED)),
            ("bytes=5-99", Ok(Some(5..10)), Err(REFUSED)),
            (
                "bytes=9-99999999999999999999999",
                Ok(Some(9..10)),
                Err(REFUSED),
            ),
            ("bytes=10-", Err(REFUSED), Err(REFUSED)),
            ("bytes=10-20", Err(REFUSED), Err(REFUSED)),
            ("bytes=99999999999999999999999-", Err(REFUSED), Err(REFUSED)),
            ("BYTES=2-4", Ok(Some(2..5)), Err(REFUSED)),
            ("bytes= 2-4 ", Ok(Some(2..5)), Err(REFUSED)),
            ("bytes=,2-4,", Ok(Some(2..5)), Err(REFUSED)),
        ] {
            assert_eq!(ask(&[("range", range)], 10), of_ten, "{range}");
            assert_eq!(ask(&[("range", range)], 0), of_none, "{range}");
        }
    }

    #[test]
    fn what_is_no_single_range_of_bytes_is_as_if_it_were_not_there() {
        for range in [
            "bytes=0--1",
            "bytes=4-2",
            "bytes=0-1,4-5",
            "bytes=2 - 4",
            "bytes=a-b",
            "bytes=+1-2",
            "bytes=1",
            "bytes=-",
            "bytes=--1",
            "bytes=",
            "bytes",
            "bytes =0-1",
            "items=0-1",
            "0-1",
            "",
        ] {
            for size in [0, 10] {
                assert_eq!(ask(&[("range", range)], size), Ok(None), "{range}");
            }
        }
        let twice = [("range", "bytes=0-1"), ("range", "bytes=4-5")];
        assert_eq!(ask(&twice, 10), Ok(None));
    }

    #[test]
    fn a_range_of_another_object_is_the_whole() {
        for (known, is_same) in [
            ("\"e\"", true),
            ("\"other\"", false),
            ("W/\"e\"", false),
            ("e", false),
            ("Mon, 01 Jan 2001 00:00:00 GMT", true),
            ("Mon, 01 Jan 2001 00:00:01 GMT", false),
        ] {
            let asked = ask(&[("range", "bytes=0-1"), ("if-range", known)], 10);
            assert_eq!(asked, Ok(is_same.then_some(0..2)), "{known}");
        }
        assert_eq!(ask(&[("if-range", "\"e\"")], 10), Ok(None));
    }

    #[test]
    fn a_refusal_tells_the_size() {
        let sent = SentRange {
            range: Some("bytes=10-".to_owned()),
            if_range: None,
        };
        let refused = sent.of(&object(10)).unwrap_err();
        let expected = ("content-range", "bytes */10".to_owned());
        assert_eq!(
            (refused.status(), refused.headers()),
            (416, &[expected][..])
        );
    }
}
