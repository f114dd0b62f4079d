//! Times in answers.

/// `2010-06-03T22:15:57.552Z`, from milliseconds since 1970.
pub(crate) fn date(millis: i64) -> String {
    let format = time::macros::format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
    );
    let time = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000);
    time.ok()
        .and_then(|time| time.format(format).ok())
        .unwrap_or_default()
}
