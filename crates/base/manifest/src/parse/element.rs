//! The elements that are known, each at its one place.

/// An element of the format. Its place is part of its identity: the `digest` of a part is not the
/// `digest` of the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Element {
    Manifest,
    Version,
    Bundler,
    BundlerName,
    BundlerVersion,
    BundlerRelease,
    MachineConfiguration,
    Architecture,
    BlockDevices,
    Mapping,
    Virtual,
    Device,
    ProductCodes,
    ProductCode,
    KernelId,
    RamdiskId,
    Image,
    Name,
    User,
    Type,
    KernelName,
    Ancestry,
    Ancestor,
    ImageDigest,
    Size,
    BundledSize,
    CloudKey,
    UserKey,
    CloudIv,
    UserIv,
    Parts,
    Part,
    FileName,
    PartDigest,
    Signature,
}

use Element as E;

/// Parent, tag and child, for every known place.
const PLACES: [(Option<Element>, &str, Element); 38] = [
    (None, "manifest", E::Manifest),
    (Some(E::Manifest), "version", E::Version),
    (Some(E::Manifest), "bundler", E::Bundler),
    (Some(E::Bundler), "name", E::BundlerName),
    (Some(E::Bundler), "version", E::BundlerVersion),
    (Some(E::Bundler), "release", E::BundlerRelease),
    (
        Some(E::Manifest),
        "machine_configuration",
        E::MachineConfiguration,
    ),
    (
        Some(E::MachineConfiguration),
        "architecture",
        E::Architecture,
    ),
    (
        Some(E::MachineConfiguration),
        "block_device_mapping",
        E::BlockDevices,
    ),
    (Some(E::BlockDevices), "mapping", E::Mapping),
    (Some(E::Mapping), "virtual", E::Virtual),
    (Some(E::Mapping), "device", E::Device),
    (
        Some(E::MachineConfiguration),
        "product_codes",
        E::ProductCodes,
    ),
    (Some(E::ProductCodes), "product_code", E::ProductCode),
    (Some(E::MachineConfiguration), "kernel_id", E::KernelId),
    (Some(E::MachineConfiguration), "ramdisk_id", E::RamdiskId),
    (Some(E::Manifest), "image", E::Image),
    (Some(E::Image), "name", E::Name),
    (Some(E::Image), "user", E::User),
    (Some(E::Image), "type", E::Type),
    (Some(E::Image), "kernel_name", E::KernelName),
    (Some(E::Image), "ancestry", E::Ancestry),
    (Some(E::Ancestry), "ancestor_ami_id", E::Ancestor),
    (Some(E::Image), "digest", E::ImageDigest),
    (Some(E::Image), "size", E::Size),
    (Some(E::Image), "bundled_size", E::BundledSize),
    (Some(E::Image), "ec2_encrypted_key", E::CloudKey),
    (Some(E::Image), "user_encrypted_key", E::UserKey),
    (Some(E::Image), "ec2_encrypted_iv", E::CloudIv),
    (Some(E::Image), "user_encrypted_iv", E::UserIv),
    (Some(E::Image), "parts", E::Parts),
    (Some(E::Parts), "part", E::Part),
    (Some(E::Part), "filename", E::FileName),
    (Some(E::Part), "digest", E::PartDigest),
    (Some(E::Manifest), "signature", E::Signature),
    // Names that euca2ools 3 looked for, and nothing is known to have written.
    (
        Some(E::MachineConfiguration),
        "block_device_mappings",
        E::BlockDevices,
    ),
    (Some(E::BlockDevices), "block_device_mapping", E::Mapping),
    (
        Some(E::MachineConfiguration),
        "productcodes",
        E::ProductCodes,
    ),
];

impl Element {
    /// The known element with this tag inside `parent`.
    pub(super) fn inside(parent: Option<Self>, tag: &str) -> Option<Self> {
        let place = PLACES
            .iter()
            .find(|place| place.0 == parent && place.1 == tag);
        place.map(|place| place.2)
    }

    /// The tag.
    pub(super) fn tag(self) -> &'static str {
        PLACES
            .iter()
            .find(|place| place.2 == self)
            .map_or("", |place| place.1)
    }

    /// Whether it holds text and no elements.
    pub(super) fn is_leaf(self) -> bool {
        !PLACES.iter().any(|place| place.0 == Some(self))
    }

    /// Whether it may stand several times in its parent.
    pub(super) fn repeats(self) -> bool {
        matches!(self, E::Mapping | E::ProductCode | E::Ancestor | E::Part)
    }

    /// The attribute that means something on it.
    pub(super) fn attribute(self) -> Option<&'static str> {
        match self {
            E::ImageDigest | E::PartDigest | E::CloudKey | E::UserKey => Some("algorithm"),
            E::Parts => Some("count"),
            E::Part => Some("index"),
            _ => None,
        }
    }

    /// Whether it belongs to one entry of a list, and so comes again with each entry.
    pub(super) fn of_entry(self) -> bool {
        matches!(self, E::Virtual | E::Device | E::FileName | E::PartDigest)
    }
}
