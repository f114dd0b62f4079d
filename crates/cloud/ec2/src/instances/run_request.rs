//! From the parameters of `RunInstances` to what is asked for.

use data_encoding::BASE64;
use gumnut_cloud_catalogue::{MetadataSettings, OnShutdown, Profile, Tag};
use gumnut_cloud_instances::{DeviceRequest, MAX_TAGS, RunRequest};

use super::{truth, unsupported};
use crate::parameters::{Parameters, well_formed};
use crate::refusal::Refusal;
use crate::regions::ZONE;
use crate::tags;

/// Longest client token in bytes, as in EC2.
const MAX_TOKEN: usize = 64;

/// What the parameters ask for.
pub(super) fn read(parameters: &Parameters, profile: Profile) -> Result<RunRequest, Refusal> {
    unsupported::refuse(parameters)?;
    let image = parameters.image_id(profile)?;
    let zone = parameters.get("Placement.AvailabilityZone");
    if let Some(zone) = zone.filter(|zone| *zone != ZONE && *zone != "default") {
        let message = format!("Invalid availability zone: [{zone}]");
        return Err(Refusal::new("InvalidParameterValue", message));
    }
    let client_token = parameters.owned("ClientToken");
    if let Some(token) = client_token
        .as_ref()
        .filter(|token| token.len() > MAX_TOKEN || !token.is_ascii())
    {
        return Err(Refusal::invalid_value("ClientToken", token));
    }
    let mut group_ids = parameters.list("SecurityGroupId");
    let mut group_names = parameters.list("SecurityGroup");
    // Clients of 2009 have another name for it.
    group_names.extend(parameters.list("GroupName"));
    group_ids.dedup();
    group_names.dedup();
    Ok(RunRequest {
        image: image.to_owned(),
        least: count(parameters, "MinCount", profile)?,
        most: count(parameters, "MaxCount", profile)?,
        instance_type: parameters.owned("InstanceType"),
        kernel: part(parameters, "KernelId", profile)?,
        ramdisk: part(parameters, "RamdiskId", profile)?,
        key: parameters.owned("KeyName"),
        group_names,
        group_ids,
        user_data: parameters
            .get("UserData")
            .map(|text| base64("UserData", text))
            .transpose()?,
        block_devices: devices(parameters)?,
        monitoring: truth(parameters, "Monitoring.Enabled")?.unwrap_or(false),
        protected: truth(parameters, "DisableApiTermination")?.unwrap_or(false),
        on_shutdown: match parameters.get("InstanceInitiatedShutdownBehavior") {
            None => OnShutdown::Stop,
            Some(text) => on_shutdown(text)?,
        },
        client_token,
        metadata: metadata(parameters)?,
        tags: tags(parameters)?,
    })
}

/// `MinCount` or `MaxCount`.
fn count(parameters: &Parameters, name: &str, profile: Profile) -> Result<u32, Refusal> {
    let text = match parameters.get(name) {
        None if profile != Profile::Strict => return Ok(1),
        _ => parameters.required(name)?,
    };
    text.parse().map_err(|_| Refusal::invalid_value(name, text))
}

/// The id of a kernel or a ramdisk.
fn part(parameters: &Parameters, name: &str, profile: Profile) -> Result<Option<String>, Refusal> {
    let id = parameters.get(name);
    if let Some(id) = id {
        well_formed(profile, id)?;
    }
    Ok(id.map(str::to_owned))
}

/// Bytes as clients send them; some break lines.
pub(super) fn base64(name: &str, text: &str) -> Result<Vec<u8>, Refusal> {
    let text: String = text.split_ascii_whitespace().collect();
    BASE64.decode(text.as_bytes()).map_err(|_| {
        let message = format!("Value for parameter {name} is invalid. It is not Base64.");
        Refusal::new("InvalidParameterValue", message)
    })
}

/// A value of `InstanceInitiatedShutdownBehavior`.
pub(super) fn on_shutdown(text: &str) -> Result<OnShutdown, Refusal> {
    match text {
        "stop" => Ok(OnShutdown::Stop),
        "terminate" => Ok(OnShutdown::Terminate),
        _ => Err(Refusal::invalid_value(
            "InstanceInitiatedShutdownBehavior",
            text,
        )),
    }
}

fn devices(parameters: &Parameters) -> Result<Vec<DeviceRequest>, Refusal> {
    let numbers = parameters.numbers("BlockDeviceMapping").into_iter();
    let devices = numbers.map(|number| {
        let named = |field: &str| format!("BlockDeviceMapping.{number}.{field}");
        let device = parameters.required(&named("DeviceName"))?.to_owned();
        // Where it is given it is empty.
        let is_left_out = parameters.given(&named("NoDevice")).is_some();
        let virtual_name = if is_left_out {
            None
        } else {
            let name = parameters.required(&named("VirtualName"))?;
            let number = name.strip_prefix("ephemeral");
            let is_ephemeral = number.is_some_and(|number| number.parse::<u8>().is_ok());
            if !is_ephemeral && !["ami", "root", "swap"].contains(&name) {
                return Err(Refusal::invalid_value(&named("VirtualName"), name));
            }
            Some(name.to_owned())
        };
        Ok(DeviceRequest {
            device,
            virtual_name,
        })
    });
    devices.collect()
}

/// `MetadataOptions`.
fn metadata(parameters: &Parameters) -> Result<MetadataSettings, Refusal> {
    let choice = |field: &str, no: &str, yes: &str, default: bool| {
        let name = format!("MetadataOptions.{field}");
        match parameters.get(&name) {
            None => Ok(default),
            Some(text) if text == no => Ok(false),
            Some(text) if text == yes => Ok(true),
            Some(text) => Err(Refusal::invalid_value(&name, text)),
        }
    };
    let usual = MetadataSettings::default();
    let hops = "MetadataOptions.HttpPutResponseHopLimit";
    Ok(MetadataSettings {
        enabled: choice("HttpEndpoint", "disabled", "enabled", usual.enabled)?,
        tokens_required: choice("HttpTokens", "optional", "required", usual.tokens_required)?,
        hop_limit: match parameters.get(hops) {
            None => usual.hop_limit,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=64).contains(limit))
                .ok_or_else(|| Refusal::invalid_value(hops, text))?,
        },
        tags: choice("InstanceMetadataTags", "disabled", "enabled", usual.tags)?,
    })
}

/// The tags of `TagSpecification.N`, which are for instances.
fn tags(parameters: &Parameters) -> Result<Vec<Tag>, Refusal> {
    let mut all: Vec<Tag> = Vec::new();
    for number in parameters.numbers("TagSpecification") {
        let prefix = format!("TagSpecification.{number}");
        let kind = parameters.required(&format!("{prefix}.ResourceType"))?;
        if kind != "instance" {
            let message =
                format!("Resources of the type '{kind}' cannot be tagged when instances are run.");
            return Err(Refusal::new("InvalidParameterValue", message));
        }
        for (key, value) in tags::pairs(parameters, &format!("{prefix}.Tag"))? {
            if all.iter().any(|tag| tag.key == key) {
                let message = format!("Duplicate tag key '{key}' specified.");
                return Err(Refusal::new("InvalidParameterValue", message));
            }
            let value = value.unwrap_or_default();
            all.push(Tag { key, value });
        }
    }
    if all.len() > MAX_TAGS {
        let message = "A resource has at most 50 tags";
        return Err(Refusal::new("TagLimitExceeded", message));
    }
    Ok(all)
}
