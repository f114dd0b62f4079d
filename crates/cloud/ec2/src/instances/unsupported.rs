//! What can be asked for when instances are run, and is not done here: it is refused rather than ignored.

use crate::parameters::Parameters;
use crate::refusal::Refusal;

/// Beginnings of parameters, and why they are refused.
const REFUSED: [(&str, &str); 19] = [
    ("SubnetId", NO_SUBNETS),
    ("PrivateIpAddress", "this cloud chooses the addresses"),
    (
        "SecondaryPrivateIpAddress",
        "this cloud chooses the addresses",
    ),
    ("Ipv6Address", "there is no IPv6"),
    ("NetworkInterface.", NO_SUBNETS),
    ("IamInstanceProfile.", "there are no instance profiles"),
    ("Placement.GroupName", ONE_HOST),
    ("Placement.HostId", ONE_HOST),
    ("Placement.Affinity", ONE_HOST),
    ("LaunchTemplate.", "there are no launch templates"),
    ("InstanceMarketOptions.", "there are no spot instances"),
    ("ElasticGpuSpecification.", "there are no accelerators"),
    ("ElasticInferenceAccelerator.", "there are no accelerators"),
    ("CpuOptions.", "processors are those of the instance type"),
    (
        "CapacityReservationSpecification.",
        "capacity cannot be reserved",
    ),
    (
        "HibernationOptions.Configured",
        "instances cannot hibernate",
    ),
    ("EnclaveOptions.Enabled", "there are no enclaves"),
    ("License.", "there are no licences"),
    ("EbsOptimized", NO_VOLUMES),
];
const NO_SUBNETS: &str = "all instances are in one network";
const ONE_HOST: &str = "all instances are on one host";
const NO_VOLUMES: &str = "there are no volumes";

/// Insists on parameters that are heeded.
pub(super) fn refuse(parameters: &Parameters) -> Result<(), Refusal> {
    for (name, value) in &parameters.0 {
        let why = if name.starts_with("BlockDeviceMapping.") && name.contains(".Ebs.") {
            Some(NO_VOLUMES)
        } else if name == "AddressingType" && value != "public" {
            Some("every instance has a public address")
        } else if name == "Placement.Tenancy" && value != "default" {
            Some(ONE_HOST)
        } else {
            let refused = REFUSED.iter().find(|(begin, _)| name.starts_with(begin));
            refused.map(|(_, why)| *why)
        };
        // What is switched off is not asked for.
        let is_off = value.is_empty() || value.eq_ignore_ascii_case("false");
        if let Some(why) = why.filter(|_| !is_off) {
            let message = format!("The parameter {name} is not supported: {why}.");
            return Err(Refusal::new("UnsupportedOperation", message));
        }
    }
    Ok(())
}
