//! A request to the EC2 side, from the listener to a call and back: its body is read, its parameters and its signature are looked
//! at.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use gumnut_cloud_accounts::{AccessKeys, QueryAuthError, Regions, authenticate_query};
use gumnut_cloud_catalogue::{Catalogue, CatalogueError, Clock};
use gumnut_cloud_http::{
    Body, BodyBudget, BodyError, ClientBody, FrontEnd, HeldBody, HoldError, RefusalCode, RequestId,
    Sender, full, header_texts, text,
};
use gumnut_signing::{Query, RequestView, SignatureError};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};

use crate::calls::{Ec2Request, answer};
use crate::context::Context;
use crate::errors;
use crate::refusal::Refusal;
use crate::services::Services;
use crate::xml::Xml;

/// Prefixes of the EC2 side: the name of the old clouds, that of the later ones, and the service that those ask for the
/// certificate of the cloud.
const PREFIXES: [&str; 3] = [
    "/services/Eucalyptus",
    "/services/compute",
    "/services/bootstrap",
];

/// The EC2 Query API, as far as images need it.
#[derive(Debug)]
pub struct Ec2FrontEnd {
    services: Services,
    keys: AccessKeys,
    clock: Clock,
    options: Ec2Options,
}

/// How the API is served.
#[derive(Clone, Debug)]
pub struct Ec2Options {
    /// How URLs of the cloud begin: `https`.
    pub scheme: &'static str,
    /// The regions that signatures of version 4 may be for.
    pub regions: Regions,
    /// Largest body of a request, in bytes.
    pub document_bytes: usize,
    /// How many bytes of bodies are held in memory at a time.
    pub budget: BodyBudget,
    /// How long a client may take to send a body.
    pub patience: Duration,
}

impl Ec2FrontEnd {
    /// The API on these services, for the users in this catalogue. Signatures are checked by this clock.
    pub fn new(
        services: Services,
        catalogue: Catalogue,
        clock: Clock,
        options: Ec2Options,
    ) -> Self {
        Self {
            services,
            keys: AccessKeys::new(catalogue),
            clock,
            options,
        }
    }

    /// Answers a request whose body has been read.
    async fn answer_read(&self, request: Request<Bytes>, id: &RequestId) -> Response<Body> {
        let (head, body) = request.into_parts();
        let query = head.uri.query().unwrap_or_default();
        let headers = header_texts(&head.headers);
        let view = RequestView {
            method: head.method.as_str(),
            path: head.uri.path(),
            query,
            headers: &headers,
        };
        let (now, regions) = (self.clock.now(), &self.options.regions);
        let (parameters, caller) = match parameters(&head, &body) {
            Ok(parameters) => {
                let caller =
                    authenticate_query(&self.keys, now, regions, &view, &parameters, &body);
                let caller = caller.await;
                (parameters, caller)
            }
            Err(error) => (Vec::new(), Err(error.into())),
        };
        if let Err(QueryAuthError::Catalogue(error)) = &caller {
            tracing::error!(
                error = error as &dyn std::error::Error,
                "a signature cannot be checked"
            );
            let refusal = unchecked(error);
            return errors::of_call(self.services.images.rules(), None, &refusal, id.as_str())
                .map(full);
        }
        let host = view.header("host").unwrap_or_default();
        let context = Context {
            services: &self.services,
            endpoint: &format!("{}://{host}", self.options.scheme),
            region: regions.name(),
        };
        let request = Ec2Request {
            parameters,
            caller,
            request_id: id.to_string(),
        };
        answer(&context, request).await.map(full)
    }

    /// Reads a body within the bound for documents. Whose it is shows when it is read.
    async fn read(&self, body: ClientBody) -> Result<HeldBody, HoldError<BodyError>> {
        let (limit, patience) = (self.options.document_bytes, self.options.patience);
        let held = self
            .options
            .budget
            .hold(body, Sender::Stranger, limit, patience);
        held.await
    }
}

#[async_trait]
impl FrontEnd for Ec2FrontEnd {
    fn name(&self) -> &'static str {
        "ec2"
    }

    fn wants(&self, head: &Parts) -> bool {
        names_itself(head) || may_be_form(head)
    }

    async fn answer(&self, request: Request<ClientBody>, id: &RequestId) -> Response<Body> {
        let (head, body) = request.into_parts();
        match self.read(body).await {
            // Where nothing but the type of the body has led here, the form has to name what is asked for.
            Ok(body) if !names_itself(&head) && !names_action(&body.bytes) => {
                text(StatusCode::BAD_REQUEST, "The form names no action.\n")
            }
            Ok(body) => {
                let request = Request::from_parts(head, body.bytes.clone());
                self.answer_read(request, id).await
            }
            Err(HoldError::TooLong) => text(
                StatusCode::PAYLOAD_TOO_LARGE,
                "The body of the request is too long.\n",
            ),
            Err(HoldError::NoRoom) => self.overloaded(&head, id),
            Err(HoldError::Late | HoldError::Body(BodyError::Slow)) => text(
                StatusCode::REQUEST_TIMEOUT,
                "The body did not arrive in time.\n",
            ),
            Err(_) => text(StatusCode::BAD_REQUEST, "The body could not be read.\n"),
        }
    }

    // In the words of S3, as ever: a cloud with one port cannot say who is overloaded.
    fn overloaded(&self, head: &Parts, id: &RequestId) -> Response<Body> {
        const CODE: &str = "SlowDown";
        let mut xml = Xml::document();
        xml.element("Error", |xml| {
            xml.leaf("Code", CODE);
            xml.leaf("Message", "Please reduce your request rate.");
            xml.leaf("Resource", head.uri.path());
            xml.leaf("RequestId", id.as_str());
        });
        let mut response = Response::new(full(xml.finish()));
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        response.extensions_mut().insert(RefusalCode::of(CODE));
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/xml"),
        );
        response
    }
}

