//! Registering and deregistering.

use gumnut_transport::TransportError;
use gumnut_types::{Architecture, ImageId};

use crate::Ec2Client;
use crate::client::{Parameters, malformed};

/// What a cloud is told when an image is registered. Everything but the location may be left to the
/// manifest.
#[derive(Clone, Debug, Default)]
pub struct RegisterImage {
    /// `bucket/key` of the manifest.
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
}

impl Ec2Client {
    /// Registers an uploaded bundle.
    ///
    /// # Errors
    /// When the cloud refuses.
    pub async fn register_image(&self, image: &RegisterImage) -> Result<ImageId, TransportError> {
        let mut parameters = Parameters::default();
        parameters.add("ImageLocation", &image.location);
        parameters.add_some("Name", image.name.as_ref());
        parameters.add_some("Description", image.description.as_ref());
        parameters.add_some("Architecture", image.architecture.as_ref());
        parameters.add_some("KernelId", image.kernel.as_ref());
        parameters.add_some("RamdiskId", image.ramdisk.as_ref());
        parameters.add_some("VirtualizationType", image.virtualization_type.as_ref());
        let answer = self.call("RegisterImage", parameters).await?;
        let id = answer.text_of("imageId").unwrap_or_default();
        id.parse()
            .map_err(|_| malformed("RegisterImage", format!("it has no image id but {id:?}")))
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
