//! A request on its way to a front end, and its answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use http::header::{ALLOW, CONNECTION, HeaderName};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::sync::Semaphore;

use crate::body::CountedBody;
use crate::metrics::{InUse, Metrics};
use crate::readiness::{self, Readiness};
use crate::{
    Body, ClientBody, Condition, FreeSpace, FrontEnd, HttpLimits, RequestId, head_check, text,
};

/// The headers that carry the id of the request: S3's and EC2's.
const ID_HEADERS: [HeaderName; 2] = [
    HeaderName::from_static("x-amz-request-id"),
    HeaderName::from_static("x-amzn-requestid"),
];

/// The page that shows that the server answers.
const HEALTH: &str = "/healthz";
/// The page with counters.
const METRICS: &str = "/metrics";
/// The page that says whether the server should get requests.
const READY: &str = "/readyz";

/// Names of the pages that the server itself has, each a path of one segment. No front end should have anything of its own there.
pub const OWN_NAMES: [&str; 3] = ["healthz", "metrics", "readyz"];

/// Answers requests; shared by all connections.
pub(crate) struct Handler {
    pub(crate) limits: HttpLimits,
    pub(crate) metrics: Metrics,
    pub(crate) readiness: Readiness,
    pub(crate) front_ends: Vec<Box<dyn FrontEnd>>,
    pub(crate) free_space: FreeSpace,
    /// What the server is called in the log.
    pub(crate) name: String,
    /// Whether the server will end soon, so that clients should go elsewhere.
    pub(crate) draining: Arc<AtomicBool>,
    /// Requests that may still be admitted.
    pub(crate) requests: Semaphore,
}

impl Handler {
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<CountedBody> {
        let mut response = self.route(request).await;
        if self.is_draining() {
            // The client's next request goes elsewhere, and none meets a connection that is just being closed.
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
        }
        response
    }

    async fn route(&self, request: Request<Incoming>) -> Response<CountedBody> {
        let (head, body) = request.into_parts();
        if let Some(fault) = head_check::fault(&head) {
            return text(StatusCode::BAD_REQUEST, fault).map(CountedBody::uncounted);
        }
        if let Some(page) = self.own_page(&head).await {
            return page.map(CountedBody::uncounted);
        }
        let Some(front_end) = self.front_ends.iter().find(|front| front.wants(&head)) else {
            return text(StatusCode::NOT_FOUND, "Nothing is served here.\n")
                .map(CountedBody::uncounted);
        };
        let (id, start, service) = (RequestId::new(), Instant::now(), front_end.name());
        let (method, path) = (head.method.clone(), head.uri.path().to_owned());
        let body = ClientBody::new(body, &self.limits, self.metrics.received(service));
        let mut response = self.admit(front_end.as_ref(), head, body, &id).await;
        let status = response.status().as_u16();
        // Queries may carry signatures that are good for a while, so that they are not logged.
        tracing::info!(%id, %method, path, status, server = self.name, "request");
        self.metrics
            .answered(service, &method, &response, start.elapsed());
        if let Ok(value) = HeaderValue::from_str(id.as_str()) {
            for name in ID_HEADERS {
                response.headers_mut().insert(name, value.clone());
            }
        }
        let sent = self.metrics.sent(service);
        response.map(|body| CountedBody::new(body, sent))
    }

    /// The answer to a request for a page of the server itself; `None` for all others. Anything but a look at it is refused, so
    /// that nobody takes it for a bucket that has stored something.
    async fn own_page(&self, head: &Parts) -> Option<Response<Body>> {
        let is_read = matches!(head.method, Method::GET | Method::HEAD);
        match head.uri.path() {
            HEALTH | METRICS | READY if !is_read => {
                let mut refused = text(
                    StatusCode::METHOD_NOT_ALLOWED,
                    "This page can only be read.\n",
                );
                let methods = HeaderValue::from_static("GET, HEAD");
                refused.headers_mut().insert(ALLOW, methods);
                Some(refused)
            }
            HEALTH => Some(text(StatusCode::OK, "ok\n")),
            METRICS => {
                let conditions = self.conditions().await;
                Some(self.metrics.page((self.free_space)().ok(), &conditions))
            }
            READY => Some(readiness::page(&self.conditions().await)),
            _ => None,
        }
    }

    /// What must hold so that the server should get requests. A server that drains looks at nothing else.
    async fn conditions(&self) -> Vec<Condition> {
        let draining = self.is_draining().then_some("draining");
        let serving = Condition {
            name: "serving",
            fault: draining,
        };
        let mut conditions = vec![serving];
        if draining.is_none() {
            conditions.extend(self.readiness.conditions().await);
        }
        conditions
    }

    fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Has a request answered as soon as fewer than the most are worked on.
    async fn admit(
        &self,
        front_end: &dyn FrontEnd,
        head: Parts,
        body: ClientBody,
        id: &RequestId,
    ) -> Response<Body> {
        let patience = self.limits.patience;
        let place = tokio::time::timeout(patience, self.requests.acquire()).await;
        let Ok(Ok(_place)) = place else {
            return front_end.overloaded(&head, id);
        };
        let _in_use = InUse::new(&self.metrics.in_progress);
        // The tools of 2008 spoke SOAP to the same addresses, and would not understand any front end's refusal.
        if head.headers.contains_key("soapaction") {
            return text(StatusCode::BAD_REQUEST, "SOAP is not served here.\n");
        }
        front_end.answer(Request::from_parts(head, body), id).await
    }
}
