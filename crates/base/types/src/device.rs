//! Block device mappings.

use std::str::FromStr;

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

/// Why a text is no block device mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a mapping has the form VIRTUAL=DEVICE, as in ami=sda1")]
pub struct BlockDeviceMappingError;

impl FromStr for BlockDeviceMapping {
    type Err = BlockDeviceMappingError;

    /// Reads `VIRTUAL=DEVICE`, of which neither may be empty.
    fn from_str(text: &str) -> Result<Self, BlockDeviceMappingError> {
        match text.split_once('=') {
            Some((virtual_name, device)) if !virtual_name.is_empty() && !device.is_empty() => {
                Ok(Self {
                    virtual_name: virtual_name.to_owned(),
                    device: device.to_owned(),
                })
            }
            _ => Err(BlockDeviceMappingError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_has_two_sides() {
        let mapping: BlockDeviceMapping = "ephemeral0=/dev/sdb".parse().unwrap();
        assert_eq!(mapping.virtual_name, "ephemeral0");
        assert_eq!(mapping.device, "/dev/sdb");
        for text in ["", "ami", "=sda1", "ami="] {
            assert!(text.parse::<BlockDeviceMapping>().is_err(), "{text}");
        }
    }
}
