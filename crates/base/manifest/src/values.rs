//! Texts of elements, read into values.

use std::fmt::Display;
use std::str::FromStr;

use gumnut_crypto::WrappedSecret;
use gumnut_types::Limits;

use crate::ManifestError;

/// The name of the only digest.
pub(crate) const SHA1: &str = "SHA1";
/// The name of the only cipher.
pub(crate) const AES: &str = "AES-128-CBC";

/// The error for a value that makes no sense.
pub(crate) fn bad(element: &'static str, text: &str, reason: impl Display) -> ManifestError {
    ManifestError::Value {
        element,
        text: shorten(text),
        reason: reason.to_string(),
    }
}

/// At most 64 characters of a text.
pub(crate) fn shorten(text: &str) -> String {
    text.chars().take(64).collect()
}

/// A value with a parser of its own.
pub(crate) fn parsed<T>(element: &'static str, text: &str) -> Result<T, ManifestError>
where
    T: FromStr<Err: Display>,
{
    text.parse().map_err(|error| bad(element, text, error))
}

/// A number in plain decimal, without a sign, of at most 63 bits.
pub(crate) fn number(element: &'static str, text: &str) -> Result<u64, ManifestError> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text
        .parse()
        .ok()
        .filter(|number| digits && *number <= i64::MAX.unsigned_abs());
    number.ok_or_else(|| bad(element, text, "it is not a number of bytes"))
}

/// The hex text of a wrapped secret.
pub(crate) fn wrapped(
    element: &'static str,
    text: &str,
    limits: &Limits,
) -> Result<WrappedSecret, ManifestError> {
    if text.len() > limits.wrapped_hex {
        return Err(ManifestError::TooLong {
            element,
            limit: limits.wrapped_hex,
        });
    }
    WrappedSecret::from_hex(text).map_err(|error| bad(element, text, error))
}

/// Insists on the one algorithm.
pub(crate) fn algorithm(
    element: &'static str,
    found: Option<&str>,
    wanted: &str,
) -> Result<(), ManifestError> {
    match found {
        Some(found) if found == wanted => Ok(()),
        Some(found) => Err(bad(element, found, format_args!("only {wanted} is known"))),
        None => Err(bad(
            element,
            "",
            format_args!("the algorithm is not named, {wanted} is known"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_plain_decimal() {
        assert_eq!(number("size", "0").unwrap(), 0);
        assert_eq!(
            number("size", "9223372036854775807").unwrap(),
            i64::MAX.unsigned_abs()
        );
        for text in [
            "",
            "-1",
            "+1",
            "1.0",
            "0x10",
            "9223372036854775808",
            "99999999999999999999",
            "١",
        ] {
            assert!(number("size", text).is_err(), "{text}");
        }
    }
}
