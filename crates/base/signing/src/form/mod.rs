//! Uploads with forms: `multipart/form-data`, its policy and its signature.
//!
//! [`FormParser`] takes the body of a request apart as it comes; [`FormFields`] are the fields in front of the file; [`FormClaim`] is
//! the signature among them and [`PostPolicy`] what was signed. All of them look at the same fields.

mod claim;
mod fields;
mod parser;
mod part;
mod policy;

pub use claim::FormClaim;
pub use fields::FormFields;
pub use parser::{FormParser, FormPiece};
pub use part::FilePart;
pub use policy::{PolicyError, PostPolicy};

use gumnut_types::Fault;

/// Why a form cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormError {
    /// What is wrong with the text around the fields, or with a field.
    #[error("the form is malformed: {0}")]
    Malformed(&'static str),
    /// A field is there twice.
    #[error("the form has the field {0:?} more than once")]
    Repeated(String),
    /// A field stands behind the file, where it would have no effect.
    #[error("the field {0:?} must come before the file")]
    BehindFile(String),
    /// The fields, with the headers of their parts, are too long.
    #[error("the fields of the form are longer than {max} bytes", max = parser::MAX_FIELDS)]
    TooLong,
    /// The body ends before the form does.
    #[error("the form ends too early")]
    Incomplete,
}

impl FormError {
    /// Whose fault it is: always that of the body, which is not trusted, so [`Fault::Input`].
    pub fn fault(&self) -> Fault {
        Fault::Input
    }
}
