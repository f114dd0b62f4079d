//! The head of one part of a form.

use super::FormError;

/// What the head of a part says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PartHead {
    /// The name of the field, in lower case.
    pub(super) name: String,
    /// The name of a file.
    pub(super) file_name: Option<String>,
    /// The length in bytes, which some clients give.
    pub(super) length: Option<u64>,
}

/// The part that brings the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilePart {
    /// The name of the file without directories; `None` when the form gives none.
    pub name: Option<String>,
}

impl PartHead {
    /// Reads the lines of a head, without the empty line behind them.
    pub(super) fn parse(head: &[u8]) -> Result<Self, FormError> {
        let head = std::str::from_utf8(head)
            .map_err(|_| FormError::Malformed("the head of a part is not UTF-8"))?;
        let (mut disposition, mut content_type, mut encoding, mut length) =
            (None, None, None, None);
        for line in head.split("\r\n") {
            if line.contains(char::is_control) {
                return Err(FormError::Malformed(
                    "the head of a part has a control character",
                ));
            }
            let (name, value) = line.split_once(':').ok_or(FormError::Malformed(
                "a line of a part's head is not a header",
            ))?;
            let place = match name.to_ascii_lowercase().as_str() {
                "content-disposition" => &mut disposition,
                "content-type" => &mut content_type,
                "content-transfer-encoding" => &mut encoding,
                "content-length" => &mut length,
                _ => {
                    return Err(FormError::Malformed(
                        "a part has a header that forms do not have",
                    ));
                }
            };
            if place.replace(value.trim()).is_some() {
                return Err(FormError::Malformed("a part has a header more than once"));
            }
        }
        // The other encodings would have to be decoded.
        let as_it_is = |value: &str| ["7bit", "8bit", "binary"].contains(&value);
        if !encoding.is_none_or(|value| as_it_is(&value.to_ascii_lowercase())) {
            return Err(FormError::Malformed("a part is encoded"));
        }
        let disposition =
            disposition.ok_or(FormError::Malformed("a part has no Content-Disposition"))?;
        let length = length.map(parse_length).transpose()?;
        let (name, file_name) = parse_disposition(disposition)?;
        Ok(Self {
            name: name.to_ascii_lowercase(),
            file_name,
            length,
        })
    }
}

fn parse_length(text: &str) -> Result<u64, FormError> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|_| digits)
        .ok_or(FormError::Malformed(
            "the Content-Length of a part is not a number",
        ))
}

/// The names of the field and of the file in `form-data; name="..."; filename="..."`.
fn parse_disposition(text: &str) -> Result<(String, Option<String>), FormError> {
    const MALFORMED: FormError = FormError::Malformed("a Content-Disposition is not understood");
    let (kind, mut rest) = text.split_once(';').ok_or(MALFORMED)?;
    if !kind.trim().eq_ignore_ascii_case("form-data") {
        return Err(MALFORMED);
    }
    let (mut name, mut file_name) = (None, None);
    loop {
        let (parameter, behind) = rest.split_once('=').ok_or(MALFORMED)?;
        let (value, behind) = if let Some(quoted) = behind.strip_prefix('"') {
            unquote(quoted).ok_or(MALFORMED)?
        } else {
            let end = behind.find(';').unwrap_or(behind.len());
            (behind[..end].trim().to_owned(), &behind[end..])
        };
        let earlier = match parameter.trim().to_ascii_lowercase().as_str() {
            "name" => name.replace(value),
            "filename" => file_name.replace(value),
            // For names beyond ASCII, in place of the other.
            "filename*" => file_name.replace(decode_file_name(&value).ok_or(MALFORMED)?),
            _ => return Err(MALFORMED),
        };
        if earlier.is_some() {
            return Err(MALFORMED);
        }
        match behind.trim_start() {
            "" => break,
            behind => rest = behind.strip_prefix(';').ok_or(MALFORMED)?,
        }
    }
    let name = name.filter(|name| !name.is_empty()).ok_or(MALFORMED)?;
    Ok((name, file_name))
}

