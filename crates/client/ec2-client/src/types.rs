//! Instance types, and availability zones.

use gumnut_transport::{TransportError, xml::Element};

use crate::client::{Parameters, malformed};
use crate::{Ec2Client, Filter};

/// An instance type of Eucalyptus.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstanceType {
    /// As in `m1.small`.
    pub name: String,
    /// Processors.
    pub processors: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Disk in GiB.
    pub disk_gib: u32,
    /// Network interfaces. `None`: the cloud does not say.
    pub interfaces: Option<u32>,
    /// How many can be started, for each zone; empty unless it was asked for.
    pub availability: Vec<Availability>,
}

/// How many instances of a type can be started in a zone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Availability {
    /// The zone.
    pub zone: String,
    /// How many there can be.
    pub most: u32,
    /// How many more.
    pub available: u32,
}

/// An availability zone; with `verbose`, Eucalyptus has a line of this form for each instance type, too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zone {
    /// Its name.
    pub name: String,
    /// `available`; old clouds have its address here.
    pub state: String,
    /// What the cloud says about it.
    pub messages: Vec<String>,
}

impl Ec2Client {
    /// Lists instance types with these names, all when there are none, with how many can be started if `availability`. Only Eucalyptus
    /// from 3.3 on has this call in this form.
    ///
    /// # Errors
    /// When the cloud refuses, or its answer makes no sense.
    pub async fn describe_instance_types(
        &self,
        names: &[String],
        availability: bool,
    ) -> Result<Vec<InstanceType>, TransportError> {
        let mut parameters = Parameters::default();
        parameters.add_all("InstanceType", names);
        if availability {
            parameters.add("Availability", "true");
        }
        let answer = self.call("DescribeInstanceTypes", parameters).await?;
        let types: Option<_> = answer.items("instanceTypeDetails").map(of_item).collect();
        types.ok_or_else(|| malformed("DescribeInstanceTypes", "a type has no name".to_owned()))
    }

    /// Lists availability zones with these names, all when there are none. With the name `verbose` Eucalyptus lists instance types, too.
    ///
    /// # Errors
    /// When the cloud refuses, as for a name that is not there, or its answer makes no sense.
    pub async fn describe_availability_zones(
        &self,
        names: &[String],
        filters: &[Filter],
    ) -> Result<Vec<Zone>, TransportError> {
        let mut parameters = Parameters::default();
        parameters.add_all("ZoneName", names);
        parameters.add_filters(filters);
        let answer = self.call("DescribeAvailabilityZones", parameters).await?;
        let zones: Option<_> = answer.items("availabilityZoneInfo").map(zone).collect();
        zones.ok_or_else(|| malformed("DescribeAvailabilityZones", "a zone has no name".to_owned()))
    }
}

fn of_item(item: &Element) -> Option<InstanceType> {
    let number = |item: &Element, name: &str| {
        let text = item.text_of(name);
        text.and_then(|text| text.parse().ok())
    };
    let availability = |item: &Element| {
        Some(Availability {
            zone: item.text_of("zoneName")?.to_owned(),
            most: number(item, "max").unwrap_or_default(),
            available: number(item, "available").unwrap_or_default(),
        })
    };
    Some(InstanceType {
        name: item.text_of("name")?.to_owned(),
        processors: number(item, "cpu").unwrap_or_default(),
        memory_mib: number(item, "memory").unwrap_or_default(),
        disk_gib: number(item, "disk").unwrap_or_default(),
        interfaces: number(item, "networkInterfaces"),
        availability: item
            .items("availability")
            .filter_map(availability)
            .collect(),
    })
}

fn zone(item: &Element) -> Option<Zone> {
    let message = |item: &Element| {
        let text = item.text_of("message").unwrap_or(item.text.trim());
        (!text.is_empty()).then(|| text.to_owned())
    };
    // The lines of Eucalyptus are indented.
    let name = item.child("zoneName")?;
    Some(Zone {
        name: name.text.clone(),
        state: item
            .child("zoneState")
            .map(|state| state.text.clone())
            .unwrap_or_default(),
        messages: item.items("messageSet").filter_map(message).collect(),
    })
}
