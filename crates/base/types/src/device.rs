//! Block device mappings.

/// One block device mapping of a machine image: which virtual device appears under which name.
///
/// `virtual_name` is `ami`, `root`, `swap` or `ephemeralN`; `device` is `sda1`, `/dev/sda1` and so on.
/// Both are free text in the format, so any value is valid here; manifests bound their length.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlockDeviceMapping {
    /// The virtual name.
    pub virtual_name: String,
    /// The device name inside the instance.
    pub device: String,
}
