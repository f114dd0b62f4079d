//! What is odd about a manifest but no reason to refuse it.

/// Something that people should know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Warning {
    /// The owner is no account number.
    #[error("the owner {0:?} is not an account number of 12 digits")]
    User(String),
    /// The image digest is that of no bytes.
    #[error(
        "the manifest has no usable image digest, as written by euca2ools 1.0 to 1.3.1: it is the digest of empty input; \
         the digests of the parts and the signature are still checked"
    )]
    NoImageDigest,
    /// A kernel or ramdisk id is no id.
    #[error("the {element} {text:?} is not an image id and is ignored")]
    ImageId {
        /// `kernel_id` or `ramdisk_id`.
        element: &'static str,
        /// What stands there.
        text: String,
    },
    /// There is no key for the owner.
    #[error("the bundle has no key for its owner: only the cloud's private key decrypts it")]
    NoUserKey,
}
