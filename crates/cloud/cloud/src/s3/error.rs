//! Errors of the store as answers of the protocol.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use s3s::{S3Error, S3ErrorCode};

use crate::store::StoreError;

/// The answer to a request that the store refuses. What went wrong inside is for the log alone.
pub(super) fn answer(error: &StoreError) -> S3Error {
    error.log();
    let code =
        S3ErrorCode::from_bytes(error.code().as_bytes()).unwrap_or(S3ErrorCode::InternalError);
    let message = if error.is_refusal() || matches!(error, StoreError::Full(_)) {
        error.to_string()
    } else {
        StoreError::Internal.to_string()
    };
    let mut answer = S3Error::with_message(code, message);
    // The protocol's layer does not know all codes, and takes those for errors of the server.
    if let Ok(status) = StatusCode::from_u16(error.status()) {
        answer.set_status_code(status);
    }
    if let StoreError::WithHeaders { headers, .. } = error {
        answer.set_headers(header_map(headers));
    }
    answer
}

fn header_map(headers: &[(&'static str, String)]) -> HeaderMap {
    headers
        .iter()
        .filter_map(|(name, text)| {
            let value = HeaderValue::from_str(text).ok()?;
            Some((HeaderName::from_static(name), value))
        })
        .collect()
}
