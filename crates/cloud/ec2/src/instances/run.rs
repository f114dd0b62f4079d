//! `RunInstances`

use gumnut_cloud_catalogue::{Caller, Profile};
use gumnut_cloud_instances::{InstanceError, InstanceErrorKind};

use super::{item, run_request};
use crate::context::Context;
use crate::parameters::Parameters;
use crate::refusal::Refusal;
use crate::xml::Xml;

pub(crate) async fn run(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<Xml, Refusal> {
    let profile = context.profile();
    let request = run_request::read(parameters, profile)?;
    let launched = context.services.instances.run(caller, request).await;
    let launched = launched.map_err(|error| refusal(error, profile))?;
    let mut xml = Xml::new();
    item::reservation(&mut xml, context.rules(), parameters.version(), &launched);
    Ok(xml)
}

fn refusal(error: InstanceError, profile: Profile) -> Refusal {
    let is_full = error.kind() == InstanceErrorKind::Capacity;
    let refusal = Refusal::from(error);
    // There the service that has no room is not available.
    let status = match profile {
        Profile::Euca44 if is_full => 503,
        _ => refusal.status,
    };
    Refusal { status, ..refusal }
}
