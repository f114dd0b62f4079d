//! What may be there only once.

use std::fmt;

/// What may be there only once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// The id of an image.
    ImageId(String),
    /// The name of an image of an account, with the id of the image that has it.
    ImageName {
        /// The name.
        name: String,
        /// The image that has it.
        id: String,
    },
    /// The name of an account or a user.
    Name,
    /// The e-mail address of an account, in whatever case.
    Email,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ImageId(id) => write!(f, "the image id {id}"),
            Self::ImageName { name, id } => write!(f, "the image name {name} of {id}"),
            Self::Name => f.write_str("a name of an account or a user"),
            Self::Email => f.write_str("the e-mail address of an account"),
        }
    }
}
