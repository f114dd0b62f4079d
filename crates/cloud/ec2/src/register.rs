//! `RegisterImage`

use crate::context::Context;
use crate::parameters::Parameters;
use crate::refusal::Refusal;
use crate::xml::Xml;
use gumnut_cloud_catalogue::Caller;
use gumnut_cloud_images::{BlockDevices, RegisterRequest};

pub(crate) async fn run(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<Xml, Refusal> {
    let request = request(parameters)?;
    let id = context.services.images.register(caller, &request).await?;
    let mut xml = Xml::new();
    xml.leaf("imageId", &id);
    Ok(xml)
}

fn request(parameters: &Parameters) -> Result<RegisterRequest, Refusal> {
    Ok(RegisterRequest {
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
    for number in parameters.numbers("BlockDeviceMapping") {
        let mapping = format!("BlockDeviceMapping.{number}.");
        let is_ephemeral = parameters
            .get(&format!("{mapping}VirtualName"))
            .is_some_and(|name| name.starts_with("ephemeral"));
        let (volume, suppressed) = (format!("{mapping}Ebs."), format!("{mapping}NoDevice"));
        found.has_volume |= parameters.any(|name| name.starts_with(&volume));
        found.has_unknown |= !is_ephemeral && !parameters.any(|name| name.starts_with(&suppressed));
        found
            .devices
            .extend(parameters.owned(&format!("{mapping}DeviceName")));
    }
    found
}
