//! What a client says of the image, and whether that can be.

use gumnut_types::{Architecture, ImageId};

use gumnut_cloud_catalogue::{Caller, Profile};

use super::registrar::{Registrar, name_in_use};
use crate::attributes::check_description;
use crate::{ImageError, ImageErrorKind};

/// The fields of a `RegisterImage` call, as they came.
#[derive(Clone, Debug, Default)]
pub struct RegisterRequest {
    /// `BUCKET/KEY` of the manifest, as the client wrote it.
    pub location: String,
    /// The name that it is to have.
    pub name: Option<String>,
    /// Its description.
    pub description: Option<String>,
    /// The architecture, where it is not to be that of the manifest.
    pub architecture: Option<String>,
    /// The id of the kernel, or `windows`.
    pub kernel: Option<String>,
    /// The id of the ramdisk.
    pub ramdisk: Option<String>,
    /// The name of the root device.
    pub root_device: Option<String>,
    /// `paravirtual` or `hvm`.
    pub virtualization: Option<String>,
    /// `windows`, or `linux`, which is the same as nothing.
    pub platform: Option<String>,
    /// The block devices.
    pub block_devices: BlockDevices,
}

/// The block devices of a call, as far as it matters whether they can be: an image in an object store has only
/// those that live and die with the machine.
#[derive(Clone, Debug, Default)]
pub struct BlockDevices {
    /// The names of the devices.
    pub devices: Vec<String>,
    /// Whether one of them is a volume.
    pub has_volume: bool,
    /// Whether one of them is neither ephemeral nor suppressed.
    pub has_unknown: bool,
}

impl BlockDevices {
    /// What is wrong with them.
    fn fault(&self) -> Option<&'static str> {
        let mut names: Vec<_> = self.devices.iter().collect();
        names.sort_unstable();
        if self.has_volume || self.has_unknown {
            Some(
                "Only ephemeral and suppressed block devices can be given for an instance-store image",
            )
        } else if self.devices.iter().any(|name| is_partition(name)) {
            Some("Block devices must not be partitions")
        } else if names.windows(2).any(|pair| pair[0] == pair[1]) {
            Some("Block devices must be different")
        } else {
            None
        }
    }
}

fn is_partition(name: &str) -> bool {
    let name = name.trim_start_matches("/dev/");
    let disk = name.trim_end_matches(|c: char| c.is_ascii_digit());
    disk != name
        && ["sd", "vd", "xvd", "hd"]
            .iter()
            .any(|kind| disk.starts_with(kind))
}

/// What a request says, after everything that can be checked without a look at the manifest.
#[derive(Clone, Debug)]
pub(super) struct CheckedRequest {
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) kernel: Option<String>,
    pub(super) ramdisk: Option<String>,
    /// Whether the kernel's id is the word `windows`.
    pub(super) windows: bool,
    pub(super) hvm: bool,
}

impl RegisterRequest {
    /// A request that says nothing but where the manifest is.
    pub fn of(location: &str) -> Self {
        Self {
            location: location.to_owned(),
            ..Self::default()
        }
    }

    /// Checks ids, name, description, virtualization, block devices and location, in this order.
    pub(super) async fn check(
        &self,
        registrar: &Registrar<'_>,
        caller: &Caller,
    ) -> Result<CheckedRequest, ImageError> {
        let profile = registrar.rules.profile;
        let windows = self.kernel.as_deref() == Some("windows");
        let kernel = self.kernel.as_deref().filter(|_| !windows);
        let ids = (
            kernel.map(image_id).transpose()?,
            self.ramdisk.as_deref().map(image_id).transpose()?,
        );
        if self.name.is_some() || registrar.rules.require_name || profile == Profile::Euca44 {
            let name = self.name.as_deref().unwrap_or_default();
            check_name(name)?;
            let holder = registrar.catalogue.image_named(&caller.account, name);
            if let Some(id) = holder.await? {
                return Err(name_in_use(name, &id));
            }
        }
        check_description(self.description.as_deref().unwrap_or_default())?;
        let hvm = virtualization(profile, self.virtualization.as_deref())?;
        if let Some(message) = self.block_devices.fault() {
            return Err(ImageError::of(
                profile,
                ImageErrorKind::InvalidParameterValue,
                message,
            ));
        }
        let (bucket, key) = self.location(profile)?;
        let (kernel, ramdisk) = ids;
        Ok(CheckedRequest {
            bucket,
            key,
            kernel,
            ramdisk,
            windows,
            hvm,
        })
    }

    fn location(&self, profile: Profile) -> Result<(String, String), ImageError> {
        match self.location.trim_start_matches('/').split_once('/') {
            Some((bucket, key)) if bucket.len() >= 2 && !key.is_empty() && !key.ends_with('/') => {
                Ok((bucket.to_owned(), key.to_owned()))
            }
            _ => {
                let message = format!("Invalid image location: {}", self.location);
                Err(ImageError::of(
                    profile,
                    ImageErrorKind::InvalidManifest,
                    message,
                ))
            }
        }
    }

    /// The architecture that the client wants.
    pub(super) fn architecture(&self) -> Result<Option<Architecture>, ImageError> {
        let Some(text) = self.architecture.as_deref() else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| {
            let message = format!("Value ({text}) for parameter architecture is invalid.");
            ImageError::new(ImageErrorKind::InvalidParameterValue, message)
        })
    }

    /// Whether the client says that it is for Windows.
    pub(super) fn is_windows(&self, profile: Profile) -> Result<bool, ImageError> {
        match self
            .platform
            .as_deref()
            .map(str::to_ascii_lowercase)
            .as_deref()
        {
            None | Some("" | "linux") => Ok(false),
            Some("windows") => Ok(true),
            Some(other) => {
                let message = format!("Value ({other}) for parameter platform is invalid.");
                Err(ImageError::of(
                    profile,
                    ImageErrorKind::InvalidParameterValue,
                    message,
                ))
            }
        }
    }
}

/// The id, if it has the form of one. Whether it is of a kernel or a ramdisk is seen where it is looked up.
fn image_id(text: &str) -> Result<String, ImageError> {
    let Ok(id) = text.parse::<ImageId>() else {
        let message = format!("Value ({text}) for parameter image is invalid.");
        return Err(ImageError::new(
            ImageErrorKind::InvalidParameterValue,
            message,
        ));
    };
    Ok(id.to_string())
}

fn check_name(name: &str) -> Result<(), ImageError> {
    let is_legal = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "()./_-".contains(c));
    if (3..=128).contains(&name.len()) && is_legal {
        return Ok(());
    }
    let message = "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, \
                   '(', ')', '.', '-', '/' and '_'";
    Err(ImageError::new(ImageErrorKind::MalformedName, message))
}

/// Whether it is `hvm`.
fn virtualization(profile: Profile, text: Option<&str>) -> Result<bool, ImageError> {
    match text.map(str::to_ascii_lowercase).as_deref() {
        None | Some("" | "paravirtual") => Ok(false),
        Some("hvm") => Ok(true),
        Some(other) => {
            let message = format!("Value ({other}) for parameter virtualizationType is invalid.");
            Err(ImageError::of(
                profile,
                ImageErrorKind::InvalidParameterValue,
                message,
            ))
        }
    }
}
