//! The canonical form of a request.

use std::borrow::Cow;

use crate::encode::{decode_path, encode_path, header_lines, percent_encode};
use crate::mac::hex_sha256;
use crate::v4::ALGORITHM;
use crate::{Query, RequestView, SignatureError};

/// The canonical request over these headers, which are in order and in lower case. `path` is a form of the view's own path.
pub(super) fn request(
    view: &RequestView<'_>,
    path: &str,
    signed_headers: &[String],
    payload_hash: &str,
) -> Result<String, SignatureError> {
    let mut headers = Vec::new();
    for name in signed_headers {
        let value = view
            .folded(name)
            .ok_or_else(|| SignatureError::MissingHeader(name.clone()))?;
        headers.push((name, value));
    }
    let headers = header_lines(headers.iter().map(|(name, value)| (*name, value)));
    let path = if path.is_empty() { "/" } else { path };
    Ok(format!(
        "{}\n{path}\n{}\n{headers}\n{}\n{payload_hash}",
        view.method,
        query(&Query::parse(view.query)?),
        signed_headers.join(";"),
    ))
}

/// The forms of a path that a client may have signed: as it was sent, and decoded and encoded again, for clients that sign one
/// and leave the other to their HTTP library. All forms decode to the same path, so that a signature is good for one object only.
pub(super) fn paths(path: &str) -> Result<Vec<Cow<'_, str>>, SignatureError> {
    let again = encode_path(&decode_path(path)?);
    let mut forms = vec![Cow::Borrowed(path)];
    if again != path {
        forms.push(Cow::Owned(again));
    }
    Ok(forms)
}

/// The text that is signed.
pub(super) fn string_to_sign(amz_date: &str, scope: &str, canonical_request: &str) -> String {
    format!(
        "{ALGORITHM}\n{amz_date}\n{scope}\n{}",
        hex_sha256(canonical_request.as_bytes())
    )
}

/// Names and values, encoded in one way and sorted; the signature itself is left out.
fn query(query: &Query) -> String {
    let mut parameters: Vec<_> = query
        .iter()
        .filter(|parameter| parameter.name() != "X-Amz-Signature")
        .map(|parameter| {
            (
                percent_encode(parameter.name()),
                percent_encode(parameter.value()),
            )
        })
        .collect();
    // By name and then by value: the pairs are sorted, not the lines.
    parameters.sort();
    parameters
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect::<Vec<_>>()
        .join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_is_sorted_and_encoded_in_one_way() {
        let canonical = |text| query(&Query::parse(text).unwrap());
        assert_eq!(
            canonical("b=2&a=%7e&acl&a=1%2f&c=+&d=%2B"),
            "a=1%2F&a=~&acl=&b=2&c=%20&d=%2B"
        );
        assert_eq!(canonical("X-Amz-%53ignature=x&a=b"), "a=b");
    }

    #[test]
    fn a_path_is_signed_as_sent_or_encoded_in_one_way() {
        for (path, forms) in [
            ("/b/k", &["/b/k"][..]),
            ("/b/year=2026/x", &["/b/year=2026/x", "/b/year%3D2026/x"]),
            ("/b/a(b)!*", &["/b/a(b)!*", "/b/a%28b%29%21%2A"]),
            ("/b/%7e", &["/b/%7e", "/b/~"]),
            ("", &[""]),
        ] {
            assert_eq!(paths(path).unwrap(), forms, "{path}");
        }
        assert!(paths("/b/%FF").is_err());
    }
}
