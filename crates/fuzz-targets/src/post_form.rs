//! Any bytes are the body of an upload with a form.

use gumnut_signing::form::{FormClaim, FormError, FormFields, FormParser, FormPiece, PostPolicy};
use time::OffsetDateTime;

use crate::input::Input;

const CONTENT_TYPE: &str = "multipart/form-data; boundary=x";
/// Most bytes of a form that are not its file.
const MOST: usize = 64 << 10;

/// What is read of a form.
type Read = Result<(Option<FormFields>, Vec<u8>), FormError>;

/// Reads the bytes as a form, whole and in pieces: first the size of the pieces, then the form.
///
/// # Panics
/// When it matters how the form is cut, when more is kept than may be, or when a field of the form is another when the form is
/// written again.
pub fn post_form(bytes: &[u8]) {
    let mut input = Input(bytes);
    let size = usize::from(input.byte()).max(1);
    let body = input.0;
    let read = read_in(body, body.len().max(1));
    assert_eq!(read, read_in(body, size), "the cut matters");
    let Ok((Some(fields), file)) = read else {
        return;
    };
    let kept: usize = fields
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    assert!(kept <= MOST, "long fields were kept");
    assert!(
        fields
            .iter()
            .all(|(name, _)| name == name.to_ascii_lowercase())
    );
    let again = read_in(&written(&fields, &file), size);
    if let Ok((Some(again), again_file)) = again {
        assert!(
            again == fields && again_file == file,
            "it is another form when it is written anew"
        );
    }
    if let Ok(Some(claim)) = FormClaim::of(&fields) {
        assert_eq!(Some(claim.policy()), fields.get("policy"));
        let policy = PostPolicy::parse(claim.policy());
        let allowed = policy.is_ok_and(|policy| {
            let now = OffsetDateTime::UNIX_EPOCH;
            policy.check(&fields, "b", now).is_ok()
        });
        assert!(
            !allowed || !claim.policy().contains('"'),
            "a policy is not in Base64"
        );
    }
}

fn read_in(body: &[u8], size: usize) -> Read {
    let mut parser = FormParser::new(CONTENT_TYPE)?;
    let (mut found, mut file) = (None, Vec::new());
    for piece in body.chunks(size) {
        parser.feed(piece);
        while let Some(piece) = parser.next_piece()? {
            match piece {
                FormPiece::Fields(fields, _) => {
                    assert!(
                        found.is_none() && file.is_empty(),
                        "fields come first and once"
                    );
                    found = Some(fields);
                }
                FormPiece::File(bytes) => {
                    assert!(
                        found.is_some() && !bytes.is_empty(),
                        "a file comes behind the fields"
                    );
                    file.extend(bytes);
                }
            }
        }
    }
    parser.finish()?;
    Ok((found, file))
}

/// The form of these fields.
fn written(fields: &FormFields, file: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    let parts = fields.iter().map(|(name, value)| (name, value.as_bytes()));
    for (name, value) in parts.chain([("file", file)]) {
        let name = name.replace('\\', "\\\\").replace('"', "\\\"");
        body.extend_from_slice(b"--x\r\nContent-Disposition: form-data; name=\"");
        body.extend_from_slice(name.as_bytes());
        body.extend_from_slice(b"\"\r\n\r\n");
        body.extend_from_slice(value);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--x--");
    body
}
