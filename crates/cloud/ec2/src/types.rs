//! `DescribeInstanceTypes`: one name for two calls. Eucalyptus has had one since 3.3, EC2 since 2019.

use gumnut_cloud_instances::{InstanceType, Room};

use crate::context::Context;
use crate::filter::glob;
use crate::parameters::Parameters;
use crate::refusal::Refusal;
use crate::regions::ZONE;
use crate::xml::Xml;

/// Versions after this one mean the call of EC2. Clients of Eucalyptus have older ones, those of EC2 2016-11-15.
const LAST_OF_EUCALYPTUS: &str = "2016-09-15";
/// Most types of a page, as in EC2.
const MAX_PAGE: usize = 100;
/// The filters of EC2's call that there are values for.
const FILTERS: [&str; 8] = [
    "bare-metal",
    "current-generation",
    "hypervisor",
    "instance-storage-supported",
    "instance-type",
    "memory-info.size-in-mib",
    "processor-info.supported-architecture",
    "vcpu-info.default-vcpus",
];

pub(crate) async fn run(context: &Context<'_>, parameters: &Parameters) -> Result<Xml, Refusal> {
    let mut rooms = context.services.instances.rooms().await?;
    let wanted = parameters.list("InstanceType");
    let missing = wanted
        .iter()
        .find(|name| !rooms.iter().any(|room| room.kind.name == **name));
    if let Some(name) = missing {
        let message = format!("The following supplied instance types do not exist: [{name}]");
        return Err(Refusal::new("InvalidInstanceType", message));
    }
    rooms.retain(|room| wanted.is_empty() || wanted.iter().any(|name| room.kind.name == *name));
    if parameters.version() <= LAST_OF_EUCALYPTUS {
        return Ok(of_eucalyptus(parameters, &rooms));
    }
    of_ec2(parameters, rooms)
}

fn of_eucalyptus(parameters: &Parameters, rooms: &[Room]) -> Xml {
    let has_availability = parameters.get("Availability") == Some("true");
    let mut xml = Xml::new();
    xml.element("instanceTypeDetails", |xml| {
        for Room {
            kind,
            most,
            available,
        } in rooms
        {
            xml.element("item", |xml| {
                xml.leaf("name", kind.name);
                xml.leaf("cpu", &kind.processors.to_string());
                xml.leaf("disk", &kind.disk_gib.to_string());
                xml.leaf("memory", &kind.memory_mib.to_string());
                xml.leaf("networkInterfaces", "1");
                if has_availability {
                    xml.element("availability", |xml| {
                        xml.element("item", |xml| {
                            xml.leaf("zoneName", ZONE);
                            xml.leaf("max", &most.to_string());
                            xml.leaf("available", &available.to_string());
                        });
                    });
                }
            });
        }
    });
    xml
}

fn of_ec2(parameters: &Parameters, rooms: Vec<Room>) -> Result<Xml, Refusal> {
    let filters = parameters.known_filters(|name| FILTERS.contains(&name))?;
    let mut kinds: Vec<_> = rooms.into_iter().map(|room| room.kind).collect();
    kinds.retain(|kind| filters.iter().all(|filter| fits(kind, filter)));
    let most = match parameters.get("MaxResults") {
        None => usize::MAX,
        Some(text) => match text.parse() {
            Ok(most) if (1..=MAX_PAGE).contains(&most) => most,
            _ => return Err(Refusal::invalid_value("MaxResults", text)),
        },
    };
    // The token is the last name of the page before.
    if let Some(token) = parameters.get("NextToken") {
        let at = kinds.iter().position(|kind| kind.name == token);
        let at = at.ok_or_else(|| Refusal::invalid_value("NextToken", token))?;
        kinds.drain(..=at);
    }
    let has_more = kinds.len() > most;
    kinds.truncate(most);
    let mut xml = Xml::new();
    xml.element("instanceTypeSet", |xml| {
        for kind in &kinds {
            xml.element("item", |xml| item(xml, kind));
        }
    });
    let next = kinds.last().filter(|_| has_more);
    xml.some("nextToken", next.map(|kind| kind.name));
    Ok(xml)
}

fn item(xml: &mut Xml, kind: &InstanceType) {
    let list = |xml: &mut Xml, name: &str, text: &str| {
        xml.element(name, |xml| xml.leaf("item", text));
    };
    xml.leaf("instanceType", kind.name);
    xml.leaf("currentGeneration", "true");
    xml.leaf("freeTierEligible", "false");
    list(xml, "supportedUsageClasses", "on-demand");
    list(xml, "supportedRootDeviceTypes", "instance-store");
    xml.element("supportedVirtualizationTypes", |xml| {
        xml.leaf("item", "hvm");
        xml.leaf("item", "paravirtual");
    });
    xml.leaf("bareMetal", "false");
    xml.leaf("hypervisor", "kvm");
    xml.element("processorInfo", |xml| {
        xml.element("supportedArchitectures", |xml| {
            xml.leaf("item", "i386");
            xml.leaf("item", "x86_64");
        });
    });
    xml.element("vCpuInfo", |xml| {
        xml.leaf("defaultVCpus", &kind.processors.to_string());
    });
    xml.element("memoryInfo", |xml| {
        xml.leaf("sizeInMiB", &kind.memory_mib.to_string());
    });
    xml.leaf("instanceStorageSupported", "true");
    xml.element("instanceStorageInfo", |xml| {
        xml.leaf("totalSizeInGB", &kind.disk_gib.to_string());
    });
    xml.element("networkInfo", |xml| {
        xml.leaf("maximumNetworkInterfaces", "1");
        xml.leaf("ipv6Supported", "false");
    });
}

fn fits(kind: &InstanceType, (name, values): &(String, Vec<String>)) -> bool {
    let found = match name.as_str() {
        "bare-metal" => vec!["false".to_owned()],
        "current-generation" | "instance-storage-supported" => vec!["true".to_owned()],
        "hypervisor" => vec!["kvm".to_owned()],
        "instance-type" => vec![kind.name.to_owned()],
        "memory-info.size-in-mib" => vec![kind.memory_mib.to_string()],
        "vcpu-info.default-vcpus" => vec![kind.processors.to_string()],
        _ => vec!["i386".to_owned(), "x86_64".to_owned()],
    };
    let matches = |pattern: &String| found.iter().any(|value| glob(pattern, value));
    values.iter().any(matches)
}
