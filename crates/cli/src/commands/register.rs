//! `gumnut register`

use clap::Args;
use gumnut_ec2_client::RegisterImage;
use gumnut_types::{Architecture, ImageId, ManifestLocation};
use serde_json::json;

use super::{Context, remote};

/// Register an uploaded bundle as an image.
///
/// Prints `IMAGE` and the new id.
#[derive(Args)]
pub(crate) struct Register {
    /// Where the manifest lies
    #[arg(value_name = "BUCKET/KEY")]
    location: ManifestLocation,
    /// Name of the image, which must be new in the account
    #[arg(long)]
    name: Option<String>,
    /// What the image is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Architecture, instead of the manifest's
    #[arg(long, value_name = "ARCH")]
    arch: Option<Architecture>,
    /// Kernel, instead of the manifest's
    #[arg(long, value_name = "EKI", value_parser = ImageId::parse_kernel)]
    kernel: Option<ImageId>,
    /// Ramdisk, instead of the manifest's
    #[arg(long, value_name = "ERI", value_parser = ImageId::parse_ramdisk)]
    ramdisk: Option<ImageId>,
}

impl Register {
    pub(crate) async fn run(&self, context: &Context<'_>) -> Result<(), anyhow::Error> {
        let client = remote::ec2(context, &context.settings()?)?;
        let request = RegisterImage {
            location: self.location.to_string(),
            name: self.name.clone(),
            description: self.description.clone(),
            architecture: self.arch,
            kernel: self.kernel.clone(),
            ramdisk: self.ramdisk.clone(),
            ..RegisterImage::default()
        };
        let id = client.register_image(&request).await?;
        let json = json!({ "image_id": id.as_str(), "location": self.location.to_string() });
        context.output.result(&json, &format!("IMAGE\t{id}"))
    }
}
