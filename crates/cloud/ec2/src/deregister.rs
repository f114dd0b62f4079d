//! `DeregisterImage`

use gumnut_cloud_catalogue::Caller;

use crate::context::Context;
use crate::parameters::Parameters;
use crate::refusal::Refusal;
use crate::xml::{self, Xml};

pub(crate) async fn run(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<Xml, Refusal> {
    let done = deregister(context, caller, parameters).await;
    if context.profile().is_legacy() {
        // Whatever is wrong: the clouds of 2009 and 2010 only say that it has not been done.
        return Ok(xml::returned(done.is_ok()));
    }
    done.map(|()| xml::returned(true))
}

async fn deregister(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<(), Refusal> {
    let id = parameters.image_id(context.profile())?;
    Ok(context.services.images.deregister(caller, id).await?)
}