/// The name in `utf-8''NAME`.
fn decode_file_name(text: &str) -> Option<String> {
    let (charset, encoded) = text.split_once("''")?;
    let name = crate::decode_path(encoded).ok()?;
    let legal = charset.eq_ignore_ascii_case("utf-8") && !name.contains(char::is_control);
    legal.then_some(name)
}

/// The text of a quoted string up to its closing quote, and what is behind. A backslash escapes quotes and backslashes alone:
/// some browsers send whole paths of files.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(
                chars
                    .next_if(|(_, c)| matches!(c, '"' | '\\'))
                    .map_or(c, |(_, c)| c),
            ),
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(disposition: &str) -> Option<(String, Option<String>)> {
        let head = format!("Content-Disposition: {disposition}");
        let head = PartHead::parse(head.as_bytes()).ok()?;
        Some((head.name, head.file_name))
    }

    #[test]
    fn names_of_fields_and_files() {
        for (disposition, name, file_name) in [
            ("form-data; name=\"Key\"", "key", None),
            ("form-data; name=key", "key", None),
            ("FORM-DATA; NAME=\"a;b=c\"", "a;b=c", None),
            (
                "form-data; name=\"file\"; filename=\"a.txt\"",
                "file",
                Some("a.txt"),
            ),
            (
                "form-data; filename=a.txt ; name=file",
                "file",
                Some("a.txt"),
            ),
            (
                "form-data; name=\"file\"; filename=\"a\\\"b\\\\c\"",
                "file",
                Some("a\"b\\c"),
            ),
            (
                "form-data; name=\"file\"; filename=\"C:\\dir\\b\"",
                "file",
                Some("C:\\dir\\b"),
            ),
            (
                "form-data; name=\"file\"; filename*=utf-8''%C3%A9",
                "file",
                Some("é"),
            ),
            ("form-data; name=\"file\"; filename=\"\"", "file", Some("")),
        ] {
            let expected = (name.to_owned(), file_name.map(str::to_owned));
            assert_eq!(names(disposition), Some(expected), "{disposition}");
        }
        for bad in [
            "form-data",
            "attachment; name=\"key\"",
            "form-data; name=\"\"",
            "form-data; filename=\"a\"",
            "form-data; name=\"a\"; name=\"b\"",
            "form-data; name=\"file\"; filename=\"a\"; filename*=utf-8''b",
            "form-data; name=\"a",
            "form-data; name=\"a\" x",
            "form-data; name=\"a\"; charset=x",
            "form-data; name=\"file\"; filename*=utf-8''%0A",
            "form-data; name=\"file\"; filename*=latin1''a",
        ] {
            assert_eq!(names(bad), None, "{bad}");
        }
    }

    #[test]
    fn heads_have_few_headers_and_each_once() {
        const DISPOSITION: &str = "Content-Disposition: form-data; name=\"acl\"";
        let length = |more: &str| {
            let head = format!("{DISPOSITION}{more}");
            PartHead::parse(head.as_bytes()).map(|head| head.length)
        };
        assert_eq!(length("\r\nContent-Type: text/plain"), Ok(None));
        assert_eq!(length("\r\nContent-Transfer-Encoding: 8BIT"), Ok(None));
        assert_eq!(length("\r\ncontent-length: 7"), Ok(Some(7)));
        for bad in [
            "\r\nContent-Disposition: form-data; name=\"key\"",
            "\r\nContent-Type: a\r\ncontent-type: b",
            "\r\nContent-Transfer-Encoding: base64",
            "\r\nContent-Length: +7",
            "\r\nX-Other: a",
            "\r\n folded",
            "\nContent-Type: a",
            "\r\nContent-Type: a\rb",
            "\r\nContent-Disposition : a",
        ] {
            assert!(length(bad).is_err(), "{bad:?}");
        }
        assert!(PartHead::parse(b"").is_err());
        assert!(PartHead::parse(b"Content-Disposition: form-data; name=\"\xff\"").is_err());
    }
}
