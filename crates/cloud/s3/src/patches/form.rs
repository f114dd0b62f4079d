//! What the protocol's layer leaves out of uploads with forms: it compares the field `acl` with the signed policy and then
//! forgets it, and knows nothing of the name of the file in the key.

use std::ops::Range;

use bytes::Bytes;
use data_encoding::BASE64;
use gumnut_cloud_objects::ObjectError;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderValue, Method};
use serde_json::Value;

/// Stands in a key for the name of the file.
const FILE_NAME: &str = "${filename}";

/// The name of a canned ACL in the field `acl` of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FormAcl(pub(crate) String);

/// Whether a request brings a form with a file.
pub(crate) fn is_form(method: &Method, headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE);
    method == Method::POST
        && content_type.is_some_and(|value| value.as_bytes().starts_with(b"multipart/form-data"))
}

/// What the protocol's layer needs beside the form itself.
#[derive(Debug)]
pub(crate) struct Form {
    pub(crate) acl: Option<FormAcl>,
    /// The form, with the name of the file in the key that wants it.
    pub(crate) body: Bytes,
}

/// Reads the fields of a form up to its file. Two fields `acl` are refused: the policy is compared with one only.
pub(crate) fn read(headers: &HeaderMap, body: Bytes) -> Result<Form, ObjectError> {
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let boundary = content_type
        .and_then(|value| {
            value
                .split(';')
                .find_map(|part| part.trim().strip_prefix("boundary="))
        })
        .ok_or(ObjectError::MalformedForm)?;
    let delimiter = format!("--{}", boundary.trim_matches('"'));
    let (mut acl, mut key) = (None, None);
    let (mut policy, mut signed) = (false, false);
    let mut start = 0;
    for part in split(&body, delimiter.as_bytes()) {
        let at = start;
        start += part.len() + delimiter.len();
        let Some((head, value)) = split_once(part, b"\r\n\r\n") else {
            continue;
        };
        let value_at = at + part.len() - value.len();
        let value = value.strip_suffix(b"\r\n").unwrap_or(value);
        let text = || std::str::from_utf8(value).map_err(|_| ObjectError::MalformedForm);
        match parameter(head, "name")
            .map(|name| name.to_ascii_lowercase())
            .as_deref()
        {
            // The file is the last field; what is in it is no form.
            Some("file") => {
                if policy && !signed {
                    return Err(ObjectError::argument(
                        "Bucket POST must contain a field named 'Signature'.",
                    ));
                }
                let name = parameter(head, "filename").unwrap_or_default();
                let renamed = match key {
                    Some(key) => with_file_name(&body, key, &name)?,
                    None => None,
                };
                return Ok(Form {
                    acl,
                    body: renamed.unwrap_or_else(|| body.clone()),
                });
            }
            Some("acl") if acl.is_some() => return Err(ObjectError::MalformedForm),
            Some("acl") => acl = Some(FormAcl(text()?.to_owned())),
            Some("key") => key = Some(value_at..value_at + value.len()),
            Some("policy") => {
                policy = true;
                check_expiration(text()?)?;
            }
            Some("signature" | "x-amz-signature") => signed = true,
            _ => {}
        }
    }
    Ok(Form { acl, body })
}

/// The form with the name of the file in its key; `None` when the key does not ask for it.
fn with_file_name(
    body: &Bytes,
    key: Range<usize>,
    name: &str,
) -> Result<Option<Bytes>, ObjectError> {
    let text = std::str::from_utf8(&body[key.clone()]).map_err(|_| ObjectError::MalformedForm)?;
    if !text.contains(FILE_NAME) {
        return Ok(None);
    }
    // Some browsers send the whole path.
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let text = text.replace(FILE_NAME, name);
    let pieces = [&body[..key.start], text.as_bytes(), &body[key.end..]];
    Ok(Some(pieces.concat().into()))
}

/// Insists on the one form of a time that policies have; the protocol's layer takes others, too. Whether the policy is
/// one at all is its business.
fn check_expiration(policy: &str) -> Result<(), ObjectError> {
    let policy = BASE64
        .decode(policy.trim().as_bytes())
        .ok()
        .and_then(|json| serde_json::from_slice::<Value>(&json).ok());
    let Some(Value::String(time)) = policy.as_ref().map(|policy| &policy["expiration"]) else {
        return Ok(());
    };
    if time.as_bytes().get(10) == Some(&b'T') && time.ends_with('Z') {
        return Ok(());
    }
    Err(ObjectError::InvalidPolicyDocument.saying("Invalid Policy: Invalid 'expiration' value."))
}

/// Puts the tag in the address that a form leads to into quotes, as it is in all answers.
pub(crate) fn quote_tag(headers: &mut HeaderMap) {
    let location = headers.get(LOCATION).and_then(|value| value.to_str().ok());
    let Some((address, tag)) = location.and_then(|text| text.rsplit_once("&etag=")) else {
        return;
    };
    if tag.bytes().all(|b| b.is_ascii_hexdigit())
        && let Ok(value) = HeaderValue::from_str(&format!("{address}&etag=%22{tag}%22"))
    {
        headers.insert(LOCATION, value);
    }
}

