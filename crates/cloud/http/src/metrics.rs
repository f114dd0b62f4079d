//! What the cloud counts of itself, for Prometheus. Labels have few values, none of them from a request: no names of
//! buckets, no keys.

use std::time::Duration;

use http::{HeaderValue, Method, Response, StatusCode, header};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::body::{Body, full};
use crate::{Condition, Instruments};

/// What the text is that is answered.
const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// Codes of refusals that say something about the cloud or its clients' keys; all others are one.
const CODES: [&str; 9] = [
    "AccessDenied",
    "AuthFailure",
    "InsufficientStorage",
    "InternalError",
    "InvalidAccessKeyId",
    "RequestTimeTooSkewed",
    "RequestTimeout",
    "SignatureDoesNotMatch",
    "SlowDown",
];

/// The code of a refusal, which travels with the answer, as an extension of it, to be counted.
#[derive(Clone, Copy, Debug)]
pub struct RefusalCode(&'static str);

impl RefusalCode {
    /// The label of a code: the code itself if it says something about the cloud or its clients' keys, `other` for all others.
    pub fn of(code: &str) -> Self {
        let known = CODES.into_iter().find(|known| *known == code);
        Self(known.unwrap_or("other"))
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    service: &'static str,
    method: &'static str,
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ServiceLabels {
    service: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabels {
    service: &'static str,
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ConditionLabels {
    condition: &'static str,
}

/// Everything that is counted.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    refusals: Family<RefusalLabels, Counter>,
    seconds: Family<ServiceLabels, Histogram>,
    received: Family<ServiceLabels, Counter>,
    sent: Family<ServiceLabels, Counter>,
    free: Gauge,
    ready: Gauge,
    conditions: Family<ConditionLabels, Gauge>,
    pub(crate) in_progress: Gauge,
    pub(crate) connections: Gauge,
}

/// Something of which there is one more as long as this lives.
pub(crate) struct InUse(Gauge);

impl InUse {
    pub(crate) fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// Those of a server of this name, together with others.
    pub(crate) fn new(name: &str, instruments: Instruments) -> Self {
        // From a millisecond to nine minutes.
        let histogram: fn() -> Histogram = || Histogram::new(exponential_buckets(0.001, 3.0, 13));
        let seconds = Family::new_with_constructor(histogram);
        let mut metrics = Self {
            registry: instruments.registry,
            requests: Family::default(),
            refusals: Family::default(),
            seconds,
            received: Family::default(),
            sent: Family::default(),
            free: Gauge::default(),
            ready: Gauge::default(),
            conditions: Family::default(),
            in_progress: Gauge::default(),
            connections: Gauge::default(),
        };
        metrics.register(name);
        metrics
    }

    fn register(&mut self, name: &str) {
        let registry = &mut self.registry;
        let labels = [
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("name", name.to_owned()),
        ];
        registry.register("build", "The program", Info::new(labels));
        registry.register(
            "requests",
            "Requests that were answered",
            self.requests.clone(),
        );
        registry.register(
            "refusals",
            "Requests that were refused, by the code of the refusal",
            self.refusals.clone(),
        );
        registry.register_with_unit(
            "request_duration",
            "From the head of a request to that of its answer",
            Unit::Seconds,
            self.seconds.clone(),
        );
        registry.register_with_unit(
            "received",
            "Bodies of requests",
            Unit::Bytes,
            self.received.clone(),
        );
        registry.register_with_unit("sent", "Bodies of answers", Unit::Bytes, self.sent.clone());
        registry.register(
            "requests_in_progress",
            "Requests that are being worked on",
            self.in_progress.clone(),
        );
        registry.register(
            "connections",
            "Connections that are open",
            self.connections.clone(),
        );
        registry.register_with_unit(
            "disk_free",
            "Free space on the disk of the data directory",
            Unit::Bytes,
            self.free.clone(),
        );
        registry.register(
            "ready",
            "Whether the server should get requests: 1 or 0",
            self.ready.clone(),
        );
        registry.register(
            "ready_condition",
            "Whether a condition for that holds: 1 or 0",
            self.conditions.clone(),
        );
    }

    /// The counter of what clients send to a service.
    pub(crate) fn received(&self, service: &'static str) -> Counter {
        self.received
            .get_or_create(&ServiceLabels { service })
            .clone()
    }

    /// The counter of what clients get from a service.
    pub(crate) fn sent(&self, service: &'static str) -> Counter {
        self.sent.get_or_create(&ServiceLabels { service }).clone()
    }

    /// Counts an answer.
    pub(crate) fn answered(
        &self,
        service: &'static str,
        method: &Method,
        response: &Response<Body>,
        time: Duration,
    ) {
        let labels = RequestLabels {
            service,
            method: method_label(method),
            status: status_label(response.status()),
        };
        self.requests.get_or_create(&labels).inc();
        if let Some(RefusalCode(code)) = response.extensions().get().copied() {
            let labels = RefusalLabels { service, code };
            self.refusals.get_or_create(&labels).inc();
        }
        let labels = ServiceLabels { service };
        self.seconds
            .get_or_create(&labels)
            .observe(time.as_secs_f64());
    }

    /// The page that Prometheus reads. `free_space` is in bytes; `None` where it is not known.
    pub(crate) fn page(&self, free_space: Option<u64>, conditions: &[Condition]) -> Response<Body> {
        for Condition { name, fault } in conditions {
            let labels = ConditionLabels { condition: name };
            let holds = i64::from(fault.is_none());
            self.conditions.get_or_create(&labels).set(holds);
        }
        let all = conditions.iter().all(|it| it.fault.is_none());
        self.ready.set(i64::from(all));
        if let Some(free) = free_space {
            self.free.set(i64::try_from(free).unwrap_or(i64::MAX));
        }
        let mut page = String::new();
        if let Err(error) = text::encode(&mut page, &self.registry) {
            tracing::error!(%error, "the metrics cannot be written");
        }
        let mut response = Response::new(full(page));
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, OPEN_METRICS);
        response
    }
}

fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::PUT => "PUT",
        Method::POST => "POST",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

fn status_label(status: StatusCode) -> &'static str {
    match status.as_u16() {
        100..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        _ => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_invents_makes_no_label() {
        let invented = Method::from_bytes(b"INVENTED").unwrap();
        assert_eq!(method_label(&invented), "other");
        assert_eq!(RefusalCode::of("Invented").0, "other");
        assert_eq!(RefusalCode::of("SlowDown").0, "SlowDown");
    }
}
