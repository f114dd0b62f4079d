//! Why a manifest is refused.

use gumnut_crypto::CryptoError;
use gumnut_types::{Fault, PartIndex, PartName};

/// Why a manifest is refused, cannot be opened or cannot be written.
///
/// Texts out of a manifest are shortened and quoted, so that they can be printed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// More bytes than the limit.
    #[error("the manifest has {size} bytes; the limit is {limit}")]
    TooLarge {
        /// Its size.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// The bytes are not UTF-8.
    #[error("the manifest is not UTF-8 text")]
    NotText,
    /// It does not begin like a manifest.
    #[error("this is not a manifest: it begins with neither `<?xml` nor `<manifest`")]
    NoXml,
    /// The declaration names another encoding.
    #[error("the manifest declares the encoding {0:?}; only UTF-8 and US-ASCII are supported")]
    Encoding(String),
    /// It is not well-formed.
    #[error("the manifest is not well-formed XML at byte {position}")]
    Xml {
        /// Where.
        position: u64,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Something that XML allows and a manifest must not have.
    #[error("the manifest has a {what} at byte {position}, which is not accepted")]
    Forbidden {
        /// `DOCTYPE`, `processing instruction` or `entity`.
        what: &'static str,
        /// Where.
        position: u64,
    },
    /// Elements are nested too deep.
    #[error("the manifest nests elements more than {0} deep")]
    TooDeep(usize),
    /// The root is something else.
    #[error("this is not a manifest: its root element is {0:?}")]
    Root(String),
    /// An element that must be there is not.
    #[error("the manifest has no `{0}`")]
    Missing(&'static str),
    /// An element that must be there once is there again.
    #[error("the manifest has more than one `{0}`")]
    Duplicate(&'static str),
    /// There is text or an element where none belongs.
    #[error("the manifest has {what} inside `{element}`")]
    Misplaced {
        /// Text, or an element.
        what: &'static str,
        /// In which element.
        element: String,
    },
    /// The text of an element is too long.
    #[error("`{element}` has more than {limit} bytes of text")]
    TooLong {
        /// The element.
        element: &'static str,
        /// The limit.
        limit: usize,
    },
    /// The format's version is another.
    #[error("the manifest has the version {0:?}; only 2007-10-10 is supported")]
    Version(String),
    /// A value makes no sense.
    #[error("`{element}` cannot be {text:?}: {reason}")]
    Value {
        /// The element.
        element: &'static str,
        /// What stands there, shortened.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The list of parts is wrong.
    #[error("the list of parts is wrong: {0}")]
    Parts(PartsProblem),
    /// Kernel and ramdisk at once.
    #[error("the manifest says that the image is both a kernel and a ramdisk")]
    Kind,
    /// The signed text can be read in two ways.
    #[error("the manifest must have exactly one `{tag}` element, without attributes")]
    Ambiguous {
        /// The tag.
        tag: &'static str,
    },
    /// There is no signature.
    #[error("the manifest is unsigned")]
    Unsigned,
    /// The signature is not by any of the given keys.
    #[error(
        "the manifest's signature does not match: the manifest was changed, or was signed with another key"
    )]
    SignatureMismatch,
    /// The private key does not open the bundle.
    #[error("the private key does not decrypt this bundle")]
    Unopened(#[source] CryptoError),
    /// The private key does not open the bundle, which has no key for its owner.
    #[error(
        "only the cloud's private key decrypts this bundle, because it was made without a user certificate"
    )]
    CloudOnly,
    /// What was to be written is no valid manifest.
    #[error("cannot write the manifest: {0}")]
    Write(String),
    /// The key cannot be wrapped for a recipient.
    #[error("cannot encrypt the bundle's key for another recipient")]
    Wrap(#[source] CryptoError),
    /// Signing failed.
    #[error("cannot sign the manifest")]
    Sign(#[source] CryptoError),
}

impl ManifestError {
    /// Whose fault it is: always that of a manifest or key that was given, so [`Fault::Input`].
    pub fn fault(&self) -> Fault {
        Fault::Input
    }
}

/// What is wrong with a list of parts.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PartsProblem {
    /// There are none.
    #[error("the list is empty")]
    None,
    /// There are more than the limit.
    #[error("there are more than {0}")]
    TooMany(usize),
    /// `count` is another number.
    #[error("`count` says {announced}, there are {found}")]
    Count {
        /// What `count` says.
        announced: u64,
        /// How many there are.
        found: usize,
    },
    /// An index is missing, there twice, or too large.
    #[error("the indexes are not 0 to n-1: {0} is missing, or one occurs twice")]
    Index(PartIndex),
    /// Two parts have one file name.
    #[error("two parts have the name {:?}", .0.as_str())]
    Name(PartName),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_that_is_refused_is_a_fault_of_the_input() {
        for error in [
            ManifestError::NotText,
            ManifestError::Unsigned,
            ManifestError::Unopened(CryptoError::Unwrap),
            ManifestError::Parts(PartsProblem::None),
        ] {
            assert_eq!(error.fault(), Fault::Input, "{error}");
        }
    }
}
