//! Dates of requests.

use std::time::Duration;

use time::format_description::well_known::Rfc2822;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

use crate::SignatureError;

/// How far the clocks of client and server may be apart.
pub const MAX_SKEW: Duration = Duration::from_mins(15);

/// `20130524T000000Z`
const AMZ: &[time::format_description::BorrowedFormatItem<'_>] =
    format_description!("[year][month][day]T[hour][minute][second]Z");

/// The form of `x-amz-date`: `20130524T000000Z`.
pub fn format_amz_date(time: OffsetDateTime) -> String {
    time.to_offset(time::UtcOffset::UTC)
        .format(AMZ)
        .unwrap_or_default()
}

/// Reads `20130524T000000Z`.
pub fn parse_amz_date(text: &str) -> Option<OffsetDateTime> {
    PrimitiveDateTime::parse(text, AMZ)
        .ok()
        .map(PrimitiveDateTime::assume_utc)
}

/// Reads the dates of HTTP headers, `Tue, 27 Mar 2007 19:36:42 +0000` and the same with `GMT`.
pub fn parse_http_date(text: &str) -> Option<OffsetDateTime> {
    let text = text.trim();
    let zoned = match text
        .strip_suffix("GMT")
        .or_else(|| text.strip_suffix("UTC"))
    {
        Some(date) => format!("{date}+0000"),
        None => text.to_owned(),
    };
    OffsetDateTime::parse(&zoned, &Rfc2822).ok()
}

/// Insists that `date` is no more than [`MAX_SKEW`] from `now`.
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
    fn fifteen_minutes_are_tolerated() {
        let now = parse_amz_date("20130524T000000Z").unwrap();
        assert!(check_skew(now + MAX_SKEW, now).is_ok());
        assert!(check_skew(now - MAX_SKEW, now).is_ok());
        assert!(check_skew(now + MAX_SKEW + Duration::from_secs(1), now).is_err());
    }
}
