//! Filters of calls that describe instances.

use gumnut_cloud_catalogue::{ImageRules, Instance};

use super::item::{self, Names};
use super::reason;
use crate::dates::date;
use crate::filter::glob;
use crate::parameters::Parameters;
use crate::refusal::Refusal;

/// A filter: one of its values must match.
pub(super) struct Filter {
    name: String,
    values: Vec<String>,
}

/// Filters that [`values`] answers.
const KNOWN: [&str; 37] = [
    "architecture",
    "availability-zone",
    "client-token",
    "dns-name",
    "group-id",
    "group-name",
    "image-id",
    "instance-id",
    "instance-state-code",
    "instance-state-name",
    "instance-type",
    "instance.group-id",
    "instance.group-name",
    "ip-address",
    "kernel-id",
    "key-name",
    "launch-index",
    "launch-time",
    "metadata-options.http-endpoint",
    "metadata-options.http-tokens",
    "monitoring-state",
    "owner-id",
    "platform",
    "private-dns-name",
    "private-ip-address",
    "product-code",
    "ramdisk-id",
    "reason",
    "reservation-id",
    "root-device-name",
    "root-device-type",
    "state-reason-code",
    "state-reason-message",
    "tag-key",
    "tag-value",
    "tenancy",
    "virtualization-type",
];
/// Beginnings of the names of filters whose values no instance here has.
const NEVER: [&str; 12] = [
    "affinity",
    "association.",
    "block-device-mapping.",
    "hypervisor",
    "iam-instance-profile.",
    "instance-lifecycle",
    "network-interface.",
    "placement-",
    "requester-id",
    "source-dest-check",
    "subnet-id",
    "vpc-id",
];

impl Filter {
    /// The filters of a request.
    pub(super) fn of(parameters: &Parameters) -> Result<Vec<Self>, Refusal> {
        let filters = parameters.known_filters(|name| {
            name.starts_with("tag:")
                || KNOWN.contains(&name)
                || NEVER.iter().any(|begin| name.starts_with(begin))
        })?;
        let filters = filters.into_iter();
        Ok(filters
            .map(|(name, values)| Self { name, values })
            .collect())
    }

    /// Whether the instance has one of the values.
    pub(super) fn matches(&self, instance: &Instance, rules: &ImageRules) -> bool {
        let found = values(&self.name, instance, rules);
        self.values
            .iter()
            .any(|pattern| found.iter().any(|value| glob(pattern, value)))
    }
}

fn values(name: &str, instance: &Instance, rules: &ImageRules) -> Vec<String> {
    let (launch, settings) = (&instance.launch, &instance.settings);
    let names = || Names::of(instance, rules.profile);
    let switch = |is_on, on: &str, off: &str| vec![if is_on { on } else { off }.to_owned()];
    let reason = settings.reason.as_ref().and_then(reason::state_reason);
    let one = |text: &str| vec![text.to_owned()];
    match name {
        "architecture" => one(&launch.architecture),
        "availability-zone" => one(&launch.zone),
        "client-token" => launch.client_token.iter().cloned().collect(),
        "dns-name" => vec![names().public_name],
        "group-id" | "instance.group-id" => instance
            .groups
            .iter()
            .map(|group| group.0.clone())
            .collect(),
        "group-name" | "instance.group-name" => instance
            .groups
            .iter()
            .map(|group| group.1.clone())
            .collect(),
        "image-id" => any_case(Some(&launch.image.id)),
        "instance-id" => any_case(Some(&instance.id)),
        "instance-state-code" => vec![instance.state.code().to_string()],
        "instance-state-name" => one(instance.state.as_str()),
        "instance-type" => one(&launch.instance_type),
        "ip-address" => names().public.iter().map(ToString::to_string).collect(),
        "kernel-id" => any_case(launch.kernel.as_ref().map(|it| &it.id)),
        "key-name" => launch.key.iter().map(|key| key.name.clone()).collect(),
        "launch-index" => vec![launch.index.to_string()],
        "launch-time" => vec![date(instance.launched)],
        "metadata-options.http-endpoint" => {
            switch(settings.metadata.enabled, "enabled", "disabled")
        }
        "metadata-options.http-tokens" => {
            switch(settings.metadata.tokens_required, "required", "optional")
        }
        "monitoring-state" => switch(launch.monitoring, "enabled", "disabled"),
        "owner-id" => one(item::owner(instance, rules)),
        "platform" => launch.platform.iter().cloned().collect(),
        "private-dns-name" => vec![names().private_name],
        "private-ip-address" => names().private.iter().map(ToString::to_string).collect(),
        "product-code" => launch.product_codes.clone(),
        "ramdisk-id" => any_case(launch.ramdisk.as_ref().map(|it| &it.id)),
        "reason" => reason::text(settings.reason.as_ref(), rules.profile)
            .into_iter()
            .collect(),
        "reservation-id" => any_case(Some(&instance.reservation)),
        "root-device-name" => one(&launch.root_device),
        "root-device-type" => one("instance-store"),
        "state-reason-code" => reason.iter().map(|(code, _)| (*code).to_owned()).collect(),
        "state-reason-message" => reason.into_iter().map(|(_, message)| message).collect(),
        "tag-key" => instance.tags.iter().map(|tag| tag.key.clone()).collect(),
        "tag-value" => instance.tags.iter().map(|tag| tag.value.clone()).collect(),
        "tenancy" => one("default"),
        "virtualization-type" => one(&launch.virtualization),
        name => {
            let wanted = name.strip_prefix("tag:");
            let tags = instance.tags.iter();
            let of_key = tags.filter(|tag| Some(tag.key.as_str()) == wanted);
            of_key.map(|tag| tag.value.clone()).collect()
        }
    }
}

/// Ids are compared without regard to case.
fn any_case(id: Option<&String>) -> Vec<String> {
    id.map_or_else(Vec::new, |id| {
        vec![id.clone(), id.to_ascii_uppercase(), id.to_ascii_lowercase()]
    })
}
