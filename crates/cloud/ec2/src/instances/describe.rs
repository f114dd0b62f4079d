//! `DescribeInstances`

use gumnut_cloud_catalogue::Caller;

use super::filter::Filter;
use super::page::Wanted;
use super::{ids, item};
use crate::context::Context;
use crate::parameters::Parameters;
use crate::refusal::Refusal;
use crate::xml::Xml;

/// An administrator of Eucalyptus asks so for the instances of all accounts, which it is shown here anyway.
const VERBOSE: &str = "verbose";

pub(crate) async fn run(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<Xml, Refusal> {
    let mut asked = parameters.0.clone();
    asked.retain(|(name, value)| !(name.starts_with("InstanceId") && value == VERBOSE));
    let wanted = ids(&Parameters(asked), context.profile())?;
    let filters = Filter::of(parameters)?;
    let page = Wanted::of(parameters, !wanted.is_empty())?;
    let mut found = context.services.instances.describe(caller, &wanted).await?;
    let rules = context.rules();
    found.retain(|instance| filters.iter().all(|filter| filter.matches(instance, rules)));
    let (found, next) = page.cut(found);
    let version = parameters.version();
    let mut xml = Xml::new();
    xml.element("reservationSet", |xml| {
        for of_one in found.chunk_by(|one, other| one.reservation == other.reservation) {
            xml.element("item", |xml| item::reservation(xml, rules, version, of_one));
        }
    });
    xml.some("nextToken", next.as_deref());
    Ok(xml)
}
