//! The head of a request, made into what the protocol's layer sees: without signature, without the encoding of the way, and
//! without the prefix of the service.

use gumnut_cloud_objects::ObjectError;
use gumnut_signing::percent_decode;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderName};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Uri};

use crate::patches::form;

/// The encoding of bodies whose chunks are signed one by one.
const CHUNKED: &str = "aws-chunked";
/// Headers of signatures, which the protocol's layer must not see.
const SIGNATURE_HEADERS: [&str; 4] = [
    "authorization",
    "x-amz-content-sha256",
    "x-amz-decoded-content-length",
    "x-amz-trailer",
];
/// Query parameters of signatures, in lower case, which the protocol's layer must not see.
const SIGNATURE_PARAMETERS: [&str; 11] = [
    "awsaccesskeyid",
    "expires",
    "signature",
    "x-amz-algorithm",
    "x-amz-content-sha256",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-signedheaders",
];
/// Subresources of objects whose PUT brings a document and not the object's content.
const DOCUMENTS: [&str; 4] = ["acl", "legal-hold", "retention", "tagging"];

/// What the body of a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// The content of an object or a part, which is streamed.
    Object,
    /// A form with a file.
    Form,
    /// XML, or nothing.
    Document,
}

impl Content {
    /// `path` is the path behind the prefix of the service.
    pub(super) fn of(head: &Parts, path: &str) -> Self {
        let query = head.uri.query().unwrap_or_default();
        let key = path.trim_start_matches('/').split_once('/');
        let is_object = key.is_some_and(|(_, key)| !key.is_empty());
        let is_document = DOCUMENTS.iter().any(|name| has_parameter(query, name));
        if head.method == Method::PUT && is_object && !is_document {
            Self::Object
        } else if form::is_form(&head.method, &head.headers) {
            Self::Form
        } else {
            Self::Document
        }
    }
}

/// Whether a query has a parameter, with or without a value.
pub(super) fn has_parameter(query: &str, name: &str) -> bool {
    query
        .split('&')
        .any(|pair| pair.split_once('=').map_or(pair, |(name, _)| name) == name)
}

/// Makes the headers those of the content, and gives its length.
pub(super) fn unwrap_chunked_headers(headers: &mut HeaderMap) -> Result<u64, ObjectError> {
    let length: u64 = headers
        .get("x-amz-decoded-content-length")
        .ok_or(ObjectError::MissingContentLength)?
        .to_str()
        .ok()
        .filter(|text| text.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| ObjectError::argument("Invalid x-amz-decoded-content-length"))?;
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    Ok(length)
}

/// Takes the encoding off that is one of the way and not of the content. Clients name it for bodies that have it and
/// for some that have not.
pub(super) fn unwrap_encoding(headers: &mut HeaderMap) {
    let encoding = headers.get(CONTENT_ENCODING);
    let Some(encoding) = encoding.and_then(|value| value.to_str().ok()) else {
        return;
    };
    let encodings = encoding.split(',').map(str::trim);
    if !encodings.clone().any(|name| name == CHUNKED) {
        return;
    }
    let kept = encodings
        .filter(|name| *name != CHUNKED)
        .collect::<Vec<_>>()
        .join(", ");
    if kept.is_empty() {
        headers.remove(CONTENT_ENCODING);
    } else if let Ok(value) = HeaderValue::from_str(&kept) {
        headers.insert(CONTENT_ENCODING, value);
    }
}

/// Takes the signature and the prefix of the service off. Parameters that stand for headers become headers.
pub(super) fn strip(head: &mut Parts, path: &str) -> Result<(), ObjectError> {
    for name in SIGNATURE_HEADERS {
        head.headers.remove(name);
    }
    let mut kept = Vec::new();
    for pair in head.uri.query().unwrap_or_default().split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let lower = name.to_ascii_lowercase();
        if pair.is_empty() || SIGNATURE_PARAMETERS.contains(&lower.as_str()) {
            continue;
        }
        if lower.starts_with("x-amz-") {
            let name = HeaderName::from_bytes(lower.as_bytes());
            let value = HeaderValue::from_str(&percent_decode(value));
            if let (Ok(name), Ok(value)) = (name, value) {
                head.headers.entry(name).or_insert(value);
            }
            continue;
        }
        kept.push(pair);
    }
    let target = if kept.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{}", kept.join("&"))
    };
    head.uri = Uri::try_from(target).map_err(|_| ObjectError::InvalidUri)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn head(method: &str, target: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn bodies_are_objects_forms_or_documents() {
        let form = [("content-type", "multipart/form-data; boundary=x")];
        for (method, target, path, headers, content) in [
            ("PUT", "/b/k", "/b/k", &[][..], Content::Object),
            ("PUT", "/k", "/b/k", &[], Content::Object),
            ("PUT", "/b/k?partNumber=1", "/b/k", &[], Content::Object),
            ("PUT", "/b/k?acl", "/b/k", &[], Content::Document),
            ("PUT", "/b/k?tagging=", "/b/k", &[], Content::Document),
            ("PUT", "/b", "/b", &[], Content::Document),
            ("PUT", "/b/", "/b/", &[], Content::Document),
            ("POST", "/b", "/b", &form, Content::Form),
            ("POST", "/b?delete", "/b", &[], Content::Document),
        ] {
            let head = head(method, target, headers);
            assert_eq!(Content::of(&head, path), content, "{method} {target}");
        }
    }

    #[test]
    fn the_layer_sees_no_signature() {
        let headers = [
            ("authorization", "AWS4-HMAC-SHA256 x"),
            ("x-amz-meta-a", "b"),
        ];
        let target =
            "/services/Walrus/b/k?versionId=1&X-Amz-Date=x&x-amz-tagging=a%3Db&Signature=s";
        let mut head = head("PUT", target, &headers);
        strip(&mut head, "/b/k").unwrap();
        assert_eq!(head.uri, "/b/k?versionId=1");
        assert!(!head.headers.contains_key("authorization"));
        assert_eq!(head.headers["x-amz-meta-a"], "b");
        assert_eq!(head.headers["x-amz-tagging"], "a=b");
    }

    #[test]
    fn the_encoding_of_the_way_is_taken_off() {
        for (sent, kept) in [
            ("aws-chunked", None),
            ("aws-chunked, gzip", Some("gzip")),
            ("gzip", Some("gzip")),
        ] {
            let mut head = head("PUT", "/b/k", &[("content-encoding", sent)]);
            unwrap_encoding(&mut head.headers);
            let encoding = head.headers.get(CONTENT_ENCODING);
            assert_eq!(
                encoding.map(|value| value.to_str().unwrap()),
                kept,
                "{sent}"
            );
        }
        let long = [("x-amz-decoded-content-length", "+5")];
        let refused = unwrap_chunked_headers(&mut head("PUT", "/b/k", &long).headers);
        assert_eq!(refused.unwrap_err().code(), "InvalidArgument");
    }
}
