//! From a request to the call that it names, and to the text of the answer.

use gumnut_cloud_accounts::QueryAuthError;
use gumnut_cloud_catalogue::{Caller, Profile};
use http::Response;

use crate::action::Action;
use crate::context::Context;
use crate::parameters::Parameters;
use crate::refusal::Refusal;
use crate::xml::Xml;
use crate::{
    allowed_parameters, attributes, certificates, deregister, describe, dry_run, errors, groups,
    instances, key_pairs, regions, register, tags, types,
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
            // Written as Debug writes it: messages quote what clients say.
            let (code, reason) = (refusal.code, &refusal.message);
            tracing::info!(id, code, ?reason, "refused");
            let asked = Action::parse(action_name(&parameters));
            let component = asked.and_then(Action::component);
            errors::of_call(context.rules(), component, &refusal, id)
        }
    }
}

async fn dispatch(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
    request_id: &str,
) -> Result<String, Refusal> {
    let action = called(context.profile(), parameters)?;
    if dry_run::is_asked_for(parameters)? {
        let services = &context.services.dry_run();
        let rehearsal = Context {
            services,
            ..*context
        };
        let decided = run(&rehearsal, caller, action, parameters).await;
        return Err(dry_run::answer(decided));
    }
    let answer = run(context, caller, action, parameters).await?;
    let version = parameters.version();
    Ok(document(action.as_str(), version, request_id, answer))
}

async fn run(
    context: &Context<'_>,
    caller: &Caller,
    action: Action,
    parameters: &Parameters,
) -> Result<Xml, Refusal> {
    match action {
        Action::RegisterImage => register::run(context, caller, parameters).await,
        Action::DescribeImages => describe::run(context, caller, parameters).await,
        Action::DeregisterImage => deregister::run(context, caller, parameters).await,
        Action::DescribeImageAttribute => attributes::describe(context, caller, parameters).await,
        Action::ModifyImageAttribute => attributes::modify(context, caller, parameters).await,
        Action::ResetImageAttribute => attributes::reset(context, caller, parameters).await,
        Action::CreateTags => tags::create(context, caller, parameters).await,
        Action::DeleteTags => tags::delete(context, caller, parameters).await,
        Action::DescribeTags => tags::describe(context, caller, parameters).await,
        Action::DescribeRegions => regions::regions(context, parameters),
        Action::DescribeAvailabilityZones => regions::zones(context, parameters).await,
        Action::DescribeServiceCertificates => certificates::run(context, parameters).await,
        Action::CreateKeyPair => key_pairs::create(context, caller, parameters).await,
        Action::ImportKeyPair => key_pairs::import(context, caller, parameters).await,
        Action::DescribeKeyPairs => key_pairs::describe(context, caller, parameters).await,
        Action::DeleteKeyPair => key_pairs::delete(context, caller, parameters).await,
        Action::CreateSecurityGroup => groups::create(context, caller, parameters).await,
        Action::DescribeSecurityGroups => groups::describe(context, caller, parameters).await,
        Action::AuthorizeSecurityGroupIngress => {
            groups::authorize(context, caller, parameters).await
        }
        Action::RevokeSecurityGroupIngress => groups::revoke(context, caller, parameters).await,
        Action::DeleteSecurityGroup => groups::delete(context, caller, parameters).await,
        Action::DescribeInstanceTypes => types::run(context, parameters).await,
        Action::RunInstances => instances::run(context, caller, parameters).await,
        Action::DescribeInstances => instances::describe(context, caller, parameters).await,
        Action::DescribeInstanceStatus => instances::status(context, caller, parameters).await,
        Action::DescribeInstanceAttribute => {
            instances::describe_attribute(context, caller, parameters).await
        }
        Action::ModifyInstanceAttribute => {
            instances::modify_attribute(context, caller, parameters).await
        }
        Action::TerminateInstances => instances::terminate(context, caller, parameters).await,
        Action::RebootInstances => instances::reboot(context, caller, parameters).await,
        Action::StopInstances => instances::stop(context, caller, parameters).await,
        Action::StartInstances => instances::start(context, caller, parameters).await,
        Action::GetConsoleOutput => instances::console(context, caller, parameters).await,
    }
}

/// The call that is asked for. Real clouds refuse parameters that they do not know, and the later ones want to know the version,
/// in whatever form.
fn called(profile: Profile, parameters: &Parameters) -> Result<Action, Refusal> {
    if profile == Profile::Euca44 && parameters.get("Version").is_none() {
        let message = "The request must contain the parameter Version";
        return Err(Refusal::new("MissingParameter", message));
    }
    let name = action_name(parameters);
    let known = Action::parse(name).filter(|action| action.is_of(profile));
    let Some(action) = known else {
        let message = format!("The action {name} is not valid for this web service.");
        return Err(Refusal::new("InvalidAction", message));
    };
    parameters.check_lists()?;
    let unknown = allowed_parameters::unknown(action, profile, parameters);
    if unknown.is_empty() {
        return Ok(action);
    }
    tracing::info!(?action, ?unknown, "parameters that are not known");
    if profile == Profile::Strict {
        return Ok(action);
    }
    let message = format!("The parameter {} is not recognized", unknown[0]);
    Err(Refusal::new("UnknownParameter", message))
}

/// The name of the call that is asked for; empty when there is none.
fn action_name(parameters: &Parameters) -> &str {
    parameters
        .get("Action")
        .or_else(|| parameters.get("Operation"))
        .unwrap_or_default()
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
