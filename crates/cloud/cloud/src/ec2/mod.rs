//! The EC2 Query API, as far as images need it.

mod attributes;
mod certificates;
mod deregister;
mod describe;
mod errors;
mod filter;
pub(crate) mod images;
mod known;
mod objects;
mod page;
mod parameters;
mod places;
mod register;
mod select;
mod tags;
#[cfg(test)]
mod tests;
mod xml;

use http::Response;

use crate::accounts::Keys;
use crate::auth::Caller;
use crate::catalogue::Catalogue;
use crate::register::{Ids, Objects, Refusal};
use crate::server::Ec2Request;
use crate::state::State;
use gumnut_cloud_catalogue::{ImageRules, Profile};
use parameters::Parameters;
use xml::Xml;

pub(crate) use objects::StoredObjects;

/// What calls work with.
pub(crate) struct Context<'a> {
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) objects: &'a dyn Objects,
    pub(crate) keys: &'a Keys,
    pub(crate) rules: &'a ImageRules,
    pub(crate) ids: &'a Ids,
    /// Where the client has found the cloud: `http://127.0.0.1:8773`.
    pub(crate) endpoint: &'a str,
    /// Milliseconds since 1970.
    pub(crate) now: i64,
}

/// Answers a request.
pub(crate) async fn handle(state: &State, request: Ec2Request) -> Response<String> {
    let objects = StoredObjects(state);
    let endpoint = request.endpoint.clone();
    let context = Context {
        catalogue: &state.catalogue,
        objects: &objects,
        keys: &state.keys,
        rules: &state.config.images,
        ids: &state.ids,
        endpoint: &endpoint,
        now: state.config.clock.now_millis(),
    };
    answer(&context, request).await
}

/// The same with another store of objects.
async fn answer(context: &Context<'_>, request: Ec2Request) -> Response<String> {
    let parameters = Parameters(request.parameters);
    let id = &request.request_id;
    let caller = match request.caller {
        Ok(caller) => caller,
        Err(failure) => {
            tracing::info!(id, %failure, "not authenticated");
            return errors::of_auth(context.rules, &failure, id);
        }
    };
    match dispatch(context, &caller, &parameters, id).await {
        Ok(body) => errors::success(body),
        Err(refusal) => {
            let (code, message) = (refusal.code, &refusal.message);
            tracing::info!(id, code, message, "refused");
            errors::of_call(context.rules, &refusal, id)
        }
    }
}

async fn dispatch(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
    request_id: &str,
) -> Result<String, Refusal> {
    let action = parameters
        .get("Action")
        .or_else(|| parameters.get("Operation"))
        .unwrap_or_default();
    check_parameters(context.rules.profile, action, parameters)?;
    let answer = match action {
        "RegisterImage" => register::run(context, caller, parameters).await?,
        "DescribeImages" => describe::run(context, caller, parameters).await?,
        "DeregisterImage" => deregister::run(context, caller, parameters).await?,
        "DescribeImageAttribute" => attributes::describe(context, caller, parameters).await?,
        "ModifyImageAttribute" => attributes::modify(context, caller, parameters).await?,
        "ResetImageAttribute" => attributes::reset(context, caller, parameters).await?,
        "CreateTags" => tags::create(context, caller, parameters).await?,
        "DeleteTags" => tags::delete(context, caller, parameters).await?,
        "DescribeTags" => tags::describe(context, caller, parameters).await?,
        "DescribeRegions" => places::regions(context, parameters)?,
        "DescribeAvailabilityZones" => places::zones(context, parameters)?,
        "DescribeServiceCertificates" => certificates::run(context, parameters).await?,
        _ => {
            let message = format!("The action {action} is not valid for this web service.");
            return Err(Refusal::new("InvalidAction", message));
        }
    };
    Ok(document(action, parameters.version(), request_id, answer))
}

/// Real clouds refuse what they do not know, and the later ones want to know the version.
fn check_parameters(
    profile: Profile,
    action: &str,
    parameters: &Parameters,
) -> Result<(), Refusal> {
    if profile == Profile::Euca44 && parameters.named_version().is_none() {
        let message = "The request must contain the parameter Version";
        return Err(Refusal::new("MissingParameter", message));
    }
    let unknown = known::unknown(action, parameters);
    if unknown.is_empty() {
        return Ok(());
    }
    tracing::info!(action, ?unknown, "parameters that are not known");
    if profile == Profile::Strict {
        return Ok(());
    }
    let message = format!("The parameter {} is not recognized", unknown[0]);
    Err(Refusal::new("UnknownParameter", message))
}

/// A whole answer. One client parses nothing when the slash at the end of the namespace is missing.
fn document(action: &str, version: &str, request_id: &str, content: Xml) -> String {
    let mut xml = Xml::document();
    xml.raw(&format!(
        "<{action}Response xmlns=\"http://ec2.amazonaws.com/doc/{version}/\">"
    ));
    xml.leaf("requestId", request_id);
    xml.raw(&content.finish());
    xml.raw(&format!("</{action}Response>"));
    xml.finish()
}
