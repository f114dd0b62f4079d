//! The answer to a request that the object store refuses. The layer writes documents of errors without `Resource` and
//! `RequestId`, and offers no place to add them: its own document is read and written again.

use std::borrow::Cow;

use bytes::Bytes;
use gumnut_cloud_http::{RefusalCode, RequestId};
use gumnut_cloud_objects::ObjectError;
use http::{HeaderValue, Method, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use quick_xml::escape::{partial_escape, unescape};
use quick_xml::events::Event;
use quick_xml::{Reader, XmlVersion};
use s3s::Body;

use crate::auth_refusal::Refusal;

/// Seconds after which a client may try again what could not be done for now.
const RETRY_AFTER: &str = "1";

/// What the answer repeats of the request.
pub(crate) struct ErrorContext<'a> {
    /// The method; an answer to HEAD has no body.
    pub(crate) method: &'a Method,
    /// The path behind the prefix of the service.
    pub(crate) resource: &'a str,
    pub(crate) id: &'a RequestId,
}

impl ErrorContext<'_> {
    /// The answer to a request that is refused before it gets to the protocol.
    pub(crate) fn refuse(&self, refusal: &Refusal) -> Response<Body> {
        let (code, message) = (refusal.error.code(), refusal.error.message());
        refusal.error.log();
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status(&refusal.error);
        self.fill(&mut response, code, &message, &refusal.details);
        response
    }

    /// Adds what the protocol's own answer leaves out: resource, request id and, for codes without one, a message.
    pub(crate) async fn complete(&self, response: Response<Body>) -> Response<Body> {
        let refused = response.status().is_client_error() || response.status().is_server_error();
        if !refused {
            return without_body_if_not_modified(response);
        }
        let (parts, body) = response.into_parts();
        let body = body
            .collect()
            .await
            .map(http_body_util::Collected::to_bytes);
        let (code, written) = body.map(|body| read(&body)).unwrap_or_default();
        let message = written.unwrap_or_else(|| default_message(&code));
        let mut response = Response::from_parts(parts, Body::empty());
        self.fill(&mut response, &code, &message, &[]);
        response
    }

    /// Writes the document, and marks the answer for the metrics.
    fn fill(
        &self,
        response: &mut Response<Body>,
        code: &str,
        message: &str,
        details: &[(&'static str, String)],
    ) {
        response.extensions_mut().insert(RefusalCode::of(code));
        response.headers_mut().remove(header::CONTENT_LENGTH);
        if response.status() == StatusCode::SERVICE_UNAVAILABLE {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER));
        }
        if self.method == Method::HEAD {
            return;
        }
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>");
        leaf(&mut xml, "Code", code);
        leaf(&mut xml, "Message", message);
        for (name, text) in details {
            leaf(&mut xml, name, text);
        }
        leaf(&mut xml, "Resource", self.resource);
        leaf(&mut xml, "RequestId", self.id.as_str());
        xml.push_str("</Error>");
        let content_type = HeaderValue::from_static("application/xml");
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, content_type);
        *response.body_mut() = Body::from(Bytes::from(xml));
    }
}

/// `<name>text</name>`, without the characters that XML cannot carry.
fn leaf(xml: &mut String, name: &str, text: &str) {
    let legal: String = text
        .chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        .collect();
    xml.extend([
        "<",
        name,
        ">",
        &partial_escape(legal.as_str()),
        "</",
        name,
        ">",
    ]);
}

/// "Not modified" travels as an error inside the server, and has no body.
fn without_body_if_not_modified(mut response: Response<Body>) -> Response<Body> {
    if response.status() == StatusCode::NOT_MODIFIED {
        response.headers_mut().remove(header::CONTENT_LENGTH);
        response.headers_mut().remove(header::CONTENT_TYPE);
        *response.body_mut() = Body::empty();
    }
    response
}

/// The status of a refusal.
fn status(error: &ObjectError) -> StatusCode {
    StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Code and message of the protocol's own answer.
fn read(body: &[u8]) -> (String, Option<String>) {
    let (mut code, mut message) = (String::new(), None);
    let mut element = String::new();
    let mut reader = Reader::from_reader(body);
    loop {
        let text = match reader.read_event() {
            Ok(Event::Start(start)) => {
                start.name().as_ref().clone_into(&mut element);
                continue;
            }
            Ok(Event::End(_)) => {
                element.clear();
                continue;
            }
            Ok(Event::Text(text)) => text.xml_content(XmlVersion::Implicit1_0).into_owned(),
            Ok(Event::GeneralRef(name)) => unescape(&format!("&{};", &*name))
                .map(Cow::into_owned)
                .unwrap_or_default(),
            Ok(Event::Eof) | Err(_) => return (code, message),
            Ok(_) => continue,
        };
        match element.as_str() {
            "Code" => code.push_str(&text),
            "Message" => message.get_or_insert_with(String::new).push_str(&text),
            _ => {}
        }
    }
}

/// The message of a code that the protocol's own layer sends without one.
fn default_message(code: &str) -> String {
    ObjectError::of_code(code).map_or_else(
        || "The request was refused.".to_owned(),
        |refusal| refusal.to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_answer_names_resource_and_request() {
        let id = RequestId::new();
        let context = ErrorContext {
            method: &Method::GET,
            resource: "/b/<k>",
            id: &id,
        };
        let xml = "<Error><Code>NoSuchKey</Code><Message>a &amp; b &lt;c&gt;</Message></Error>";
        let mut response = Response::new(Body::from(Bytes::from(xml)));
        *response.status_mut() = StatusCode::NOT_FOUND;
        let response = context.complete(response).await;
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let expected = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code>\
             <Message>a &amp; b &lt;c&gt;</Message><Resource>/b/&lt;k&gt;</Resource>\
             <RequestId>{id}</RequestId></Error>"
        );
        assert_eq!(std::str::from_utf8(&body).unwrap(), expected);
    }

    #[test]
    fn a_client_hears_when_to_try_again() {
        let id = RequestId::new();
        let context = ErrorContext {
            method: &Method::HEAD,
            resource: "/b/k",
            id: &id,
        };
        for (error, expected) in [
            (ObjectError::ServiceUnavailable, Some("1")),
            (ObjectError::SlowDown, Some("1")),
            (ObjectError::Internal, None),
        ] {
            let response = context.refuse(&error.into());
            let found = response.headers().get(header::RETRY_AFTER);
            assert_eq!(found.map(|value| value.to_str().unwrap()), expected);
        }
    }
}
