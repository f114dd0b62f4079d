//! A form, taken apart while it comes.

use super::part::PartHead;
use super::{FilePart, FormError, FormFields};

/// Most bytes of a form that are not its file.
pub(super) const MAX_FIELDS: usize = 64 << 10;
/// Longest boundary, as in RFC 2046.
const MAX_BOUNDARY: usize = 70;
/// The type of forms with files.
const CONTENT_TYPE: &str = "multipart/form-data";

/// What comes next in a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormPiece {
    /// All fields before the file, and the head of the file. It comes once and first.
    Fields(FormFields, FilePart),
    /// Bytes of the file, never none.
    File(Vec<u8>),
}

/// Takes a form apart, however its body is cut into pieces. It keeps no more than the fields, which are at most 64 KiB, and what
/// it is fed.
///
/// A delimiter is the boundary behind `CRLF--`, and nothing else ends a field: what looks like one within a line belongs to the
/// field. A form that another reader could read otherwise is refused.
#[derive(Debug)]
pub struct FormParser {
    /// `CRLF--BOUNDARY`
    delimiter: Vec<u8>,
    state: State,
    /// What has come and is not taken apart yet.
    rest: Vec<u8>,
    /// How many more bytes may come that are not the file.
    left: usize,
    /// The fields so far; `None` behind the head of the file.
    fields: Option<FormFields>,
    /// The bytes of the file so far.
    file_bytes: u64,
    /// How many bytes the file says that it has.
    said_bytes: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the empty line that some clients begin with.
    Start,
    /// Before the first delimiter.
    First,
    /// Behind a delimiter.
    Delimited,
    /// At the head of a part.
    Head,
    /// In the file.
    File,
    /// Behind the last delimiter.
    Epilogue,
}

impl FormParser {
    /// A parser for the body of a request with this `Content-Type`.
    ///
    /// # Errors
    /// [`FormError::Malformed`] when it is not that of a form, or names no boundary or one that is not legal.
    pub fn new(content_type: &str) -> Result<Self, FormError> {
        let boundary = boundary(content_type)?;
        Ok(Self {
            delimiter: format!("\r\n--{boundary}").into_bytes(),
            state: State::Start,
            // The first delimiter stands at the beginning of the body, all others at that of a line.
            rest: b"\r\n".to_vec(),
            left: MAX_FIELDS,
            fields: Some(FormFields::default()),
            file_bytes: 0,
            said_bytes: None,
        })
    }

