//! What a client says of the image, and whether that can be.

use gumnut_types::{Architecture, ImageId};

use super::Refusal;

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
    /// Whether any block device is of a kind that an image in an object store cannot have.
    pub(crate) foreign_block_device: bool,
}

/// The same after everything that can be checked without looking elsewhere.
#[derive(Clone, Debug)]
pub(super) struct Checked {
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) architecture: Option<Architecture>,
    pub(super) kernel: Option<ImageId>,
    pub(super) ramdisk: Option<ImageId>,
    pub(super) hvm: bool,
    pub(super) windows: bool,
}

impl Request {
    /// Checks ids, name, description, virtualization, block devices and location, in this order. Whether the
    /// name is new comes between, so it is asked with `name_in_use`.
    pub(super) fn check(
        &self,
        name_in_use: impl FnOnce(&str) -> Result<Option<String>, Refusal>,
    ) -> Result<Checked, Refusal> {
        let windows_kernel = self.kernel.as_deref() == Some("windows");
        let kernel = self.kernel.as_deref().filter(|_| !windows_kernel);
        let kernel = kernel
            .map(|id| image_id(id, ImageId::parse_kernel))
            .transpose()?;
        let ramdisk = self.ramdisk.as_deref();
        let ramdisk = ramdisk
            .map(|id| image_id(id, ImageId::parse_ramdisk))
            .transpose()?;
        if let Some(name) = &self.name {
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
        let hvm = virtualization(self.virtualization.as_deref())?;
        if self.foreign_block_device {
            let message = "Only ephemeral and suppressed block devices can be given for an instance-store image";
            return Err(Refusal::new("InvalidParameterValue", message));
        }
        let (bucket, key) = self.location()?;
        let architecture = self.architecture.as_deref().map(architecture).transpose()?;
        let windows = windows_kernel || platform(self.platform.as_deref())?;
        Ok(Checked {
            bucket,
            key,
            architecture,
            kernel,
            ramdisk,
            hvm,
            windows,
        })
    }

    fn location(&self) -> Result<(String, String), Refusal> {
        let refusal = || {
            Refusal::new(
                "InvalidManifest",
                format!("Invalid image location: {}", self.location),
            )
        };
        let location = self.location.trim_start_matches('/');
        let (bucket, key) = location.split_once('/').ok_or_else(refusal)?;
        if bucket.len() < 2 || key.is_empty() || key.ends_with('/') {
            return Err(refusal());
        }
        Ok((bucket.to_owned(), key.to_owned()))
    }
}

fn image_id<E>(text: &str, parse: impl Fn(&str) -> Result<ImageId, E>) -> Result<ImageId, Refusal> {
    // A ramdisk given as kernel is found later, where its type is looked up; here only the form counts.
    let id = parse(text).or_else(|_| text.parse());
    id.map_err(|_| {
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
fn virtualization(text: Option<&str>) -> Result<bool, Refusal> {
    match text.map(str::to_ascii_lowercase).as_deref() {
        None | Some("" | "paravirtual") => Ok(false),
        Some("hvm") => Ok(true),
        Some(other) => Err(Refusal::new(
            "InvalidParameterValue",
            format!("Value ({other}) for parameter virtualizationType is invalid."),
        )),
    }
}

fn architecture(text: &str) -> Result<Architecture, Refusal> {
    text.parse().map_err(|_| {
        let message = format!("Value ({text}) for parameter architecture is invalid.");
        Refusal::new("InvalidParameterValue", message)
    })
}

/// Whether it is `windows`.
fn platform(text: Option<&str>) -> Result<bool, Refusal> {
    match text.map(str::to_ascii_lowercase).as_deref() {
        None | Some("" | "linux") => Ok(false),
        Some("windows") => Ok(true),
        Some(other) => Err(Refusal::new(
            "InvalidParameterValue",
            format!("Value ({other}) for parameter platform is invalid."),
        )),
    }
}
