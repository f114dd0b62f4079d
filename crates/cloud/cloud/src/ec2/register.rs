//! `RegisterImage`

use super::parameters::Parameters;
use super::{Context, Xml};
use crate::auth::Caller;
use crate::register::{BlockDevices, Refusal, Registration, Request, register};

/// Most block devices that are looked at.
const MAX_DEVICES: usize = 100;

pub(super) async fn run(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<Xml, Refusal> {
    let request = request(parameters)?;
    let cloud = context.keys.of_cloud().await.map_err(Refusal::internal)?;
    let registration = Registration {
        catalogue: context.catalogue,
        objects: context.objects,
        cloud: &cloud,
        rules: context.rules,
        ids: context.ids,
        now: context.now,
    };
    let id = register(&registration, caller, &request).await?;
    tracing::info!(id, location = request.location, account = %caller.account, "registered");
    let mut xml = Xml::new();
    xml.leaf("imageId", &id);
    Ok(xml)
}

fn request(parameters: &Parameters) -> Result<Request, Refusal> {
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
        block_devices: block_devices(parameters),
    })
}

fn block_devices(parameters: &Parameters) -> BlockDevices {
    let mut found = BlockDevices::default();
    let any = |begins: &str| parameters.any(|name| name.starts_with(begins));
    for mapping in (1..=MAX_DEVICES).map(|index| format!("BlockDeviceMapping.{index}.")) {
        if !any(&mapping) {
            break;
        }
        let value = |name: &str| parameters.owned(&format!("{mapping}{name}"));
        let ephemeral = value("VirtualName").is_some_and(|name| name.starts_with("ephemeral"));
        found.has_volume |= any(&format!("{mapping}Ebs."));
        found.has_unknown |= !ephemeral && !any(&format!("{mapping}NoDevice"));
        found.devices.extend(value("DeviceName"));
    }
    found
}
