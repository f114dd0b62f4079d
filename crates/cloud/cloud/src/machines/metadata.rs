//! The metadata service of instances: requests come over the network of instances.

use std::num::NonZeroU8;
use std::sync::Arc;
use std::time::SystemTime;

use gumnut_cloud_http::serve_stream;
use gumnut_cloud_metadata::{Request, Service};
use gumnut_cloud_network::{Arrival, Arrivals, HopLimit};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use tokio::task::JoinSet;

use super::wiring::Wiring;

/// Answers the requests of all instances until the network is gone.
pub(super) async fn serve(mut arrivals: Arrivals, wiring: Arc<Wiring>, service: Service) {
    let service = Arc::new(service);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            arrival = arrivals.next() => match arrival {
                Some(arrival) => {
                    connections.spawn(connection(arrival, Arc::clone(&wiring), Arc::clone(&service)));
                }
                None => return,
            },
            // So that those that are over are not kept.
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(arrival: Arrival, wiring: Arc<Wiring>, service: Arc<Service>) {
    let (guest, hops) = (arrival.guest, arrival.stream.hop_limit());
    serve_stream(arrival.stream, move |head| {
        // Looked up for each request: tags and options may change.
        match wiring.metadata(&guest) {
            Some(instance) => answer(&service, &instance, head, &hops),
            None => status(StatusCode::SERVICE_UNAVAILABLE),
        }
    })
    .await;
}

fn answer(
    service: &Service,
    instance: &gumnut_cloud_metadata::Instance,
    head: &Parts,
    hops: &HopLimit,
) -> Response<Vec<u8>> {
    let values: Vec<_> = head
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())))
        .collect();
    let headers: Vec<_> = values
        .iter()
        .map(|(name, value)| (*name, value.as_ref()))
        .collect();
    let request = Request {
        method: head.method.as_str(),
        path: head.uri.path(),
        headers: &headers,
    };
    let given = service.answer(instance, &request, SystemTime::now());
    if let Some(limit) = given.hop_limit.and_then(NonZeroU8::new) {
        hops.set(limit);
    }
    let mut response = Response::new(given.body);
    *response.status_mut() =
        StatusCode::from_u16(given.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in given.headers {
        let name = HeaderName::from_static(name);
        match HeaderValue::try_from(value) {
            Ok(value) => {
                response.headers_mut().insert(name, value);
            }
            Err(_) => return status(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
    response
}

fn status(status: StatusCode) -> Response<Vec<u8>> {
    let mut response = Response::new(Vec::new());
    *response.status_mut() = status;
    response
}
