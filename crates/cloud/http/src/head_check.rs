//! Heads that two readers could read in two ways.

use http::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, DATE, EXPECT, HOST, HeaderName, TRANSFER_ENCODING,
};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Version};

/// Headers that a request has once or not at all.
const ONCE: [HeaderName; 9] = [
    AUTHORIZATION,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    DATE,
    EXPECT,
    HOST,
    TRANSFER_ENCODING,
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("range"),
];

/// What is wrong with a head, as RFC 9112 and S3 have it; `None` when nothing is.
pub(crate) fn fault(head: &Parts) -> Option<&'static str> {
    if head.version == Version::HTTP_11 && !head.headers.contains_key(HOST) {
        return Some("The request has no Host header.\n");
    }
    if repeats(&head.headers) {
        return Some("The request has a header twice that it may have once.\n");
    }
    let host = head.headers.get(HOST).map(HeaderValue::as_bytes);
    if !host.is_none_or(|host| host.iter().copied().all(is_of_host)) {
        return Some("The Host header is not valid.\n");
    }
    // A proxy sends the whole URL, whose host is that of the header.
    let differs = |authority: &Authority| {
        host.is_some_and(|host| !host.eq_ignore_ascii_case(authority.as_str().as_bytes()))
    };
    if head.uri.authority().is_some_and(differs) {
        return Some("The Host header is not the host of the URL.\n");
    }
    None
}

fn repeats(headers: &HeaderMap) -> bool {
    let many = |name: &HeaderName| headers.get_all(name).iter().nth(1).is_some();
    ONCE.iter().any(many)
}

/// Whether a byte can be part of a host with its port.
fn is_of_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:[]".contains(&byte)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn is_refused(uri: &str, headers: &[(&str, &str)]) -> bool {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        fault(&request.body(()).unwrap().into_parts().0).is_some()
    }

    #[test]
    fn heads_with_one_reading() {
        let host = ("host", "cloud.example:8773");
        for (uri, headers) in [
            ("/", &[host][..]),
            ("/", &[("host", "[::1]:8773")]),
            ("/", &[host, ("x-amz-meta-a", "b"), ("x-amz-meta-a", "c")]),
            ("/", &[host, ("cookie", "a"), ("cookie", "b")]),
            ("http://Cloud.Example:8773/b/k", &[host]),
        ] {
            assert!(!is_refused(uri, headers), "{uri} {headers:?}");
        }
        for (uri, headers) in [
            ("/", &[][..]),
            ("/", &[host, host]),
            ("/", &[host, ("host", "other")]),
            ("/", &[("host", "a/b")]),
            ("/", &[("host", "a, b")]),
            ("/", &[("host", "user@h")]),
            ("http://other/", &[host]),
            ("/", &[host, ("content-type", "a"), ("content-type", "b")]),
            ("/", &[host, ("authorization", "a"), ("authorization", "a")]),
            ("/", &[("host", "b?acl.localhost")]),
            ("/", &[("host", "b%2Fk.localhost")]),
        ] {
            assert!(is_refused(uri, headers), "{uri} {headers:?}");
        }
    }
}
