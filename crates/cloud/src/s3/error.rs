//! Errors of the store as answers of the protocol.

use s3s::{S3Error, S3ErrorCode};

use crate::store::StoreError;

/// The answer to a request that the store refuses. What went wrong inside is for the log alone.
pub(super) fn answer(error: &StoreError) -> S3Error {
    log(error);
    let code =
        S3ErrorCode::from_bytes(error.code().as_bytes()).unwrap_or(S3ErrorCode::InternalError);
    let message = match error {
        StoreError::Refused { .. } | StoreError::Argument { .. } | StoreError::Full(_) => {
            error.to_string()
        }
        _ => StoreError::Internal.to_string(),
    };
    let mut answer = S3Error::with_message(code, message);
    if answer.status_code().is_none() {
        answer.set_status_code(match error.code() {
            "NoSuchPublicAccessBlockConfiguration" => http::StatusCode::NOT_FOUND,
            _ => http::StatusCode::BAD_REQUEST,
        });
    }
    answer
}

/// Logs an error that is the server's own.
pub(crate) fn log(error: &StoreError) {
    match error {
        StoreError::Refused { .. } | StoreError::Argument { .. } => {}
        other => tracing::error!(error = other as &dyn std::error::Error, "the store failed"),
    }
}
