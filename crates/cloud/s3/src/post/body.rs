//! The body of a request with a form, as it comes.

use bytes::Bytes;
use futures::Stream;
use gumnut_cloud_objects::ObjectError;
use gumnut_signing::form::{FormError, FormFields, FormParser, FormPiece};
use http_body_util::BodyExt as _;

use crate::payload::CheckedBody;
use crate::sent_checksums::SentChecksums;

/// A form that is being read.
pub(super) struct FormBody {
    parser: FormParser,
    body: CheckedBody,
}

impl FormBody {
    /// The form in a body of this type.
    pub(super) fn new(content_type: &str, body: CheckedBody) -> Result<Self, ObjectError> {
        let parser = FormParser::new(content_type).map_err(|error| refusal(&error))?;
        Ok(Self { parser, body })
    }

    /// Reads the fields, with the name of the file where they ask for it.
    pub(super) async fn fields(&mut self) -> Result<FormFields, ObjectError> {
        match self.next().await? {
            Some(FormPiece::Fields(mut fields, file)) => {
                fields.name_file(file.name.as_deref().unwrap_or_default());
                Ok(fields)
            }
            Some(FormPiece::File(_)) | None => Err(ObjectError::MalformedForm),
        }
    }

    /// The file behind the fields, whose length must be within these bounds. It ends in an error unless the whole form is right, and
    /// its checksums.
    pub(super) fn file(
        self,
        (least, most): (u64, u64),
        checksums: SentChecksums,
    ) -> impl Stream<Item = Result<Bytes, ObjectError>> + Send + 'static {
        let start = (self, checksums, 0_u64);
        futures::stream::try_unfold(start, move |(mut form, mut checksums, seen)| async move {
            let Some(piece) = form.next().await? else {
                if seen < least {
                    return Err(ObjectError::EntityTooSmall);
                }
                checksums.finish(&[])?;
                return Ok(None);
            };
            let FormPiece::File(bytes) = piece else {
                return Err(ObjectError::MalformedForm);
            };
            let seen = seen + bytes.len() as u64;
            if seen > most {
                return Err(ObjectError::EntityTooLarge);
            }
            checksums.update(&bytes);
            Ok(Some((Bytes::from(bytes), (form, checksums, seen))))
        })
    }

    /// What comes next; `None` at the end of a form that is complete.
    async fn next(&mut self) -> Result<Option<FormPiece>, ObjectError> {
        loop {
            let piece = self.parser.next_piece().map_err(|error| refusal(&error))?;
            if piece.is_some() {
                return Ok(piece);
            }
            match self.body.frame().await {
                Some(Ok(frame)) => self.parser.feed(frame.data_ref().map_or(&[], |data| data)),
                Some(Err(error)) => return Err((&error).into()),
                None => {
                    self.parser.finish().map_err(|error| refusal(&error))?;
                    return Ok(None);
                }
            }
        }
    }
}

/// Why a form is refused, in the words of S3.
fn refusal(error: &FormError) -> ObjectError {
    match error {
        FormError::Incomplete => ObjectError::IncompleteBody,
        FormError::TooLong => ObjectError::FieldsTooLong,
        error => ObjectError::MalformedForm.saying(format!(
            "The body of your POST request is not well-formed multipart/form-data: {error}."
        )),
    }
}
