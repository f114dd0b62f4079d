//! What servers say when they refuse.

use http::HeaderMap;

use crate::xml::{self, Element};
use crate::{Refusal, TransportError};

/// Longest error document that is read, in bytes.
pub(crate) const MAX_ERROR: usize = 64 << 10;
/// Longest code or message that is kept, in characters.
const MAX_TEXT: usize = 1000;

impl TransportError {
    /// What an answer with an error status says; `what` was asked for. Documents of object stores, of EC2, and
    /// plain texts are known.
    pub fn from_answer(what: &str, status: u16, headers: &HeaderMap, body: &[u8]) -> Self {
        if (300..400).contains(&status) {
            let document = xml::parse(body).ok();
            let endpoint = document.as_ref().and_then(|root| text(root, "Endpoint"));
            let to = header(headers, "location")
                .or(endpoint)
                .unwrap_or_else(|| format!("it does not say which ({status})"));
            return Self::Redirected {
                what: what.to_owned(),
                to: shorten(&to),
            };
        }
        let document = xml::parse(body).ok();
        let find = |name: &str| document.as_ref().and_then(|root| text(root, name));
        let code = find("Code").unwrap_or_default();
        let message = find("Message").unwrap_or_else(|| plain(body, document.is_some()));
        let request_id = header(headers, "x-amz-request-id")
            .or_else(|| header(headers, "x-amzn-requestid"))
            .or_else(|| find("RequestId"))
            .or_else(|| find("RequestID"));
        Self::Refused(Box::new(Refusal {
            what: what.to_owned(),
            status,
            code: shorten(&code),
            message: shorten(&message),
            request_id: request_id.map(|id| shorten(&id)),
        }))
    }
}

/// The value of a header as text; `None` when it is not there or no text.
fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// The text of the first element of this name, at any depth; `None` when it has none.
fn text(root: &Element, name: &str) -> Option<String> {
    let found = root.descendants().find(|element| element.name == name);
    found
        .map(|element| element.text.trim().to_owned())
        .filter(|text| !text.is_empty())
}

/// The first line of a text that is no document: `Failure: 403 Forbidden` of clouds of 2010.
fn plain(body: &[u8], document: bool) -> String {
    let text = String::from_utf8_lossy(body);
    if document || text.trim_start().starts_with('<') {
        return String::new();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn shorten(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(body: &[u8]) -> Refusal {
        let mut headers = HeaderMap::new();
        headers.insert("x-other", http::HeaderValue::from_static("1"));
        match TransportError::from_answer("GET b/k", 403, &headers, body) {
            TransportError::Refused(refusal) => *refusal,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn object_stores_and_ec2_and_plain_text() {
        let s3 = refusal(b"<Error><Code>NoSuchKey</Code><Message>a &amp; b</Message><RequestId>R1</RequestId></Error>");
        assert_eq!(
            (
                s3.code.as_str(),
                s3.message.as_str(),
                s3.request_id.as_deref()
            ),
            ("NoSuchKey", "a & b", Some("R1"))
        );
        assert_eq!(
            s3.to_string(),
            "GET b/k: the server refused with status 403, NoSuchKey: a & b (request R1)"
        );
        let ec2 = refusal(
            b"<?xml version='1.0'?><Response><Errors><Error><Code>AuthFailure</Code><Message>no</Message></Error></Errors>\
              <RequestID>R2</RequestID></Response>",
        );
        assert_eq!(
            (ec2.code.as_str(), ec2.request_id.as_deref()),
            ("AuthFailure", Some("R2"))
        );
        let plain = refusal(b"Failure: 403 Forbidden\r\nno such user");
        assert_eq!(
            (plain.code.as_str(), plain.message.as_str()),
            ("", "Failure: 403 Forbidden no such user")
        );
        let cut = refusal(b"<Error><Code>Slow");
        assert_eq!((cut.code.as_str(), cut.message.as_str()), ("", ""));
    }

    #[test]
    fn a_redirect_names_the_other_endpoint() {
        let body =
            b"<Error><Code>PermanentRedirect</Code><Endpoint>s3.other.example</Endpoint></Error>";
        let error = TransportError::from_answer("GET b/k", 301, &HeaderMap::new(), body);
        assert!(matches!(error, TransportError::Redirected { to, .. } if to == "s3.other.example"));
    }
}
