//! `DeregisterImage`, in two steps: the first call hides the image, the second removes it.

use super::parameters::{Parameters, not_found};
use super::{Context, Xml, images, xml};
use crate::auth::Caller;
use crate::register::Refusal;

pub(super) async fn run(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<Xml, Refusal> {
    let id = parameters.image_id()?.to_owned();
    let caller = caller.clone();
    context
        .catalogue
        .write(move |transaction| {
            let image = images::get(transaction, &id)?.ok_or_else(|| not_found(&id))?;
            if !image.administered_by(&caller) {
                return Err(Refusal::new(
                    "AuthFailure",
                    "Not authorized to deregister image",
                ));
            }
            if image.state == images::AVAILABLE {
                images::set_state(transaction, &image.id, images::DEREGISTERED)?;
            } else {
                images::remove(transaction, &image.id)?;
            }
            Ok(xml::done())
        })
        .await
}
