//! HTTP: connections, bounds, and which service a request is for.

mod answer_body;
mod attributes;
mod checksum;
mod client_body;
mod connections;
mod cors;
mod ec2;
mod error_body;
mod form;
mod metrics;
mod object_store;
mod payload;
mod request_id;
mod routing;
mod virtual_host;

use std::sync::Arc;
use std::time::Instant;

use http::header::HeaderName;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use s3s::Body;
use s3s::service::S3Service;
use tokio::sync::Semaphore;

use crate::state::State;
use crate::store::StoreError;
use client_body::ClientBody;
use metrics::{InUse, Metrics};

pub(crate) use checksum::Confirmed;
pub(crate) use connections::Server;
pub(crate) use ec2::Ec2Request;
pub(crate) use form::FormAcl;
pub(crate) use metrics::RefusalCode;
pub(crate) use payload::PayloadError;
use request_id::RequestId;
use routing::Service;

/// The headers that carry the id of the request: the object store's and that of the EC2 side.
const ID_HEADERS: [HeaderName; 2] = [
    HeaderName::from_static("x-amz-request-id"),
    HeaderName::from_static("x-amzn-requestid"),
];

/// Answers requests; shared by all connections.
pub(crate) struct Handler {
    state: Arc<State>,
    s3: S3Service,
    metrics: Metrics,
    /// Requests that may still be taken up.
    requests: Semaphore,
}

impl Handler {
    pub(crate) fn new(state: Arc<State>) -> Self {
        let s3 = crate::s3::service(&state);
        let requests = Semaphore::new(state.config.limits.requests);
        Self {
            state,
            s3,
            metrics: Metrics::new(),
            requests,
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        match request.uri().path() {
            "/healthz" => return text(StatusCode::OK, "ok\n"),
            "/metrics" => return self.metrics.page(self.state.data_dir.path()),
            _ => {}
        }
        let id = RequestId::new();
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let (service, start) = (routing::service(&request), Instant::now());
        let name = service.name();
        let received = self.metrics.received(name);
        let limits = &self.state.config.limits;
        let request = request.map(|body| ClientBody::new(body, limits, received));
        let mut response = self.take_up(request, service, &id).await;
        let status = response.status().as_u16();
        // Queries may carry signatures that are good for a while, so that they are not logged.
        tracing::info!(%id, %method, path, status, "request");
        self.metrics
            .answered(name, &method, &response, start.elapsed());
        if let Ok(value) = HeaderValue::from_str(id.as_str()) {
            for name in ID_HEADERS {
                response.headers_mut().insert(name, value.clone());
            }
        }
        let sent = self.metrics.sent(name);
        response.map(|body| answer_body::counted(body, sent))
    }

    /// Answers as soon as fewer requests than the most are worked on.
    async fn take_up(
        &self,
        request: Request<ClientBody>,
        service: Service,
        id: &RequestId,
    ) -> Response<Body> {
        let patience = self.state.config.limits.patience;
        let place = tokio::time::timeout(patience, self.requests.acquire()).await;
        let Ok(Ok(_place)) = place else {
            let asked = error_body::Asked {
                method: request.method(),
                resource: request.uri().path(),
                id,
            };
            return asked.refuse(&StoreError::SlowDown.into());
        };
        let _in_use = InUse::new(&self.metrics.in_progress);
        if request.headers().contains_key("soapaction") {
            return text(StatusCode::BAD_REQUEST, "SOAP is not served here.\n");
        }
        match service {
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
