//! The ACL that an upload with a form asks for. The protocol's layer compares the field with the signed policy and
//! then forgets it.

use http::HeaderMap;
use http::header::CONTENT_TYPE;

use crate::store::StoreError;

/// The name of a canned ACL in the field `acl` of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FormAcl(pub(crate) String);

/// Whether a request brings a form with a file.
pub(super) fn is_form(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"multipart/form-data"))
}

/// The field `acl` of a form. Two of them are refused: the policy is compared with one only.
pub(super) fn acl(headers: &HeaderMap, body: &[u8]) -> Result<Option<FormAcl>, StoreError> {
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let boundary = content_type
        .and_then(|value| {
            value
                .split(';')
                .find_map(|part| part.trim().strip_prefix("boundary="))
        })
        .ok_or(StoreError::MalformedForm)?;
    let delimiter = format!("--{}", boundary.trim_matches('"'));
    let mut found = None;
    for part in split(body, delimiter.as_bytes()) {
        let Some((head, value)) = split_once(part, b"\r\n\r\n") else {
            continue;
        };
        match name(head).as_deref() {
            // The file is the last field; what is in it is no form.
            Some("file") => break,
            Some("acl") => {
                let value = value.strip_suffix(b"\r\n").unwrap_or(value);
                let value = std::str::from_utf8(value).map_err(|_| StoreError::MalformedForm)?;
                if found.replace(FormAcl(value.to_owned())).is_some() {
                    return Err(StoreError::MalformedForm);
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

/// The name in `Content-Disposition: form-data; name="..."`, in lower case.
fn name(head: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let mut lines = head.lines();
    let disposition = lines.find_map(|line| line.strip_prefix("content-disposition:"))?;
    let name = disposition
        .split(';')
        .find_map(|part| part.trim().strip_prefix("name="))?;
    Some(name.trim_matches('"').to_owned())
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
    use http::HeaderValue;

    fn read(fields: &[(&str, &str)]) -> Result<Option<FormAcl>, StoreError> {
        let mut headers = HeaderMap::new();
        let content_type = HeaderValue::from_static("multipart/form-data; boundary=\"a.b\"");
        headers.insert(CONTENT_TYPE, content_type);
        let field = |(name, value): &(&str, &str)| {
            format!("--a.b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let body: String = fields.iter().map(field).collect();
        acl(&headers, (body + "--a.b--\r\n").as_bytes())
    }

    #[test]
    fn the_field_before_the_file() {
        let named = Some(FormAcl("public-read".to_owned()));
        assert_eq!(
            read(&[("key", "k"), ("acl", "public-read")]).unwrap(),
            named
        );
        assert_eq!(
            read(&[("Acl", "public-read"), ("file", "acl")]).unwrap(),
            named
        );
        assert_eq!(read(&[("key", "acl"), ("file", "x")]).unwrap(), None);
        let hidden = "x\r\n--a.b\r\nContent-Disposition: form-data; name=\"acl\"\r\n\r\nprivate";
        assert_eq!(read(&[("file", hidden)]).unwrap(), None);
    }

    #[test]
    fn two_fields_are_refused() {
        let twice = read(&[("acl", "private"), ("acl", "public-read")]);
        assert_eq!(twice.unwrap_err().code(), "MalformedPOSTRequest");
    }
}
