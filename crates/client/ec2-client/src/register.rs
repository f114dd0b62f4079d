//! Registering and deregistering.

use gumnut_transport::{TransportError, xml::Element};
use gumnut_types::{Architecture, ImageId};

use crate::Ec2Client;
use crate::client::{Parameters, answer, malformed};

/// What a cloud receives when an image is registered. Everything but the location may be left to the
/// manifest.
#[derive(Clone, Debug, Default)]
pub struct RegisterImage {
    /// `bucket/key` of the manifest; empty where the root device is a snapshot.
    pub location: String,
    /// Name, new in the account.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Architecture.
    pub architecture: Option<Architecture>,
    /// Kernel.
    pub kernel: Option<ImageId>,
    /// Ramdisk.
    pub ramdisk: Option<ImageId>,
    /// `paravirtual` or `hvm`.
    pub virtualization_type: Option<String>,
    /// `windows`, or nothing.
    pub platform: Option<String>,
    /// As in `/dev/sda1`.
    pub root_device_name: Option<String>,
    /// Block devices beyond those of the manifest.
    pub block_devices: Vec<DeviceMapping>,
}

/// What an instance finds under the name of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceMapping {
    /// As in `/dev/sdb`.
    pub device: String,
    /// What it is.
    pub target: DeviceTarget,
}

/// What a device is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DeviceTarget {
    /// Nothing, whatever the image says.
    #[default]
    None,
    /// A virtual device: `ephemeral0`, `swap`, and in answers `emi` or `root`.
    Virtual(String),
    /// A volume.
    Volume(Volume),
}

/// A volume that is made for an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// The snapshot that it is made of.
    pub snapshot: Option<String>,
    /// Its size in GiB.
    pub gib: Option<u64>,
    /// Whether it goes with its instance.
    pub delete_on_termination: Option<bool>,
    /// `standard`, `io1` and so on.
    pub kind: Option<String>,
    /// Operations a second.
    pub iops: Option<u64>,
}

impl DeviceMapping {
    pub(crate) fn add_to(&self, parameters: &mut Parameters, index: usize) {
        let name = |rest: &str| format!("BlockDeviceMapping.{index}.{rest}");
        parameters.add(name("DeviceName"), &self.device);
        match &self.target {
            DeviceTarget::None => parameters.add(name("NoDevice"), "true"),
            DeviceTarget::Virtual(target) => parameters.add(name("VirtualName"), target),
            DeviceTarget::Volume(volume) => {
                parameters.add_some(&name("Ebs.SnapshotId"), volume.snapshot.as_ref());
                parameters.add_some(&name("Ebs.VolumeSize"), volume.gib.as_ref());
                let delete = volume.delete_on_termination.as_ref();
                parameters.add_some(&name("Ebs.DeleteOnTermination"), delete);
                parameters.add_some(&name("Ebs.VolumeType"), volume.kind.as_ref());
                parameters.add_some(&name("Ebs.Iops"), volume.iops.as_ref());
            }
        }
    }
}

impl RegisterImage {
    /// Reads the image's id from the body of an answer.
    ///
    /// # Errors
    /// [`TransportError::Malformed`].
    pub fn read_id(body: &[u8]) -> Result<ImageId, TransportError> {
        id(&answer("RegisterImage", body)?)
    }

    fn parameters(&self) -> Parameters {
        let mut parameters = Parameters::default();
        if !self.location.is_empty() {
            parameters.add("ImageLocation", &self.location);
        }
        parameters.add_some("Name", self.name.as_ref());
        parameters.add_some("Description", self.description.as_ref());
        parameters.add_some("Architecture", self.architecture.as_ref());
        parameters.add_some("KernelId", self.kernel.as_ref());
        parameters.add_some("RamdiskId", self.ramdisk.as_ref());
        parameters.add_some("VirtualizationType", self.virtualization_type.as_ref());
        parameters.add_some("Platform", self.platform.as_ref());
        parameters.add_some("RootDeviceName", self.root_device_name.as_ref());
        for (index, device) in (1..).zip(&self.block_devices) {
            device.add_to(&mut parameters, index);
        }
        parameters
    }
}

fn id(answer: &Element) -> Result<ImageId, TransportError> {
    let id = answer.text_of("imageId").unwrap_or_default();
    id.parse().map_err(|_| {
        malformed(
            "RegisterImage",
            format!("it has {id:?} instead of an image id"),
        )
    })
}

impl Ec2Client {
    /// Registers an uploaded bundle.
    ///
    /// # Errors
    /// When the cloud refuses.
    pub async fn register_image(&self, image: &RegisterImage) -> Result<ImageId, TransportError> {
        id(&self.call("RegisterImage", image.parameters()).await?)
    }

    /// Registers an uploaded bundle with a request that is never sent again once the cloud may have acted on it: anyone who
    /// gets no answer asks the cloud what became of it. [`Ec2Client::register_image`] tries again.
    ///
    /// # Errors
    /// When the cloud refuses, or no answer comes.
    pub async fn register_image_once(
        &self,
        image: &RegisterImage,
    ) -> Result<ImageId, TransportError> {
        id(&self.call_once("RegisterImage", image.parameters()).await?)
    }

    /// Asks whether an image could be registered, without registering it (`DryRun`). A cloud that knows it answers with a
    /// refusal: `DryRunOperation` when it would do it, the reason when not. One that does not know `DryRun` refuses because of
    /// the manifest, so `image` names a location at which there is nothing.
    ///
    /// # Errors
    /// The refusal of the cloud, which always is one; and when no answer comes.
    pub async fn try_register_image(&self, image: &RegisterImage) -> Result<(), TransportError> {
        let mut parameters = image.parameters();
        parameters.add("DryRun", "true");
        self.call_once("RegisterImage", parameters).await.map(drop)
    }

    /// Deregisters an image. Eucalyptus 3 and later hide it at the first call and remove it at the second.
    ///
    /// # Errors
    /// When the cloud refuses.
    pub async fn deregister_image(&self, id: &ImageId) -> Result<(), TransportError> {
        let mut parameters = Parameters::default();
        parameters.add("ImageId", id.as_str());
        self.command("DeregisterImage", parameters).await
    }
}
