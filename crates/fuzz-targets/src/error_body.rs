//! Any bytes are what a server says when it refuses.

use gumnut_transport::TransportError;
use http::HeaderMap;

/// Longest text that is kept of an answer, in characters.
const LONGEST: usize = 1000;

/// Reads the bytes as the body of an answer with an error status: first the kind of status, then the body.
///
/// # Panics
/// When a text is kept that is longer than the limit.
pub fn error_body(bytes: &[u8]) {
    let (redirect, body) = match bytes.split_first() {
        Some((first, body)) => (first % 4 == 3, body),
        None => (false, bytes),
    };
    let status = if redirect { 307 } else { 403 };
    match TransportError::from_answer("GET bucket/key", status, &HeaderMap::new(), body) {
        TransportError::Refused(refusal) => {
            assert!(!redirect && refusal.status == status);
            short(&refusal.code);
            short(&refusal.message);
            short(refusal.request_id.as_deref().unwrap_or_default());
        }
        TransportError::Redirected { to, .. } => {
            assert!(redirect);
            short(&to);
        }
        other => panic!("an error status is a refusal or a redirection: {other}"),
    }
}

fn short(text: &str) {
    assert!(text.chars().count() <= LONGEST, "a long text was kept");
}
