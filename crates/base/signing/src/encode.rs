//! Percent-encoding the way signatures want it.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Encodes everything but letters, digits and `- . _ ~`, with upper-case digits.
pub fn percent_encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Decodes `%XX`, and leaves everything else as it is: a plus stays a plus. Bytes that are not UTF-8
/// become replacement characters.
pub fn percent_decode(text: &str) -> Cow<'_, str> {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy()
}

/// The decoded names and values of a query string or a form body, in their order, where a plus is a
/// blank.
pub fn decode_query(query: &str) -> Vec<(String, String)> {
    pairs(query)
        .map(|(name, value)| (decode_form(name), decode_form(value)))
        .collect()
}

fn decode_form(text: &str) -> String {
    percent_decode(&text.replace('+', " ")).into_owned()
}

/// The first value of a decoded parameter; `None` when there is none of this name.
pub(crate) fn parameter<'a>(parameters: &'a [(String, String)], name: &str) -> Option<&'a str> {
    parameters
        .iter()
        .find(|(parameter, _)| parameter == name)
        .map(|(_, value)| value.as_str())
}

/// The names and values of a query as they stand.
pub(crate) fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    let pieces = query.split('&').filter(|piece| !piece.is_empty());
    pieces.map(|piece| piece.split_once('=').unwrap_or((piece, "")))
}

/// `name:value` and a line end for each field.
pub(crate) fn header_lines<'a, N, V>(fields: impl IntoIterator<Item = (&'a N, &'a V)>) -> String
where
    N: AsRef<str> + 'a,
    V: AsRef<str> + 'a,
{
    let mut lines = String::new();
    for (name, value) in fields {
        for piece in [name.as_ref(), ":", value.as_ref(), "\n"] {
            lines.push_str(piece);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_unreserved_characters_stay() {
        assert_eq!(
            percent_encode("a-b_c.d~e f/g+h*é"),
            "a-b_c.d~e%20f%2Fg%2Bh%2A%C3%A9"
        );
    }

    #[test]
    fn forms_know_plus_and_names_without_value() {
        let pairs = decode_query("Action=a+b&x=%2B&flag&=v&");
        let expected = [("Action", "a b"), ("x", "+"), ("flag", ""), ("", "v")];
        assert_eq!(
            pairs,
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes(text: String) {
            let encoded = percent_encode(&text);
            prop_assert_eq!(percent_decode(&encoded), text);
        }
    }
}
