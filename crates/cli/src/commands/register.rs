//! `gumnut register`

use clap::{Args, ValueEnum};
use gumnut_ec2_client::{Ec2Client, RegisterImage};
use gumnut_manage::{each, once_each};
use gumnut_terminal::{Exit, Failure, Lines, Session};
use gumnut_types::{Architecture, ImageId, ManifestLocation};
use gumnut_walrus_client::WalrusClient;
use gumnut_workflows::StoredBundle;
use serde_json::{Value, json};

use crate::values;

/// Register uploaded bundles as images.
///
/// Prints `IMAGE` and the new id, for each bundle in turn. Options apply to each of them, so --name needs a single bundle.
#[derive(Args)]
#[command(after_help = "\
Example:
  gumnut register image-bucket/disk.img.manifest.xml --name debian-12 --kernel eki-90461381")]
pub(crate) struct Register {
    /// Locations of the manifests
    #[arg(value_name = "BUCKET/KEY", required = true)]
    locations: Vec<ManifestLocation>,
    /// Name of the image, unique in the account
    #[arg(long, value_parser = values::image_name)]
    name: Option<String>,
    /// Description of the image
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Architecture [default: as in the manifest]
    #[arg(long, value_name = "ARCH", value_parser = Architecture::from_common_name)]
    arch: Option<Architecture>,
    /// Kernel [default: as in the manifest]
    #[arg(long, value_name = "EKI", value_parser = ImageId::parse_kernel)]
    kernel: Option<ImageId>,
    /// Ramdisk [default: as in the manifest]
    #[arg(long, value_name = "ERI", value_parser = ImageId::parse_ramdisk)]
    ramdisk: Option<ImageId>,
    /// How instances start: with a kernel (paravirtual) or with their own boot loader (hvm)
    #[arg(long, value_name = "TYPE")]
    virtualization_type: Option<VirtualizationType>,
}

/// How instances start, as the command line says it.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum VirtualizationType {
    Paravirtual,
    Hvm,
}

impl Register {
    pub(crate) async fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let hvm = self.virtualization_type == Some(VirtualizationType::Hvm);
        if hvm && (self.kernel.is_some() || self.ramdisk.is_some()) {
            let message =
                "an hvm image starts with its own boot loader, without kernel and ramdisk";
            return Err(Failure::new(Exit::Usage, message)
                .hint("leave out --kernel and --ramdisk")
                .into());
        }
        let locations = once_each(&self.locations);
        if self.name.is_some() && locations.len() > 1 {
            let message = "each image needs a name of its own";
            return Err(Failure::new(Exit::Usage, message)
                .hint("pass --name with a single location")
                .into());
        }
        let settings = session.settings()?;
        let client = session.ec2(&settings)?;
        let store = session.walrus(&settings).ok();
        each(&locations, async |location| {
            self.one(&client, store.as_ref(), location).await
        })
        .await
        .finish_alike(session)
    }

    async fn one(
        &self,
        client: &Ec2Client,
        store: Option<&WalrusClient>,
        location: &ManifestLocation,
    ) -> Result<(Value, Lines), anyhow::Error> {
        // Where there is no store to ask, the cloud looks for the manifest alone.
        if let Some(store) = store.cloned() {
            let location = location.clone();
            StoredBundle { store, location }.insist().await?;
        }
        let request = RegisterImage {
            location: location.to_string(),
            name: self.name.clone(),
            description: self.description.clone(),
            architecture: self.arch,
            kernel: self.kernel.clone(),
            ramdisk: self.ramdisk.clone(),
            virtualization_type: self.virtualization_type.map(|kind| {
                let name = match kind {
                    VirtualizationType::Paravirtual => "paravirtual",
                    VirtualizationType::Hvm => "hvm",
                };
                name.to_owned()
            }),
            ..RegisterImage::default()
        };
        let id = client.register_image(&request).await?;
        let json = json!({ "image_id": id.as_str(), "location": location.to_string() });
        let lines = [["IMAGE", id.as_str()]].into_iter().collect();
        Ok((json, lines))
    }
}