/// A parameter of `Content-Disposition: form-data; name="..."; filename="..."`.
fn parameter(head: &[u8], wanted: &str) -> Option<String> {
    const HEADER: &str = "content-disposition:";
    let head = String::from_utf8_lossy(head);
    let disposition = head.lines().find_map(|line| {
        let name = line.get(..HEADER.len())?;
        name.eq_ignore_ascii_case(HEADER)
            .then(|| line[HEADER.len()..].to_owned())
    })?;
    let value = disposition.split(';').find_map(|part| {
        let (name, value) = part.trim().split_once('=')?;
        name.eq_ignore_ascii_case(wanted).then_some(value)
    })?;
    Some(value.trim_matches('"').to_owned())
}

/// The pieces between the delimiters.
fn split<'b>(body: &'b [u8], delimiter: &'b [u8]) -> impl Iterator<Item = &'b [u8]> {
    let mut rest = Some(body);
    std::iter::from_fn(move || {
        let piece = rest?;
        match split_once(piece, delimiter) {
            Some((piece, behind)) => {
                rest = Some(behind);
                Some(piece)
            }
            None => rest.take(),
        }
    })
}

fn split_once<'b>(text: &'b [u8], delimiter: &[u8]) -> Option<(&'b [u8], &'b [u8])> {
    let at = text
        .windows(delimiter.len())
        .position(|window| window == delimiter)?;
    Some((&text[..at], &text[at + delimiter.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(fields: &[(&str, &str)]) -> Result<Form, ObjectError> {
        let mut headers = HeaderMap::new();
        let content_type = HeaderValue::from_static("multipart/form-data; boundary=\"a.b\"");
        headers.insert(CONTENT_TYPE, content_type);
        let field = |(name, value): &(&str, &str)| {
            format!("--a.b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let body: String = fields.iter().map(field).collect();
        read(&headers, (body + "--a.b--\r\n").into())
    }

    fn acl(fields: &[(&str, &str)]) -> Option<FormAcl> {
        form(fields).unwrap().acl
    }

    #[test]
    fn the_field_before_the_file() {
        let named = Some(FormAcl("public-read".to_owned()));
        assert_eq!(acl(&[("key", "k"), ("acl", "public-read")]), named);
        assert_eq!(acl(&[("Acl", "public-read"), ("file", "acl")]), named);
        assert_eq!(acl(&[("key", "acl"), ("file", "x")]), None);
        let hidden = "x\r\n--a.b\r\nContent-Disposition: form-data; name=\"acl\"\r\n\r\nprivate";
        assert_eq!(acl(&[("file", hidden)]), None);
    }

    #[test]
    fn two_fields_are_refused() {
        let twice = form(&[("acl", "private"), ("acl", "public-read")]);
        assert_eq!(twice.unwrap_err().code(), "MalformedPOSTRequest");
    }

    #[test]
    fn the_key_may_want_the_name_of_the_file() {
        let body = |key: &str, file: &str| {
            let form = form(&[("key", key), ("acl", "private"), (file, "${filename}")]);
            String::from_utf8(form.unwrap().body.to_vec()).unwrap()
        };
        let sent = body("a/${filename}", "file\"; filename=\"C:\\dir\\b.txt");
        assert!(sent.contains("\r\n\r\na/b.txt\r\n--a.b"), "{sent}");
        // What is in the file stays as it is.
        assert!(
            sent.ends_with("\r\n\r\n${filename}\r\n--a.b--\r\n"),
            "{sent}"
        );
        assert!(body("a/b", "file").contains("\r\n\r\na/b\r\n"));
    }

    #[test]
    fn a_policy_ends_at_a_time_of_the_one_form() {
        let code = |time: &str| {
            let policy = BASE64.encode(format!("{{\"expiration\": \"{time}\"}}").as_bytes());
            let form = form(&[("policy", &policy), ("Signature", "s"), ("file", "x")]);
            form.err().map(|error| error.code())
        };
        assert_eq!(code("2095-01-01T00:00:00Z"), None);
        assert_eq!(code("2095-01-01T00:00:00.000Z"), None);
        for bad in ["2095-01-01 00:00:00+00:00", "2095-01-01T00:00:00", "soon"] {
            assert_eq!(code(bad), Some("InvalidPolicyDocument"), "{bad}");
        }
    }

    #[test]
    fn a_policy_that_nobody_has_signed_is_refused() {
        let policy = BASE64.encode(b"{\"expiration\": \"2095-01-01T00:00:00Z\"}");
        let unsigned = form(&[("policy", &policy), ("file", "x")]);
        assert_eq!(unsigned.unwrap_err().code(), "InvalidArgument");
    }

    #[test]
    fn tags_in_addresses_are_quoted() {
        let quoted = |location: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(LOCATION, HeaderValue::from_static(location));
            quote_tag(&mut headers);
            headers[LOCATION].to_str().unwrap().to_owned()
        };
        assert_eq!(
            quoted("http://h/?bucket=b&key=k&etag=0a"),
            "http://h/?bucket=b&key=k&etag=%220a%22"
        );
        assert_eq!(quoted("http://h/?a=b"), "http://h/?a=b");
    }
}
