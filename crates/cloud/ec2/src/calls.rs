//! From a request to the call that it names, and to the text of the answer.

use gumnut_cloud_accounts::QueryAuthError;
use gumnut_cloud_catalogue::{Caller, Profile};
use http::Response;

use crate::context::Context;
use crate::parameters::Parameters;
use crate::refusal::Refusal;
use crate::xml::Xml;
use crate::{
    allowed_parameters, attributes, certificates, deregister, describe, errors, regions, register,
    tags,
};

/// A request whose body is read and whose signature has been looked at.
#[derive(Debug)]
pub(crate) struct Ec2Request {
    /// Decoded parameters, those of the query before those of the form.
    pub(crate) parameters: Vec<(String, String)>,
    /// Who asks, or why that is not known.
    pub(crate) caller: Result<Caller, QueryAuthError>,
    /// The id that the answer and the log carry.
    pub(crate) request_id: String,
}

/// Answers a request.
pub(crate) async fn answer(context: &Context<'_>, request: Ec2Request) -> Response<String> {
    let parameters = Parameters(request.parameters);
    let id = &request.request_id;
    let caller = match request.caller {
        Ok(caller) => caller,
        Err(failure) => {
            tracing::info!(id, %failure, "not authenticated");
            return errors::of_auth(context.rules(), &failure, id);
        }
    };
    match dispatch(context, &caller, &parameters, id).await {
        Ok(body) => errors::success(body),
        Err(refusal) => {
            let (code, message) = (refusal.code, &refusal.message);
            tracing::info!(id, code, message, "refused");
            errors::of_call(context.rules(), &refusal, id)
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
    check_parameters(context.profile(), action, parameters)?;
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
        "DescribeRegions" => regions::regions(context, parameters)?,
        "DescribeAvailabilityZones" => regions::zones(context, parameters)?,
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
    let unknown = allowed_parameters::unknown(action, parameters);
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