    /// Takes the next bytes of the body.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
    }

    /// What comes next; `None` when more bytes are needed for it.
    ///
    /// # Errors
    /// When the form is malformed. There is nothing more to be had of it then.
    pub fn next_piece(&mut self) -> Result<Option<FormPiece>, FormError> {
        loop {
            match self.state {
                State::Start => {
                    let empty_line = b"\r\n\r\n";
                    if self.rest.len() < empty_line.len() && empty_line.starts_with(&self.rest) {
                        return Ok(None);
                    }
                    if self.rest.starts_with(empty_line) {
                        self.take(2)?;
                    }
                    self.state = State::First;
                }
                State::First => {
                    let known = self.rest.len().min(self.delimiter.len());
                    if self.rest[..known] != self.delimiter[..known] {
                        return Err(FormError::Malformed("it does not begin with its boundary"));
                    }
                    if known < self.delimiter.len() {
                        return Ok(None);
                    }
                    self.take(known)?;
                    self.state = State::Delimited;
                }
                State::Delimited => match self.rest.get(..2) {
                    None => return Ok(None),
                    Some(b"\r\n") => {
                        self.take(2)?;
                        self.state = State::Head;
                    }
                    Some(b"--") => {
                        self.take(2)?;
                        self.state = State::Epilogue;
                    }
                    Some(_) => return Err(FormError::Malformed("a boundary continues")),
                },
                State::Head => match self.part()? {
                    Part::Incomplete => return self.wait(),
                    Part::Field => self.state = State::Delimited,
                    Part::File(piece) => {
                        self.state = State::File;
                        return Ok(Some(piece));
                    }
                },
                State::File => {
                    if let Some(piece) = self.file_bytes()? {
                        return Ok(Some(piece));
                    }
                    if self.state == State::File {
                        return Ok(None);
                    }
                }
                State::Epilogue => {
                    if !matches!(self.rest.as_slice(), b"" | b"\r" | b"\r\n") {
                        return Err(FormError::Malformed("there is data after its end"));
                    }
                    return Ok(None);
                }
            }
        }
    }

    /// Says that the body has ended.
    ///
    /// # Errors
    /// [`FormError::Incomplete`] when there should be more.
    pub fn finish(&self) -> Result<(), FormError> {
        // A form without a file has ended before it said what it is for.
        if self.state != State::Epilogue || self.rest == b"\r" || self.fields.is_some() {
            return Err(FormError::Incomplete);
        }
        Ok(())
    }

    /// More bytes are needed, unless there are too many already.
    fn wait(&self) -> Result<Option<FormPiece>, FormError> {
        if self.rest.len() > self.left {
            return Err(FormError::TooLong);
        }
        Ok(None)
    }

    /// Takes bytes off that are not the file.
    fn take(&mut self, count: usize) -> Result<(), FormError> {
        self.left = self.left.checked_sub(count).ok_or(FormError::TooLong)?;
        self.rest.drain(..count);
        Ok(())
    }

    /// Reads the next part: all of a field, or the head of the file.
    fn part(&mut self) -> Result<Part, FormError> {
        const HEAD_END: &[u8] = b"\r\n\r\n";
        let Some(head_end) = find(&self.rest, HEAD_END) else {
            return Ok(Part::Incomplete);
        };
        let head = PartHead::parse(&self.rest[..head_end])?;
        let value_at = head_end + HEAD_END.len();
        if head.name == "file"
            && let Some(fields) = self.fields.take()
        {
            self.take(value_at)?;
            self.said_bytes = head.length;
            let file = FilePart {
                name: head.file_name.as_deref().map(base_name),
            };
            return Ok(Part::File(FormPiece::Fields(fields, file)));
        }
        let Some(length) = find(&self.rest[value_at..], &self.delimiter) else {
            return Ok(Part::Incomplete);
        };
        let value = &self.rest[value_at..value_at + length];
        if head.length.is_some_and(|said| said != length as u64) {
            return Err(FormError::Malformed(
                "a field has another length than it says",
            ));
        }
        let value = std::str::from_utf8(value)
            .map_err(|_| FormError::Malformed("a field is not UTF-8"))?
            .to_owned();
        match &mut self.fields {
            Some(fields) => fields.add(head.name, value)?,
            None if FormFields::has_no_effect(&head.name) => {}
            None => return Err(FormError::BehindFile(head.name)),
        }
        self.take(value_at + length + self.delimiter.len())?;
        Ok(Part::Field)
    }

    /// The bytes of the file that have come, as far as they cannot be the delimiter.
    fn file_bytes(&mut self) -> Result<Option<FormPiece>, FormError> {
        let end = find(&self.rest, &self.delimiter);
        let count = end.unwrap_or_else(|| self.rest.len() - self.unsure());
        if count > 0 {
            let bytes: Vec<_> = self.rest.drain(..count).collect();
            self.file_bytes += bytes.len() as u64;
            return Ok(Some(FormPiece::File(bytes)));
        }
        if end.is_some() {
            if self.said_bytes.is_some_and(|said| said != self.file_bytes) {
                return Err(FormError::Malformed(
                    "the file has another length than it says",
                ));
            }
            self.take(self.delimiter.len())?;
            self.state = State::Delimited;
        }
        Ok(None)
    }

    /// How many bytes at the end may be the beginning of the delimiter.
    fn unsure(&self) -> usize {
        let most = self.rest.len().min(self.delimiter.len() - 1);
        (1..=most)
            .rev()
            .find(|&count| self.rest.ends_with(&self.delimiter[..count]))
            .unwrap_or(0)
    }
}

/// What has been read of a part.
enum Part {
    Incomplete,
    Field,
    File(FormPiece),
}

/// The name of a file without directories: some browsers send the whole path.
fn base_name(path: &str) -> String {
    let name = path.rsplit(['/', '\\']).next();
    name.unwrap_or_default().to_owned()
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, wanted)
}

