//! The head of a request, made into what the protocol's layer sees: without signature, without the encoding of the way, and
//! without the prefix of the service.

use gumnut_cloud_objects::ObjectError;
use gumnut_signing::Query;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Uri};

use crate::target::Target;

/// The encoding of bodies whose chunks are signed one by one.
const CHUNKED: &str = "aws-chunked";
/// Headers of signatures, which the protocol's layer must not see.
const SIGNATURE_HEADERS: [&str; 4] = [
    "authorization",
    "x-amz-content-sha256",
    "x-amz-decoded-content-length",
    "x-amz-trailer",
];
/// What the names of parameters begin with that stand for headers.
const HEADER_PREFIX: &str = "x-amz-";
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
/// What the type of forms with files begins with.
const FORM: &str = "multipart/form-data";

/// Whether a request says that its body is a form with a file. Whatever may be one to the layer behind is one here, and is refused
/// here when it is not.
pub(super) fn has_form(head: &Parts) -> bool {
    let content_type = head.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let kind = content_type.and_then(|text| text.get(..FORM.len()));
    head.method == Method::POST
        && kind.is_some_and(|kind| kind.eq_ignore_ascii_case(FORM.as_bytes()))
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

/// Takes the signature and the prefix of the service off, and writes path and query again from what they were decoded to.
/// Parameters that stand for headers become headers.
///
/// # Errors
/// [`ObjectError::InvalidArgument`] for a parameter that no header can be, or that contradicts a header.
pub(super) fn strip(head: &mut Parts, target: &Target, query: &Query) -> Result<(), ObjectError> {
    for name in SIGNATURE_HEADERS {
        head.headers.remove(name);
    }
    for parameter in query {
        let lower = parameter.name().to_ascii_lowercase();
        if lower.starts_with(HEADER_PREFIX) && !is_of_signature(&lower) {
            add_header(&mut head.headers, &lower, parameter.value())?;
        }
    }
    let kept = query.encode(|name| {
        let lower = name.to_ascii_lowercase();
        !lower.starts_with(HEADER_PREFIX) && !is_of_signature(&lower)
    });
    let path = target.encoded();
    let uri = if kept.is_empty() {
        path
    } else {
        format!("{path}?{kept}")
    };
    head.uri = Uri::try_from(uri).map_err(|_| ObjectError::InvalidUri)?;
    Ok(())
}

/// Whether a parameter, whose name is in lower case, belongs to a signature.
fn is_of_signature(name: &str) -> bool {
    SIGNATURE_PARAMETERS.contains(&name)
}

/// Adds a header that came as a parameter.
fn add_header(headers: &mut HeaderMap, name: &str, text: &str) -> Result<(), ObjectError> {
    let header = HeaderName::from_bytes(name.as_bytes());
    // A control character would end the header, or be dropped with it.
    let value = HeaderValue::from_bytes(text.as_bytes());
    let (Ok(header), Ok(value)) = (header, value) else {
        let message = format!("The parameter {name:?} cannot be a header.");
        return Err(ObjectError::argument(message));
    };
    let known = headers.entry(header).or_insert_with(|| value.clone());
    if *known != value {
        let message = format!("The parameter {name:?} and the header of that name differ.");
        return Err(ObjectError::argument(message));
    }
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

    /// The target and the parameters of a request.
    fn read(head: &Parts, path: &str) -> (Target, Query) {
        let target = Target::of(path).unwrap();
        let query = Query::parse(head.uri.query().unwrap_or_default()).unwrap();
        (target, query)
    }

    #[test]
    fn forms_are_posted() {
        for (method, content_type, is_form) in [
            ("POST", "Multipart/Form-Data ; boundary=x", true),
            ("POST", "multipart/form-data", true),
            ("POST", "application/xml", false),
            ("PUT", "multipart/form-data; boundary=x", false),
        ] {
            let head = head(method, "/b", &[("content-type", content_type)]);
            assert_eq!(has_form(&head), is_form, "{method} {content_type}");
        }
    }

    #[test]
    fn the_layer_sees_no_signature_and_what_was_decoded() {
        let headers = [
            ("authorization", "AWS4-HMAC-SHA256 x"),
            ("x-amz-meta-a", "b"),
        ];
        let target = "/services/Walrus/b/k?version%49d=1&X-Amz-Date=x&%78-amz-tagging=a%3Db&x-amz-meta-a=b&Signature=s\
            &prefix=a+b";
        let mut head = head("PUT", target, &headers);
        let (target, query) = read(&head, "/b/%6b=");
        strip(&mut head, &target, &query).unwrap();
        assert_eq!(head.uri, "/b/k%3D?versionId=1&prefix=a%20b");
        assert!(!head.headers.contains_key("authorization"));
        assert_eq!(head.headers["x-amz-meta-a"], "b");
        assert_eq!(head.headers["x-amz-tagging"], "a=b");
    }

    #[test]
    fn parameters_that_no_header_can_be_are_refused() {
        for bad in [
            "x-amz-acl=a%0Ab",
            "x-amz-acl=%00",
            "x-amz-a%20b=c",
            "x-amz-meta-a=c",
        ] {
            let mut head = head("PUT", &format!("/b/k?{bad}"), &[("x-amz-meta-a", "b")]);
            let (target, query) = read(&head, "/b/k");
            let refused = strip(&mut head, &target, &query).unwrap_err();
            assert_eq!(refused.code(), "InvalidArgument", "{bad}");
        }
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
