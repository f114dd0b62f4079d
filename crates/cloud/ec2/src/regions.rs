//! `DescribeRegions` and `DescribeAvailabilityZones`: there is one of each.

use crate::context::Context;
use crate::filter::glob;
use crate::parameters::Parameters;
use crate::refusal::Refusal;
use crate::xml::Xml;

/// The zone: the first cluster of a fresh Eucalyptus.
pub const ZONE: &str = "cluster01";

pub(crate) fn regions(context: &Context<'_>, parameters: &Parameters) -> Result<Xml, Refusal> {
    let mut wanted = parameters.list("RegionName");
    wanted.extend(parameters.list("Region"));
    let endpoint = format!("{}/services/compute", context.endpoint);
    let region = context.region;
    let place = [("region-name", region), ("endpoint", &endpoint)];
    let named = is_wanted("region", &wanted, region)? && fits(parameters, &place)?;
    let mut xml = Xml::new();
    xml.element("regionInfo", |xml| {
        if named {
            xml.element("item", |xml| {
                xml.leaf("regionName", region);
                xml.leaf("regionEndpoint", &endpoint);
            });
        }
    });
    Ok(xml)
}

pub(crate) fn zones(context: &Context<'_>, parameters: &Parameters) -> Result<Xml, Refusal> {
    let region = context.region;
    let wanted = parameters.list("ZoneName");
    let place = [
        ("zone-name", ZONE),
        ("state", "available"),
        ("region-name", region),
    ];
    let named = is_wanted("availability zone", &wanted, ZONE)? && fits(parameters, &place)?;
    let mut xml = Xml::new();
    xml.element("availabilityZoneInfo", |xml| {
        if named {
            xml.element("item", |xml| {
                xml.leaf("zoneName", ZONE);
                xml.leaf("zoneState", "available");
                xml.leaf("regionName", region);
                xml.element("messageSet", |_| {});
            });
        }
    });
    Ok(xml)
}

/// Whether the place is among the names; a name that is no place is an error.
fn is_wanted(what: &str, names: &[String], place: &str) -> Result<bool, Refusal> {
    if let Some(name) = names.iter().find(|name| *name != place) {
        let message = format!("Invalid {what}: [{name}]");
        return Err(Refusal::new("InvalidParameterValue", message));
    }
    Ok(true)
}

/// Whether the place satisfies every filter.
fn fits(parameters: &Parameters, place: &[(&str, &str)]) -> Result<bool, Refusal> {
    let mut all = true;
    for (name, values) in parameters.filters()? {
        let Some((_, found)) = place.iter().find(|(known, _)| *known == name) else {
            let message = format!("The filter '{name}' is invalid");
            return Err(Refusal::new("InvalidParameterValue", message));
        };
        all &= values.iter().any(|pattern| glob(pattern, found));
    }
    Ok(all)
}