/// The boundary in the `Content-Type` of a form.
fn boundary(content_type: &str) -> Result<&str, FormError> {
    const MALFORMED: FormError = FormError::Malformed("its Content-Type has no legal boundary");
    let kind = content_type.split(';').next().unwrap_or_default();
    if !kind.trim().eq_ignore_ascii_case(CONTENT_TYPE) {
        return Err(FormError::Malformed("it has another Content-Type"));
    }
    let mut found = None;
    for parameter in content_type.split(';').skip(1) {
        let (name, value) = parameter.split_once('=').ok_or(MALFORMED)?;
        let value = value.trim();
        let quoted = value
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'));
        if name.trim().eq_ignore_ascii_case("boundary")
            && found.replace(quoted.unwrap_or(value)).is_some()
        {
            return Err(MALFORMED);
        }
    }
    let is_legal = |b: u8| b.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&b);
    found
        .filter(|text| (1..=MAX_BOUNDARY).contains(&text.len()))
        .filter(|text| text.bytes().all(is_legal) && !text.ends_with(' '))
        .ok_or(MALFORMED)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=\"a.b\"";

    /// The fields, the name of the file and the file of a form that comes in pieces of this size.
    type Read = (Vec<(String, String)>, Option<String>, Vec<u8>);

    fn read(body: &[u8], size: usize) -> Result<Read, FormError> {
        let mut parser = FormParser::new(TYPE)?;
        let (mut fields, mut name, mut file) = (Vec::new(), None, Vec::new());
        for bytes in body.chunks(size) {
            parser.feed(bytes);
            while let Some(piece) = parser.next_piece()? {
                match piece {
                    FormPiece::Fields(found, part) => {
                        let found = found.iter();
                        fields = found.map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
                        name = part.name;
                    }
                    FormPiece::File(bytes) => file.extend(bytes),
                }
            }
        }
        parser.finish()?;
        Ok((fields, name, file))
    }

    fn part(name: &str, value: &str) -> String {
        format!("--a.b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    }

    fn form(parts: &[(&str, &str)]) -> Vec<u8> {
        let parts: String = parts
            .iter()
            .map(|(name, value)| part(name, value))
            .collect();
        (parts + "--a.b--\r\n").into_bytes()
    }

    #[test]
    fn one_empty_line_may_come_first_however_the_body_is_cut() {
        for (lines, is_form) in [("", true), ("\r\n", true), ("\r\n\r\n", false)] {
            let body = format!(
                "{lines}--a.b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx\r\n--a.b--"
            );
            for size in 1..=body.len() {
                let is_read = read(body.as_bytes(), size).is_ok();
                assert_eq!(is_read, is_form, "{lines:?} in pieces of {size}");
            }
        }
    }

    #[test]
    fn fields_and_file_however_they_are_cut() {
        let inside = "x--a.b\r\n--a.\r\n\r\r\n-- a.b";
        let body = form(&[
            ("Key", "k"),
            ("acl", ""),
            ("x-amz-meta-a", inside),
            ("file", inside),
            ("submit", "Upload"),
        ]);
        let expected = [("acl", ""), ("key", "k"), ("x-amz-meta-a", inside)];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        for size in [1, 2, 3, 7, 50, 10_000] {
            let (fields, name, file) = read(&body, size).unwrap();
            assert_eq!(fields, expected, "{size}");
            assert_eq!((name, file), (None, inside.as_bytes().to_vec()), "{size}");
        }
        let leading = [b"\r\n", body.as_slice()].concat();
        assert_eq!(read(&leading, 1).unwrap().0, expected);
        let empty = read(&form(&[("file", "")]), 1).unwrap();
        assert_eq!(empty, (Vec::new(), None, Vec::new()));
    }

    #[test]
    fn what_two_readers_could_read_in_two_ways_is_refused() {
        for (why, body) in [
            (
                "a field twice",
                form(&[("acl", "a"), ("ACL", "b"), ("file", "")]),
            ),
            (
                "a field behind the file",
                form(&[("file", ""), ("acl", "a")]),
            ),
            ("two files", form(&[("file", "a"), ("file", "b")])),
            ("no file", form(&[("acl", "a")])),
            ("no end", part("file", "a").into_bytes()),
            (
                "a preamble",
                [b"x\r\n", form(&[("file", "")]).as_slice()].concat(),
            ),
            (
                "an epilogue",
                [form(&[("file", "")]).as_slice(), b"x"].concat(),
            ),
            ("a boundary that goes on", b"--a.bc\r\n".to_vec()),
            ("a boundary with blanks", b"--a.b \r\n".to_vec()),
            (
                "a line end of its own",
                b"--a.b\nContent-Disposition: form-data; name=\"file\"\n\n".to_vec(),
            ),
            ("nothing", Vec::new()),
        ] {
            for size in [1, 10_000] {
                assert!(read(&body, size).is_err(), "{why}");
            }
        }
    }

    #[test]
    fn fields_are_bounded_and_files_are_not() {
        let long = "x".repeat(MAX_FIELDS);
        let fields = form(&[("key", &long), ("file", "")]);
        assert_eq!(read(&fields, 1000), Err(FormError::TooLong));
        assert_eq!(read(&fields, fields.len()), Err(FormError::TooLong));
        // A head that does not end is not waited for.
        let endless = format!("--a.b\r\nContent-Disposition: {long}");
        assert_eq!(read(endless.as_bytes(), 1000), Err(FormError::TooLong));
        let file = form(&[("key", "k"), ("file", &long.repeat(3))]);
        assert_eq!(read(&file, 5000).unwrap().2.len(), 3 * MAX_FIELDS);
    }

    #[test]
    fn a_length_that_is_said_holds() {
        let with = |length: usize| {
            let head = "Content-Disposition: form-data; name=\"file\"; filename=\"C:\\dir\\b\"";
            format!("--a.b\r\n{head}\r\nContent-Length: {length}\r\n\r\nabc\r\n--a.b--")
        };
        assert_eq!(read(with(3).as_bytes(), 4).unwrap().1.as_deref(), Some("b"));
        assert!(read(with(4).as_bytes(), 4).is_err());
    }

    #[test]
    fn boundaries_are_those_of_the_standard() {
        for (content_type, expected) in [
            ("multipart/form-data; boundary=x", Some("x")),
            (
                "Multipart/Form-Data; charset=utf-8; Boundary=\"a b\"",
                Some("a b"),
            ),
            ("multipart/form-data", None),
            ("multipart/form-data; boundary=", None),
            ("multipart/form-data; boundary=a; boundary=b", None),
            ("multipart/form-data; boundary=a\"b", None),
            ("multipart/form-data-x; boundary=a", None),
            ("text/plain; boundary=a", None),
        ] {
            assert_eq!(boundary(content_type).ok(), expected, "{content_type}");
        }
        let long = format!("multipart/form-data; boundary={}", "x".repeat(71));
        assert!(boundary(&long).is_err());
    }
}
