//! Percent-encoding the way signatures want it.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::SignatureError;

/// Everything but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// Everything but those and the slash.
const RESERVED_IN_PATHS: &AsciiSet = &RESERVED.remove(b'/');

/// Encodes everything but letters, digits and `- . _ ~`, with upper-case digits.
pub fn percent_encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Encodes the decoded path of a resource: everything but letters, digits and `- . _ ~ /`.
pub fn encode_path(path: &str) -> String {
    utf8_percent_encode(path, RESERVED_IN_PATHS).to_string()
}

/// The path of a resource, decoded: `%XX` is a byte, `%2F` a slash as any other, and a plus is a plus.
///
/// # Errors
/// [`SignatureError::Malformed`] when it is not UTF-8 then.
pub fn decode_path(path: &str) -> Result<String, SignatureError> {
    percent_encoding::percent_decode_str(path)
        .decode_utf8()
        .map(Cow::into_owned)
        .map_err(|_| SignatureError::Malformed("the path"))
}

/// Decodes `%XX`, and leaves everything else as it is: a plus is a plus. Bytes that are not UTF-8
/// become replacement characters.
pub(crate) fn percent_decode(text: &str) -> Cow<'_, str> {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy()
}

/// The first value of a decoded parameter; `None` when there is none of this name.
pub(crate) fn parameter<'a>(parameters: &'a [(String, String)], name: &str) -> Option<&'a str> {
    parameters
        .iter()
        .find(|(parameter, _)| parameter == name)
        .map(|(_, value)| value.as_str())
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
        assert_eq!(encode_path("/b/a(b)!*=é"), "/b/a%28b%29%21%2A%3D%C3%A9");
    }

    #[test]
    fn a_path_that_is_not_utf_8_is_refused() {
        assert_eq!(decode_path("/b%2Fk+%zz").unwrap(), "/b/k+%zz");
        let refused = decode_path("/b/%FF").unwrap_err();
        assert_eq!(refused, SignatureError::Malformed("the path"));
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes(text: String) {
            let encoded = percent_encode(&text);
            prop_assert_eq!(percent_decode(&encoded), text.as_str());
            prop_assert_eq!(decode_path(&encode_path(&text)).unwrap(), text);
        }
    }
}
