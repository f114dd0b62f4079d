//! A request to the EC2 side, from the listener to a call and back: its body is read, its parameters and its signature are looked
//! at.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use gumnut_cloud_accounts::{QueryAuthError, authenticate_query};
use gumnut_cloud_catalogue::{Catalogue, Clock};
use gumnut_cloud_http::{
    Body, BodyError, ClientBody, FrontEnd, RefusalCode, RequestId, full, header_texts, text,
};
use gumnut_cloud_images::Images;
use gumnut_signing::{RequestView, decode_query};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};

use crate::calls::{Ec2Request, answer};
use crate::context::Context;
use crate::xml::Xml;

/// Prefixes of the EC2 side, the name of the old clouds and that of the later ones.
const PREFIXES: [&str; 2] = ["/services/Eucalyptus", "/services/compute"];

/// The EC2 Query API, as far as images need it.
#[derive(Debug)]
pub struct Ec2FrontEnd {
    images: Images,
    catalogue: Catalogue,
    clock: Clock,
    options: Ec2Options,
}

/// How the API is served.
#[derive(Clone, Debug)]
pub struct Ec2Options {
    /// How URLs of the cloud begin: `https`.
    pub scheme: &'static str,
    /// Largest body of a request, in bytes.
    pub document_bytes: usize,
    /// How long a client may take to send a body.
    pub patience: Duration,
}

impl Ec2FrontEnd {
    /// The API on these images, for the users in this catalogue. Signatures are checked by this clock.
    pub fn new(images: Images, catalogue: Catalogue, clock: Clock, options: Ec2Options) -> Self {
        Self {
            images,
            catalogue,
            clock,
            options,
        }
    }

    /// Answers a request whose body has been read.
    async fn answer_read(&self, request: Request<Bytes>, id: &RequestId) -> Response<Body> {
        let (head, body) = request.into_parts();
        let query = head.uri.query().unwrap_or_default();
        let mut parameters = decode_query(query);
        if head
            .headers
            .get(header::CONTENT_TYPE)
            .is_none_or(is_form_type)
        {
            parameters.extend(decode_query(&String::from_utf8_lossy(&body)));
        }
        let headers = header_texts(&head.headers);
        let view = RequestView {
            method: head.method.as_str(),
            path: head.uri.path(),
            query,
            headers: &headers,
        };
        let now = self.clock.now();
        let caller = authenticate_query(&self.catalogue, now, &view, &parameters, &body).await;
        if let Err(QueryAuthError::Catalogue(error)) = &caller {
            tracing::error!(
                error = error as &dyn std::error::Error,
                "a signature cannot be checked"
            );
            return text(
                StatusCode::INTERNAL_SERVER_ERROR,
                "The catalogue cannot be used.\n",
            );
        }
        let host = view.header("host").unwrap_or_default();
        let context = Context {
            images: &self.images,
            endpoint: &format!("{}://{host}", self.options.scheme),
        };
        let request = Ec2Request {
            parameters,
            caller,
            request_id: id.to_string(),
        };
        answer(&context, request).await.map(full)
    }

    /// Reads a body within the bound for documents.
    async fn read(&self, body: ClientBody) -> Result<Bytes, Response<Body>> {
        let read = Limited::new(body, self.options.document_bytes).collect();
        match tokio::time::timeout(self.options.patience, read).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(text(
                StatusCode::PAYLOAD_TOO_LARGE,
                "The body of the request is too long.\n",
            )),
            Ok(Err(error)) if matches!(error.downcast_ref(), Some(BodyError::Slow)) => Err(late()),
            Ok(Err(_)) => Err(text(
                StatusCode::BAD_REQUEST,
                "The body could not be read.\n",
            )),
            Err(_) => Err(late()),
        }
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
            Ok(body) if !names_itself(&head) && !names_action(&body) => {
                text(StatusCode::BAD_REQUEST, "The form names no action.\n")
            }
            Ok(body) => self.answer_read(Request::from_parts(head, body), id).await,
            Err(response) => response,
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
    let Ok(text) = std::str::from_utf8(text) else {
        return false;
    };
    decode_query(text)
        .iter()
        .any(|(name, _)| name == "Action" || name == "Operation")
}

fn late() -> Response<Body> {
    text(
        StatusCode::REQUEST_TIMEOUT,
        "The body did not come in time.\n",
    )
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
}
