//! What a client says of the image, and whether that can be.

use gumnut_types::{Architecture, ImageId};
use rusqlite::Connection;

use super::{Refusal, Registration};
use crate::auth::Caller;
use crate::ec2::images;
use gumnut_cloud_catalogue::Profile;

/// The fields of a `RegisterImage` call, as they came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) location: String,
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) architecture: Option<String>,
    pub(crate) kernel: Option<String>,
    pub(crate) ramdisk: Option<String>,
    pub(crate) root_device: Option<String>,
    pub(crate) virtualization: Option<String>,
    pub(crate) platform: Option<String>,
    pub(crate) block_devices: BlockDevices,
}

/// The block devices of a call, as far as it matters whether they can be: an image in an object store has only
/// those that live and die with the machine.
#[derive(Clone, Debug, Default)]
pub(crate) struct BlockDevices {
    /// The names of the devices.
    pub(crate) devices: Vec<String>,
    /// Whether one of them is a volume.
    pub(crate) has_volume: bool,
    /// Whether one of them is neither ephemeral nor suppressed.
    pub(crate) has_unknown: bool,
}

impl BlockDevices {
    /// What is wrong with them.
    fn fault(&self) -> Option<&'static str> {
        let is_partition = |name: &String| {
            let name = name.trim_start_matches("/dev/");
            let disk = name.trim_end_matches(|c: char| c.is_ascii_digit());
            disk != name
                && ["sd", "vd", "xvd", "hd"]
                    .iter()
                    .any(|kind| disk.starts_with(kind))
        };
        let mut names: Vec<_> = self.devices.iter().collect();
        names.sort_unstable();
        if self.has_volume || self.has_unknown {
            Some(
                "Only ephemeral and suppressed block devices can be given for an instance-store image",
            )
        } else if self.devices.iter().any(is_partition) {
            Some("Block devices must not be partitions")
        } else if names.windows(2).any(|pair| pair[0] == pair[1]) {
            Some("Block devices must be different")
        } else {
            None
        }
    }
}

/// The same after everything that can be checked without looking elsewhere.
#[derive(Clone, Debug)]
pub(super) struct Checked {
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) kernel: Option<String>,
    pub(super) ramdisk: Option<String>,
    /// Whether the kernel's id is the word `windows`.
    pub(super) windows: bool,
    pub(super) hvm: bool,
}

impl Request {
    /// Checks ids, name, description, virtualization, block devices and location, in this order.
    pub(super) async fn check_with(
        &self,
        registration: &Registration<'_>,
        caller: &Caller,
    ) -> Result<Checked, Refusal> {
        let (request, account) = (self.clone(), caller.account.clone());
        let (profile, name) = (registration.rules.profile, registration.rules.require_name);
        let require_name = name || profile == Profile::Euca44;
        let check = move |connection: &Connection| {
            let in_use = |name: &str| Ok(images::name_in_use(connection, &account, name)?);
            request.check(profile, require_name, in_use)
        };
        registration.catalogue.read(check).await
    }

    fn check(
        &self,
        profile: Profile,
        require_name: bool,
        name_in_use: impl FnOnce(&str) -> Result<Option<String>, Refusal>,
    ) -> Result<Checked, Refusal> {
        let windows = self.kernel.as_deref() == Some("windows");
        let kernel = self.kernel.as_deref().filter(|_| !windows);
        let kernel = kernel.map(image_id).transpose()?;
        let ramdisk = self.ramdisk.as_deref().map(image_id).transpose()?;
        if self.name.is_some() || require_name {
            let name = self.name.as_deref().unwrap_or_default();
            check_name(name)?;
            if let Some(id) = name_in_use(name)? {
                let message = format!("AMI name {name} is already in use by EMI {id}");
                return Err(Refusal::new("InvalidAMIName.Duplicate", message));
            }
        }
        if self
            .description
            .as_ref()
            .is_some_and(|text| text.chars().count() > 255)
        {
            let message = "AMI descriptions must be less than 256 characters long";
            return Err(Refusal::new("InvalidParameter", message));
        }
        let hvm = virtualization(profile, self.virtualization.as_deref())?;
        if let Some(message) = self.block_devices.fault() {
            return Err(crate::register::refuse(
                profile,
                "InvalidParameterValue",
                message,
            ));
        }
        let (bucket, key) = self.location(profile)?;
        Ok(Checked {
            bucket,
            key,
            kernel,
            ramdisk,
            windows,
            hvm,
        })
    }

    fn location(&self, profile: Profile) -> Result<(String, String), Refusal> {
        let refusal = || {
            let message = format!("Invalid image location: {}", self.location);
            crate::register::refuse(profile, "InvalidManifest", message)
        };
        let location = self.location.trim_start_matches('/');
        let (bucket, key) = location.split_once('/').ok_or_else(refusal)?;
        if bucket.len() < 2 || key.is_empty() || key.ends_with('/') {
            return Err(refusal());
        }
        Ok((bucket.to_owned(), key.to_owned()))
    }

    /// The architecture that the client wants.
    pub(super) fn architecture(&self) -> Result<Option<Architecture>, Refusal> {
        let Some(text) = self.architecture.as_deref() else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| {
            let message = format!("Value ({text}) for parameter architecture is invalid.");
            Refusal::new("InvalidParameterValue", message)
        })
    }

    /// Whether the client says that it is for Windows.
    pub(super) fn is_windows(&self, profile: Profile) -> Result<bool, Refusal> {
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
                Err(crate::register::refuse(
                    profile,
                    "InvalidParameterValue",
                    message,
                ))
            }
        }
    }
}

/// The id, if it has the form of one. Whether it is of a kernel or a ramdisk is seen where it is looked up.
fn image_id(text: &str) -> Result<String, Refusal> {
    let id: Result<ImageId, _> = text.parse();
    id.map(|id| id.to_string()).map_err(|_| {
        let message = format!("Value ({text}) for parameter image is invalid.");
        Refusal::new("InvalidParameterValue", message)
    })
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "()./_-".contains(c);
    if (3..=128).contains(&name.len()) && name.chars().all(legal) {
        return Ok(());
    }
    let message = "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, \
                   '(', ')', '.', '-', '/' and '_'";
    Err(Refusal::new("InvalidAMIName.Malformed", message))
}

/// Whether it is `hvm`.
fn virtualization(profile: Profile, text: Option<&str>) -> Result<bool, Refusal> {
    match text.map(str::to_ascii_lowercase).as_deref() {
        None | Some("" | "paravirtual") => Ok(false),
        Some("hvm") => Ok(true),
        Some(other) => {
            let message = format!("Value ({other}) for parameter virtualizationType is invalid.");
            Err(crate::register::refuse(
                profile,
                "InvalidParameterValue",
                message,
            ))
        }
    }
}
