//! `TerminateInstances`, `RebootInstances`, `StopInstances` and `StartInstances`

use gumnut_cloud_catalogue::Caller;
use gumnut_cloud_instances::{Moved, Request};

use super::{item, required_ids};
use crate::context::Context;
use crate::parameters::Parameters;
use crate::refusal::Refusal;
use crate::xml::{self, Xml};

pub(crate) async fn terminate(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<Xml, Refusal> {
    Ok(states(
        &ask(context, caller, parameters, Request::Terminate).await?,
    ))
}

pub(crate) async fn stop(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<Xml, Refusal> {
    Ok(states(
        &ask(context, caller, parameters, Request::Stop).await?,
    ))
}

pub(crate) async fn start(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<Xml, Refusal> {
    Ok(states(
        &ask(context, caller, parameters, Request::Start).await?,
    ))
}

pub(crate) async fn reboot(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<Xml, Refusal> {
    ask(context, caller, parameters, Request::Reboot).await?;
    Ok(xml::returned(true))
}

async fn ask(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
    request: Request,
) -> Result<Vec<Moved>, Refusal> {
    let ids = required_ids(parameters, context.profile())?;
    let instances = &context.services.instances;
    Ok(instances.request(caller, &ids, request).await?)
}

fn states(moved: &[Moved]) -> Xml {
    let mut xml = Xml::new();
    xml.element("instancesSet", |xml| {
        for Moved { id, before, after } in moved {
            xml.element("item", |xml| {
                xml.leaf("instanceId", id);
                item::state(xml, "currentState", *after);
                item::state(xml, "previousState", *before);
            });
        }
    });
    xml
}
