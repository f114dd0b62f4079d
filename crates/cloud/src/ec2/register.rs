//! `RegisterImage`

use super::parameters::Parameters;
use super::{Context, Xml};
use crate::accounts;
use crate::auth::Caller;
use crate::register::{Refusal, Registration, Request, register};

pub(super) async fn run(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<Xml, Refusal> {
    let request = request(parameters)?;
    let cloud = accounts::cloud_keys(context.data_dir).map_err(Refusal::internal)?;
    let registration = Registration {
        catalogue: context.catalogue,
        objects: context.objects,
        cloud: &cloud,
        now: context.now,
    };
    let id = register(&registration, caller, &request).await?;
    tracing::info!(id, location = request.location, account = %caller.account, "registered");
    let mut xml = Xml::new();
    xml.leaf("imageId", &id);
    Ok(xml)
}

fn request(parameters: &Parameters) -> Result<Request, Refusal> {
    // Anything of a volume makes it a device that lives elsewhere; names alone are ephemeral or suppressed.
    let foreign = |name: &str| name.starts_with("BlockDeviceMapping.") && name.contains(".Ebs.");
    Ok(Request {
        location: parameters.required("ImageLocation")?.to_owned(),
        name: parameters.owned("Name"),
        description: parameters.owned("Description"),
        architecture: parameters.owned("Architecture"),
        kernel: parameters.owned("KernelId"),
        ramdisk: parameters.owned("RamdiskId"),
        root_device: parameters.owned("RootDeviceName"),
        virtualization: parameters.owned("VirtualizationType"),
        platform: parameters.owned("Platform"),
        foreign_block_device: parameters.any(foreign),
    })
}
