//! `DescribeInstanceStatus`

use gumnut_cloud_catalogue::{Caller, Instance, InstanceState};

use super::filter::Filter;
use super::page::Wanted;
use super::{ids, item, truth};
use crate::context::Context;
use crate::parameters::Parameters;
use crate::refusal::Refusal;
use crate::xml::Xml;

pub(crate) async fn run(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<Xml, Refusal> {
    let wanted = ids(parameters, context.profile())?;
    let all = truth(parameters, "IncludeAllInstances")?.unwrap_or(false);
    let filters = Filter::of(parameters)?;
    let page = Wanted::of(parameters, !wanted.is_empty())?;
    let mut found = context.services.instances.describe(caller, &wanted).await?;
    let rules = context.rules();
    found.retain(|instance| {
        (all || instance.state == InstanceState::Running)
            && filters.iter().all(|filter| filter.matches(instance, rules))
    });
    let (found, next) = page.cut(found);
    let mut xml = Xml::new();
    xml.element("instanceStatusSet", |xml| {
        for instance in &found {
            xml.element("item", |xml| status(xml, instance));
        }
    });
    xml.some("nextToken", next.as_deref());
    Ok(xml)
}

fn status(xml: &mut Xml, instance: &Instance) {
    // Nobody looks into guests: one that runs is said to be well.
    let (word, passed) = if instance.state == InstanceState::Running {
        ("ok", true)
    } else {
        ("not-applicable", false)
    };
    xml.leaf("instanceId", &instance.id);
    xml.leaf("availabilityZone", &instance.launch.zone);
    item::state(xml, "instanceState", instance.state);
    for name in ["systemStatus", "instanceStatus"] {
        xml.element(name, |xml| {
            xml.leaf("status", word);
            if passed {
                xml.element("details", |xml| {
                    xml.element("item", |xml| {
                        xml.leaf("name", "reachability");
                        xml.leaf("status", "passed");
                    });
                });
            }
        });
    }
}