/// The refusal of a caller whose signature cannot be checked, as the catalogue cannot be used.
fn unchecked(error: &CatalogueError) -> Refusal {
    let (code, status) = match error {
        CatalogueError::Unavailable(_) => ("Unavailable", 503),
        _ => ("InternalError", 500),
    };
    Refusal {
        code,
        status,
        message: "The catalogue cannot be used.".to_owned(),
    }
}

/// Whether path or query say that a request is for the EC2 side. Clients are often given the root of the server for it, so that the
/// parameters decide there.
fn names_itself(head: &Parts) -> bool {
    let path = head.uri.path();
    let below = |prefix: &str| {
        path.strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    PREFIXES.into_iter().any(below) || names_action(head.uri.query().unwrap_or_default().as_bytes())
}

/// Whether the body may name an action. Some clients send the type of forms with every empty POST, and to the object store only
/// with a query.
fn may_be_form(head: &Parts) -> bool {
    let content_type = head.headers.get(header::CONTENT_TYPE);
    head.method == Method::POST
        && head.uri.query().unwrap_or_default().is_empty()
        && content_type.is_some_and(is_form_type)
}

fn is_form_type(value: &HeaderValue) -> bool {
    value
        .as_bytes()
        .starts_with(b"application/x-www-form-urlencoded")
}

/// Whether a query string or a form names an action.
fn names_action(text: &[u8]) -> bool {
    let text = std::str::from_utf8(text).ok();
    let query = text.and_then(|text| Query::parse(text).ok());
    query.is_some_and(|query| query.has("Action") || query.has("Operation"))
}

/// The decoded parameters of a request, those of the query before those of the form. None comes twice, in whichever of the two.
fn parameters(head: &Parts, body: &[u8]) -> Result<Vec<(String, String)>, SignatureError> {
    let mut parameters = Query::parse(head.uri.query().unwrap_or_default())?;
    let content_type = head.headers.get(header::CONTENT_TYPE);
    if content_type.is_none_or(is_form_type) {
        let form = std::str::from_utf8(body).map_err(|_| SignatureError::Malformed("the form"))?;
        parameters = parameters.and(Query::parse(form)?);
    }
    parameters.check_unique()?;
    Ok(parameters.into_pairs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(method: &str, uri: &str, content_type: &str) -> Parts {
        Request::builder()
            .method(method)
            .uri(uri)
            .header("content-type", content_type)
            .body(())
            .unwrap()
            .into_parts()
            .0
    }

    #[test]
    fn path_query_or_body_lead_here() {
        let form = "application/x-www-form-urlencoded; charset=utf-8";
        for (method, uri, content_type) in [
            ("POST", "/services/Eucalyptus/", form),
            ("GET", "/services/compute", ""),
            ("POST", "/services/bootstrap/", form),
            ("GET", "/?Action=DescribeImages", ""),
            ("GET", "/any/path?Operation=DescribeImages", ""),
        ] {
            assert!(names_itself(&head(method, uri, content_type)), "{uri}");
        }
        for (method, uri) in [
            ("POST", "/bucket?delete"),
            ("PUT", "/bucket/Action"),
            ("GET", "/"),
        ] {
            let head = head(method, uri, form);
            assert!(!names_itself(&head) && !may_be_form(&head), "{uri}");
        }
        let root = head("POST", "/", form);
        assert!(!names_itself(&root) && may_be_form(&root));
    }

    #[test]
    fn a_parameter_comes_once_in_query_and_form() {
        let read = |query: &str, body: &str| {
            let form = "application/x-www-form-urlencoded";
            let head = head("POST", &format!("/?{query}"), form);
            parameters(&head, body.as_bytes()).map(|parameters| parameters.len())
        };
        assert_eq!(read("Action=a", "Version=b&ImageId=c"), Ok(3));
        for (query, body) in [
            ("Action=a&Action=b", ""),
            ("Action=a", "%41ction=b"),
            ("", "a=b&a=b"),
        ] {
            let refused = read(query, body).unwrap_err();
            assert!(
                matches!(refused, SignatureError::Repeated(_)),
                "{query} {body}"
            );
        }
        assert!(read("", "a=%FF").is_err());
        assert!(read("a=%FF", "").is_err());
    }
}
