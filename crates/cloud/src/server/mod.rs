//! HTTP: connections, bounds, and which service a request is for.

mod checksum;
mod connections;
mod cors;
mod ec2;
mod error_body;
mod form;
mod object_store;
mod payload;
mod request_id;
mod routing;
mod virtual_host;

use std::sync::Arc;
use std::time::Duration;

use http::header::HeaderName;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use s3s::Body;
use s3s::service::S3Service;

use crate::state::State;

pub(crate) use checksum::Confirmed;
pub(crate) use connections::Server;
pub(crate) use ec2::Ec2Request;
pub(crate) use form::FormAcl;
pub(crate) use payload::PayloadError;
use request_id::RequestId;
use routing::Service;

/// The headers that carry the id of the request: the object store's and that of the EC2 side.
const ID_HEADERS: [HeaderName; 2] = [
    HeaderName::from_static("x-amz-request-id"),
    HeaderName::from_static("x-amzn-requestid"),
];
/// How long a client may take to send a document or a form.
const PATIENCE: Duration = Duration::from_mins(1);

/// Answers requests; shared by all connections.
pub(crate) struct Handler {
    state: Arc<State>,
    s3: S3Service,
}

impl Handler {
    pub(crate) fn new(state: Arc<State>) -> Self {
        let s3 = crate::s3::service(&state);
        Self { state, s3 }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let id = RequestId::new();
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let mut response = self.route(request, &id).await;
        // Queries may carry signatures that are good for a while, so that they are not logged.
        tracing::info!(%id, %method, path, status = response.status().as_u16(), "request");
        if let Ok(value) = HeaderValue::from_str(id.as_str()) {
            for name in ID_HEADERS {
                response.headers_mut().insert(name, value.clone());
            }
        }
        response
    }

    async fn route(&self, request: Request<Incoming>, id: &RequestId) -> Response<Body> {
        if request.uri().path() == "/healthz" {
            return text(StatusCode::OK, "ok\n");
        }
        if request.headers().contains_key("soapaction") {
            return text(StatusCode::BAD_REQUEST, "SOAP is not served here.\n");
        }
        match routing::service(&request) {
            Service::ObjectStore { prefix } => {
                object_store::answer(self, request, prefix, id).await
            }
            Service::Ec2 => ec2::answer(&self.state, request, id).await,
            Service::Form => ec2::answer_form(&self.state, request, id).await,
        }
    }
}

/// Headers as signatures see them. A value that is not text is taken for Latin-1.
fn headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| {
        let bytes = value.as_bytes();
        std::str::from_utf8(bytes).map_or_else(
            |_| bytes.iter().copied().map(char::from).collect(),
            str::to_owned,
        )
    };
    headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), text(value)))
        .collect()
}

/// A short answer outside the protocols.
fn text(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(bytes::Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, plain);
    response
}
