//! Answers to requests that are refused, in the words of each profile.

use gumnut_cloud_accounts::QueryAuthError;
use gumnut_signing::SignatureError;
use http::{HeaderValue, Response, StatusCode, header};

use crate::refusal::Refusal;
use crate::xml::Xml;
use gumnut_cloud_catalogue::{ImageRules, Profile};

const XML: HeaderValue = HeaderValue::from_static("text/xml;charset=UTF-8");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain");

/// An answer with this body.
pub(crate) fn response(status: u16, content_type: HeaderValue, body: String) -> Response<String> {
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    if response.status() == StatusCode::SERVICE_UNAVAILABLE {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// The answer to a call that did what it should.
pub(crate) fn success(body: String) -> Response<String> {
    response(200, XML, body)
}

/// The answer to a call that is refused.
///
/// Clouds of 2009 and 2010 name a component, `None` for that of images.
pub(crate) fn of_call(
    rules: &ImageRules,
    component: Option<&str>,
    refusal: &Refusal,
    id: &str,
) -> Response<String> {
    if rules.profile.is_legacy() {
        // Clients that know no codes repeat what has this status.
        let component = component.unwrap_or(&rules.component);
        let status = if refusal.status == 503 { 503 } else { 400 };
        return response(status, XML, legacy_body(component, &refusal.message, id));
    }
    let body = body(refusal.code, &refusal.message, id);
    response(refusal.status, XML, body)
}

/// The answer to a request whose signature is not accepted.
pub(crate) fn of_auth(rules: &ImageRules, failure: &QueryAuthError, id: &str) -> Response<String> {
    let refusal = explain(failure);
    match rules.profile {
        Profile::Strict => {
            let body = body(refusal.code, &refusal.message, id);
            response(refusal.status, XML, body)
        }
        Profile::Euca44 => response(403, TEXT, body("403 Forbidden", &refusal.message, id)),
        Profile::Euca16 | Profile::Euca20 => {
            let body = format!("Failure: 403 Forbidden\r\n{}", refusal.message);
            response(403, TEXT, body)
        }
    }
}

fn body(code: &str, message: &str, id: &str) -> String {
    document(id, |xml| {
        xml.leaf("Code", code);
        xml.leaf("Message", message);
    })
}

/// The clouds of 2009 and 2010 name a component, begin the message with a new line, and leave `&` as it is.
fn legacy_body(component: &str, message: &str, id: &str) -> String {
    let message = message.replace('<', "&lt;").replace('>', "&gt;");
    document(id, |xml| {
        xml.leaf("Code", component);
        xml.raw(&format!("<Message>\n{message}</Message>"));
    })
}

fn document(id: &str, error: impl FnOnce(&mut Xml)) -> String {
    let mut xml = Xml::document();
    xml.element("Response", |xml| {
        xml.element("Errors", |xml| xml.element("Error", error));
        xml.leaf("RequestID", id);
    });
    xml.finish()
}

/// The answer when a signature is not accepted.
fn explain(failure: &QueryAuthError) -> Refusal {
    let (code, status, message) = match failure {
        QueryAuthError::Anonymous => ("AuthFailure", 403, "The request must be signed.".to_owned()),
        QueryAuthError::UnknownKey(_) => (
            "AuthFailure",
            403,
            "The AWS Access Key Id you provided does not exist in our records.".to_owned(),
        ),
        QueryAuthError::Signature(SignatureError::Mismatch(_)) => (
            "SignatureDoesNotMatch",
            403,
            "The request signature we calculated does not match the signature you provided."
                .to_owned(),
        ),
        QueryAuthError::Signature(
            error
            @ (SignatureError::Skewed | SignatureError::Expired | SignatureError::NotYetValid),
        ) => ("RequestExpired", 400, error.to_string()),
        QueryAuthError::Signature(SignatureError::Repeated(name)) => (
            "MalformedQueryString",
            400,
            format!("The parameter {name} is given more than once."),
        ),
        QueryAuthError::Scope(error) => (
            "SignatureDoesNotMatch",
            403,
            format!("Credential should be scoped correctly; {error}."),
        ),
        QueryAuthError::Signature(error) => ("AuthFailure", 403, error.to_string()),
        QueryAuthError::Catalogue(_) => (
            "InternalError",
            500,
            "An internal error has occurred".to_owned(),
        ),
    };
    Refusal {
        code,
        status,
        message,
    }
}
