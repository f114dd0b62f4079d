//! The EC2 Query API, as far as images need it.

mod attributes;
mod deregister;
mod describe;
mod filter;
pub(crate) mod images;
mod objects;
mod parameters;
mod register;
#[cfg(test)]
mod tests;
mod xml;

use http::Response;

use crate::auth::{AuthFailure, Caller};
use crate::catalogue::Catalogue;
use crate::register::{Objects, Refusal};
use crate::server::Ec2Request;
use crate::state::State;
use gumnut_signing::SignatureError;
use parameters::Parameters;
use xml::Xml;

pub(crate) use objects::ExecReadObjects;

/// The version that answers name when a request has none.
const DEFAULT_VERSION: &str = "2014-10-01";

/// What calls work with.
pub(crate) struct Context<'a> {
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) objects: &'a dyn Objects,
    pub(crate) data_dir: &'a std::path::Path,
    /// Milliseconds since 1970.
    pub(crate) now: i64,
}

/// Answers a request.
pub(crate) async fn handle(state: &State, request: Ec2Request) -> Response<String> {
    let objects = ExecReadObjects(state);
    let context = Context {
        catalogue: &state.catalogue,
        objects: &objects,
        data_dir: state.data_dir.path(),
        now: state.config.clock.now_millis(),
    };
    answer(&context, request).await
}

/// The same with another store of objects.
async fn answer(context: &Context<'_>, request: Ec2Request) -> Response<String> {
    let parameters = Parameters(request.parameters);
    let result = match request.caller {
        Ok(caller) => dispatch(context, &caller, &parameters, &request.request_id).await,
        Err(failure) => Err(of_auth(&failure)),
    };
    let (status, body) = match result {
        Ok(body) => (200, body),
        Err(refusal) => {
            tracing::info!(code = refusal.code, message = refusal.message, "refused");
            (refusal.status, error_body(&refusal, &request.request_id))
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() =
        http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let content_type = http::HeaderValue::from_static("text/xml;charset=UTF-8");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, content_type);
    response
}

async fn dispatch(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
    request_id: &str,
) -> Result<String, Refusal> {
    let action = parameters
        .get("Action")
        .or_else(|| parameters.get("Operation"));
    let action = action.unwrap_or_default();
    let answer = match action {
        "RegisterImage" => register::run(context, caller, parameters).await?,
        "DescribeImages" => describe::run(context, caller, parameters).await?,
        "DeregisterImage" => deregister::run(context, caller, parameters).await?,
        "DescribeImageAttribute" => attributes::describe(context, caller, parameters).await?,
        "ModifyImageAttribute" => attributes::modify(context, caller, parameters).await?,
        "ResetImageAttribute" => attributes::reset(context, caller, parameters).await?,
        _ => {
            let message = format!("The action {action} is not valid for this web service.");
            return Err(Refusal::new("InvalidAction", message));
        }
    };
    Ok(document(action, version(parameters), request_id, answer))
}

/// The version that the request names, if it has the form of one.
fn version(parameters: &Parameters) -> &str {
    let named = parameters.get("Version").filter(|version| {
        let form = version.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
        version.len() == 10 && form
    });
    named.unwrap_or(DEFAULT_VERSION)
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

fn error_body(refusal: &Refusal, request_id: &str) -> String {
    let mut xml = Xml::document();
    xml.element("Response", |xml| {
        xml.element("Errors", |xml| {
            xml.element("Error", |xml| {
                xml.leaf("Code", refusal.code);
                xml.leaf("Message", &refusal.message);
            });
        });
        xml.leaf("RequestID", request_id);
    });
    xml.finish()
}

/// What a client is told when its signature is not accepted.
fn of_auth(failure: &AuthFailure) -> Refusal {
    let (code, status, message) = match failure {
        AuthFailure::Anonymous => ("AuthFailure", 403, "The request must be signed.".to_owned()),
        AuthFailure::UnknownKey(_) => (
            "AuthFailure",
            403,
            "The AWS Access Key Id you provided does not exist in our records.".to_owned(),
        ),
        AuthFailure::Signature(SignatureError::Mismatch(_)) => (
            "SignatureDoesNotMatch",
            403,
            "The request signature we calculated does not match the signature you provided."
                .to_owned(),
        ),
        AuthFailure::Signature(
            error
            @ (SignatureError::Skewed | SignatureError::Expired | SignatureError::NotYetValid),
        ) => ("RequestExpired", 400, error.to_string()),
        AuthFailure::Signature(error) => ("AuthFailure", 403, error.to_string()),
    };
    Refusal {
        code,
        status,
        message,
    }
}
