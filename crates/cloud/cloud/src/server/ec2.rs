//! Requests to the EC2 side: their parameters and their signature.

use bytes::Bytes;
use gumnut_signing::{RequestView, decode_query};
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use s3s::Body;

use super::client_body::BodyError;
use super::{ClientBody, RequestId, routing, text};
use crate::auth::{AuthFailure, Caller, query};
use crate::state::State;

/// A request to the EC2 side: its body is read, its signature has been looked at.
#[derive(Debug)]
pub(crate) struct Ec2Request {
    /// Decoded parameters, those of the query before those of the form.
    pub(crate) parameters: Vec<(String, String)>,
    /// Who asks, or why that is not known.
    pub(crate) caller: Result<Caller, AuthFailure>,
    /// Where the client has found the cloud: `http://127.0.0.1:8773`.
    pub(crate) endpoint: String,
    /// The id that the answer and the log carry.
    pub(crate) request_id: String,
}

/// Answers a request.
pub(super) async fn answer(
    state: &State,
    request: Request<ClientBody>,
    id: &RequestId,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    match read(state, body).await {
        Ok(body) => answer_read(state, Request::from_parts(parts, body), id).await,
        Err(response) => response,
    }
}

/// Answers a form on a path that says nothing.
pub(super) async fn answer_form(
    state: &State,
    request: Request<ClientBody>,
    id: &RequestId,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    match read(state, body).await {
        Ok(body) if routing::names_action(&body) => {
            answer_read(state, Request::from_parts(parts, body), id).await
        }
        Ok(_) => text(StatusCode::BAD_REQUEST, "The form names no action.\n"),
        Err(response) => response,
    }
}

/// Answers a request whose body has been read.
async fn answer_read(state: &State, request: Request<Bytes>, id: &RequestId) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let query = parts.uri.query().unwrap_or_default();
    let mut parameters = decode_query(query);
    let content_type = parts.headers.get(header::CONTENT_TYPE);
    let is_form = content_type.is_none_or(|value| {
        value
            .as_bytes()
            .starts_with(b"application/x-www-form-urlencoded")
    });
    if is_form {
        parameters.extend(decode_query(&String::from_utf8_lossy(&body)));
    }
    let headers = super::headers(&parts.headers);
    let view = RequestView {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query,
        headers: &headers,
    };
    let now = state.config.clock.now();
    let caller = query::verify(&state.catalogue, now, &view, &parameters, &body).await;
    let caller = match caller {
        Ok(caller) => caller,
        Err(error) => {
            crate::s3::log(&error);
            return text(
                StatusCode::INTERNAL_SERVER_ERROR,
                "The catalogue cannot be used.\n",
            );
        }
    };
    let host = view.header("host").unwrap_or_default();
    let request = Ec2Request {
        endpoint: format!("{}://{host}", state.config.scheme()),
        parameters,
        caller,
        request_id: id.to_string(),
    };
    crate::ec2::handle(state, request)
        .await
        .map(|body| Body::from(Bytes::from(body)))
}

/// Reads a body within the bound for documents.
async fn read(state: &State, body: ClientBody) -> Result<Bytes, Response<Body>> {
    let limit = state.config.limits.document_bytes;
    let read = Limited::new(body, limit).collect();
    let read = tokio::time::timeout(state.config.limits.patience, read).await;
    match read {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(text(
            StatusCode::PAYLOAD_TOO_LARGE,
            "The body of the request is too long.\n",
        )),
        Ok(Err(error)) if is_slow(error.as_ref()) => Err(late()),
        Ok(Err(_)) => Err(text(
            StatusCode::BAD_REQUEST,
            "The body could not be read.\n",
        )),
        Err(_) => Err(late()),
    }
}

fn is_slow(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    matches!(error.downcast_ref(), Some(BodyError::Slow))
}

fn late() -> Response<Body> {
    let say = "The body did not come in time.\n";
    text(StatusCode::REQUEST_TIMEOUT, say)
}
