//! `DeregisterImage`, in two steps: the first call hides the image, the second removes it.

use super::parameters::{Parameters, not_found};
use super::{Context, Xml, images, xml};
use crate::auth::Caller;
use crate::register::Refusal;
use gumnut_cloud_catalogue::Profile;

pub(super) async fn run(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<Xml, Refusal> {
    let done = deregister(context, caller, parameters).await;
    if context.rules.profile.is_legacy() {
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
    let (profile, now) = (context.rules.profile, context.now);
    let id = parameters.image_id(profile)?.to_owned();
    let caller = caller.clone();
    context
        .catalogue
        .write(move |transaction| {
            let image = images::get(transaction, &id)?.ok_or_else(|| not_found(&id))?;
            if !image.administered_by(&caller) {
                return Err(not_the_owner(profile));
            }
            match image.state.as_str() {
                images::AVAILABLE => images::hide(transaction, &image.id, now)?,
                images::DEREGISTERED if profile.is_legacy() => return Err(not_found(&id)),
                _ => images::remove(transaction, &image.id)?,
            }
            Ok(())
        })
        .await
}

fn not_the_owner(profile: Profile) -> Refusal {
    crate::register::refuse(profile, "AuthFailure", "Not authorized to deregister image")
}
