//! `DescribeRegions` and `DescribeAvailabilityZones`: there is one of each.

use gumnut_cloud_instances::Room;

use crate::context::Context;
use crate::filter::glob;
use crate::parameters::Parameters;
use crate::refusal::Refusal;
use crate::xml::Xml;

/// The zone: the first cluster of a fresh Eucalyptus.
pub const ZONE: &str = "cluster01";

/// With this name of a zone Eucalyptus lists instance types, too.
const VERBOSE: &str = "verbose";

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

pub(crate) async fn zones(context: &Context<'_>, parameters: &Parameters) -> Result<Xml, Refusal> {
    let region = context.region;
    let mut wanted = parameters.list("ZoneName");
    let is_verbose = wanted.iter().any(|name| name == VERBOSE);
    wanted.retain(|name| name != VERBOSE);
    let rooms = if is_verbose {
        context.services.instances.rooms().await?
    } else {
        Vec::new()
    };
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
        if is_verbose {
            verbose(xml, &rooms);
        }
    });
    Ok(xml)
}

/// The lines about instance types, in the form of zones: how many more of each can be started, and how many there can be.
fn verbose(xml: &mut Xml, rooms: &[Room]) {
    let heading = [("vm types", "free / max   cpu   ram  disk".to_owned())];
    let types = rooms.iter().map(|room| {
        let Room {
            kind,
            most,
            available,
        } = room;
        let numbers = format!(
            "{available:04} / {most:04}  {:2}   {:5}  {:4}",
            kind.processors, kind.memory_mib, kind.disk_gib
        );
        (kind.name, numbers)
    });
    for (name, state) in heading.into_iter().chain(types) {
        xml.element("item", |xml| {
            xml.leaf("zoneName", &format!("|- {name}"));
            xml.leaf("zoneState", &state);
            xml.element("messageSet", |_| {});
        });
    }
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
