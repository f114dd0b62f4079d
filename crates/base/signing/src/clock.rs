//! Dates of requests.

use std::time::Duration;

use time::format_description::well_known::Rfc2822;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};

use crate::SignatureError;

/// How far the clocks of client and server may be apart.
pub const MAX_SKEW: Duration = Duration::from_mins(15);

/// `20130524T000000Z`
const AMZ: &[time::format_description::BorrowedFormatItem<'_>] =
    format_description!("[year][month][day]T[hour][minute][second]Z");

/// The form of `x-amz-date`: `20130524T000000Z`; an empty text for a time outside the years 0 to 9999 of UTC,
/// which no server takes.
pub fn format_amz_date(time: OffsetDateTime) -> String {
    in_utc(time)
        .and_then(|time| time.format(AMZ).ok())
        .unwrap_or_default()
}

/// A time in UTC. `None`: a zone carries the last hours of the last year out of what can be expressed.
pub(crate) fn in_utc(time: OffsetDateTime) -> Option<OffsetDateTime> {
    time.checked_to_offset(UtcOffset::UTC)
}

/// Reads `20130524T000000Z`.
pub fn parse_amz_date(text: &str) -> Option<OffsetDateTime> {
    PrimitiveDateTime::parse(text, AMZ)
        .ok()
        .map(PrimitiveDateTime::assume_utc)
}

/// Reads the dates of HTTP headers, `Tue, 27 Mar 2007 19:36:42 +0000` and the same with `GMT`, as UTC.
pub fn parse_http_date(text: &str) -> Option<OffsetDateTime> {
    let text = text.trim();
    let zoned = match text
        .strip_suffix("GMT")
        .or_else(|| text.strip_suffix("UTC"))
    {
        Some(date) => format!("{date}+0000"),
        None => text.to_owned(),
    };
    in_utc(OffsetDateTime::parse(&zoned, &Rfc2822).ok()?)
}

/// Insists that `date` is at most [`MAX_SKEW`] from `now`.
///
/// # Errors
/// [`SignatureError::Skewed`].
pub fn check_skew(date: OffsetDateTime, now: OffsetDateTime) -> Result<(), SignatureError> {
    if (date - now).unsigned_abs() > MAX_SKEW {
        return Err(SignatureError::Skewed);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_date() {
        let date = parse_http_date("Tue, 27 Mar 2007 19:36:42 +0000").unwrap();
        assert_eq!(format_amz_date(date), "20070327T193642Z");
        assert_eq!(parse_http_date("Tue, 27 Mar 2007 19:36:42 GMT"), Some(date));
        assert_eq!(parse_amz_date("20070327T193642Z"), Some(date));
        for text in ["", "yesterday", "20070327", "20071327T193642Z"] {
            assert_eq!(
                (parse_amz_date(text), parse_http_date(text)),
                (None, None),
                "{text}"
            );
        }
    }

    #[test]
    fn a_zone_cannot_carry_a_date_out_of_the_calendar() {
        let text = "Fri, 31 Dec 9999 23:59:59 -2359";
        assert_eq!(parse_http_date(text), None);
        let last = OffsetDateTime::parse(text, &Rfc2822).unwrap();
        assert_eq!(format_amz_date(last), "");
    }

    #[test]
    fn fifteen_minutes_are_tolerated() {
        let now = parse_amz_date("20130524T000000Z").unwrap();
        assert!(check_skew(now + MAX_SKEW, now).is_ok());
        assert!(check_skew(now - MAX_SKEW, now).is_ok());
        assert!(check_skew(now + MAX_SKEW + Duration::from_secs(1), now).is_err());
    }
}
