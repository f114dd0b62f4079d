//! The canonical form of a request.

use crate::encode::{header_lines, pairs, percent_decode, percent_encode};
use crate::mac::hex_sha256;
use crate::v4::ALGORITHM;
use crate::{RequestView, SignatureError};

/// The canonical request over these headers, which are in order and in lower case.
pub(super) fn request(
    view: &RequestView<'_>,
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
    let path = if view.path.is_empty() { "/" } else { view.path };
    Ok(format!(
        "{}\n{path}\n{}\n{headers}\n{}\n{payload_hash}",
        view.method,
        query(view.query),
        signed_headers.join(";"),
    ))
}

/// The text that is signed.
pub(super) fn string_to_sign(amz_date: &str, scope: &str, canonical_request: &str) -> String {
    format!(
        "{ALGORITHM}\n{amz_date}\n{scope}\n{}",
        hex_sha256(canonical_request.as_bytes())
    )
}

/// Names and values, encoded in one way and sorted; the signature itself is left out.
fn query(query: &str) -> String {
    let mut parameters: Vec<_> = pairs(query)
        .filter(|(name, _)| *name != "X-Amz-Signature")
        .map(|(name, value)| (encode_again(name), encode_again(value)))
        .collect();
    // By name and then by value: the pairs are sorted, not the lines.
    parameters.sort();
    parameters
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect::<Vec<_>>()
        .join("&")
}

/// The one encoding that all clients and servers sign, whatever the request was sent with.
fn encode_again(text: &str) -> String {
    percent_encode(&percent_decode(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_is_sorted_and_encoded_in_one_way() {
        assert_eq!(
            query("b=2&a=%7e&acl&a=1%2f&c=+"),
            "a=1%2F&a=~&acl=&b=2&c=%2B"
        );
    }
}
