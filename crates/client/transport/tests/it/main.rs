//! The transport against servers that are not there, speak something else, break, or have another clock.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod clock;
mod reach;
mod server;
mod trace;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use gumnut_signing::{AccessKeyId, Credentials};
use gumnut_transport::{
    Auth, Body, Request, RetryPolicy, SignatureVersion, Trace, TraceEvent, Transport,
    TransportConfig,
};
use gumnut_types::SecretString;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// Keeps what it receives.
#[derive(Debug, Default)]
struct Told(Mutex<Vec<String>>);

impl Told {
    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Trace for Told {
    fn happens(&self, event: &TraceEvent<'_>) {
        let line = match event {
            TraceEvent::Changing { origin } => format!("changing {origin}"),
            TraceEvent::Answered {
                method,
                url,
                action,
                status,
                ..
            } => format!("{method} {url} {action:?} {status}"),
            TraceEvent::Unanswered { method, url, .. } => format!("{method} {url} -"),
            TraceEvent::Again { retry, retries, .. } => format!("again {retry} of {retries}"),
            TraceEvent::ClockCorrected { ahead, .. } => format!("clock {}", ahead / 60),
            other => format!("{other:?}"),
        };
        self.0.lock().unwrap().push(line);
    }
}

/// A configuration whose waits are of no length: what is tested is that there are attempts.
fn config(told: &Arc<Told>) -> TransportConfig {
    let credentials = Credentials::new(AccessKeyId::new("AKIDEXAMPLE"), SecretString::new(SECRET));
    let region = "us-east-1".to_owned();
    let mut config = TransportConfig::new(Some(credentials), SignatureVersion::V4 { region });
    config.retry = RetryPolicy {
        base: Duration::from_millis(1),
        cap: Duration::from_millis(1),
        ..RetryPolicy::default()
    };
    config.trace = Some(Arc::clone(told) as _);
    config
}

fn transport(told: &Arc<Told>) -> Transport {
    Transport::new(config(told)).unwrap()
}

fn request(method: &str, url: &str) -> Request {
    Request {
        what: format!("{method} {url}"),
        method: method.parse().unwrap(),
        url: url.parse().unwrap(),
        headers: Vec::new(),
        body: Body::empty(),
        auth: Auth::S3,
        once: false,
    }
}
