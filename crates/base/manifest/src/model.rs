//! What a manifest says, free of XML.

use gumnut_crypto::WrappedSecret;
use gumnut_types::{
    Architecture, BlockDeviceMapping, ImageKind, ImageName, PartIndex, PartName, Sha1Digest,
};

use crate::Dialect;

/// A manifest. Plain data: whether any of it can be trusted is the business of the types around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The program that wrote it. Not signed, never used for decisions but the two that
    /// [`Manifest::image_digest_is_meaningful`] and the legacy keys of old releases need.
    pub bundler: BundlerVersion,
    /// Architecture of the image.
    pub architecture: Architecture,
    /// Block devices, machine images only, sorted by virtual name when written.
    pub block_devices: Vec<BlockDeviceMapping>,
    /// Product codes, machine images only.
    pub product_codes: Vec<String>,
    /// Machine, kernel or ramdisk, with a machine's kernel and ramdisk.
    pub kind: ImageKind,
    /// Name of the image, which proposes the name of the restored file.
    pub name: ImageName,
    /// Account of the owner as the text found: 1 to 20 digits in everything we write, anything in old bundles.
    pub user: String,
    /// SHA-1 of the whole tar stream.
    pub image_digest: Sha1Digest,
    /// Size of the raw image in bytes, holes included.
    pub image_size: u64,
    /// Sum of the part sizes in bytes.
    pub bundled_size: u64,
    /// Key and iv, wrapped for the recipients.
    pub keys: WrappedKeys,
    /// The parts in the order of their index.
    pub parts: Vec<Part>,
    /// Ids of the images that this one descends from; ours have none.
    pub ancestry: Vec<String>,
    /// File name of a kernel, which some tools wrote; ours have none.
    pub kernel_name: Option<String>,
}

/// The program that made the bundle, as it says itself: the `bundler` element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BundlerVersion {
    /// `euca2ools`, `euca-tools`, `ec2-ami-tools`, `gumnut`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its release.
    pub release: String,
}

/// The wrapped secrets of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedKeys {
    /// For the cloud.
    pub cloud: WrappedPair,
    /// For the owner; missing in bundles that were made without a user certificate.
    pub user: Option<WrappedPair>,
}

/// Key and iv for one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedPair {
    /// The wrapped key.
    pub key: WrappedSecret,
    /// The wrapped iv.
    pub iv: WrappedSecret,
}

/// One part of the bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its place.
    pub index: PartIndex,
    /// Its file name, and the last segment of its object key.
    pub name: PartName,
    /// SHA-1 of its (encrypted) bytes.
    pub digest: Sha1Digest,
}

impl Manifest {
    /// Which program wrote it, as it says itself.
    pub fn dialect(&self) -> Dialect {
        Dialect::of(&self.bundler)
    }

    /// Whether the image digest says anything.
    ///
    /// euca2ools 1.0 to 1.3.1 always wrote the digest of no bytes. From any other program that value is a
    /// be wrong, and the image will be found not to match it.
    pub fn image_digest_is_meaningful(&self) -> bool {
        self.image_digest != Sha1Digest::OF_NOTHING || self.bundler.name != "euca-tools"
    }

    /// Whether the writer is of the line that sometimes wrote keys of 15 bytes.
    pub(crate) fn may_have_short_keys(&self) -> bool {
        self.bundler.name == "euca-tools" && matches!(self.bundler.version.as_str(), "1.0" | "1.3")
    }
}
