//! The clock of a server, where it is not ours.

use gumnut_signing::parse_http_date;
use http::HeaderMap;
use time::{Duration, OffsetDateTime};
use url::{Host, Url};

/// The farthest that a clock is corrected: what one is off that shows the time of another zone.
const FARTHEST: Duration = Duration::hours(14);
/// How far a clock must be off before a refusal without a code is asked for its reason.
const SUSPICIOUS: Duration = Duration::minutes(5);
/// The codes of refusals that are a matter of clocks.
const CODES: [&str; 2] = ["RequestTimeTooSkewed", "RequestExpired"];

/// How far ahead of `now` the server's clock is. `None`: it does not say.
fn ahead(headers: &HeaderMap, now: OffsetDateTime) -> Option<Duration> {
    let date = parse_http_date(headers.get("date")?.to_str().ok()?)?;
    Some(date - now)
}

/// By how many seconds requests to `url` are to be signed ahead of `now` after a refusal with this code. `None`: the refusal is
/// no matter of clocks, the clocks are farther apart than clocks are, or anybody on the way could have written it.
pub(crate) fn correction(
    url: &Url,
    headers: &HeaderMap,
    code: &str,
    now: OffsetDateTime,
) -> Option<i64> {
    let ahead = ahead(headers, now)?;
    let is_sound = url.scheme() == "https" || is_loopback(url);
    (CODES.contains(&code) && is_sound && ahead.abs() <= FARTHEST).then(|| ahead.whole_seconds())
}

/// Whether a refusal that says no code may be a matter of clocks.
pub(crate) fn is_suspicious(headers: &HeaderMap, now: OffsetDateTime) -> bool {
    ahead(headers, now).is_some_and(|ahead| ahead.abs() > SUSPICIOUS)
}

/// Whether a URL names this machine, so that nobody is on the way.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-30 12:00:00 UTC);
    const CODE: &str = "RequestTimeTooSkewed";

    fn corrected(url: &str, date: &str, code: &str) -> Option<i64> {
        let mut headers = HeaderMap::new();
        headers.insert("date", date.parse().unwrap());
        correction(&url.parse().unwrap(), &headers, code, NOW)
    }

    #[test]
    fn only_what_means_it_and_is_near_and_cannot_be_forged_corrects_the_clock() {
        let near = "Mon, 30 Nov 2026 13:00:00 GMT";
        assert_eq!(corrected("https://cloud/", near, CODE), Some(3600));
        assert_eq!(corrected("http://127.0.0.1:8773/", near, CODE), Some(3600));
        assert_eq!(
            corrected("http://[::1]/", near, "RequestExpired"),
            Some(3600)
        );
        assert_eq!(corrected("http://localhost/", near, CODE), Some(3600));
        for (url, date, code) in [
            ("http://cloud/", near, CODE),
            ("http://localhost.example/", near, CODE),
            ("http://128.0.0.1/", near, CODE),
            ("https://cloud/", near, "AccessDenied"),
            ("https://cloud/", near, ""),
            ("https://cloud/", "Tue, 01 Dec 2026 12:00:00 GMT", CODE),
            ("https://cloud/", "Sun, 29 Nov 2026 12:00:00 GMT", CODE),
            ("https://cloud/", "Fri, 01 Jan 2099 00:00:00 GMT", CODE),
            ("https://cloud/", "Fri, 01 Jan 9999 00:00:00 GMT", CODE),
            ("https://cloud/", "tomorrow", CODE),
        ] {
            assert_eq!(corrected(url, date, code), None, "{url} {date} {code}");
        }
    }

    proptest! {
        #[test]
        fn no_clock_is_corrected_by_more_than_some_hours(seconds in -4_000_000_000_i64..200_000_000_000) {
            let date = NOW + Duration::seconds(seconds);
            let text = crate::request::http_date(date);
            let corrected = corrected("https://cloud/", &text, CODE);
            prop_assert_eq!(corrected, (seconds.abs() <= 14 * 3600).then_some(seconds));
        }
    }
}
