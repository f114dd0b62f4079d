//! Errors of the store as answers of the protocol.

use gumnut_cloud_objects::ObjectError;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use s3s::{S3Error, S3ErrorCode};

/// The answer to a request that the store refuses. What went wrong inside is for the log alone.
pub(super) fn answer(error: &ObjectError) -> S3Error {
    error.log();
    let code =
        S3ErrorCode::from_bytes(error.code().as_bytes()).unwrap_or(S3ErrorCode::InternalError);
    let mut answer = S3Error::with_message(code, error.message());
    // The protocol's layer does not know all codes, and takes those for errors of the server.
    if let Ok(status) = StatusCode::from_u16(error.status()) {
        answer.set_status_code(status);
    }
    if !error.headers().is_empty() {
        answer.set_headers(header_map(error.headers()));
    }
    answer
}

/// Headers whose values HTTP cannot carry are left out.
fn header_map(headers: &[(&'static str, String)]) -> HeaderMap {
    headers
        .iter()
        .filter_map(|(name, text)| {
            let value = HeaderValue::from_str(text).ok()?;
            Some((HeaderName::from_static(name), value))
        })
        .collect()
}
