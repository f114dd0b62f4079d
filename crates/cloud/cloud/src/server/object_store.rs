//! Requests to the object store: the signature is checked and taken off here, with the path as the client sent it;
//! the protocol behind sees an unsigned request and who has sent it.

use std::time::Duration;

use bytes::Bytes;
use data_encoding::BASE64;
use gumnut_signing::{RequestView, percent_decode};
use http::header::{CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, EXPECT, HOST, HeaderName};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Limited};
use md5::{Digest as _, Md5};
use s3s::Body;

use super::checksum::Checksums;
use super::error_body::Asked;
use super::payload::{CheckedBody, Loan, PayloadError, Rest};
use super::{ClientBody, Handler, RequestId, attributes, cors, form, virtual_host};
use crate::auth::{Payload, Refusal, object_store};
use crate::store::StoreError;

/// Most bytes that are read off after a refusal, so that the client gets to hear it.
const MAX_DRAIN: usize = 64 << 20;
/// How long reading off may take.
const DRAIN_TIME: Duration = Duration::from_secs(10);

/// By this header a client insists that the bucket is of the account it thinks of.
const EXPECTED_OWNER: &str = "x-amz-expected-bucket-owner";
/// The encoding of bodies whose chunks are signed one by one.
const CHUNKED: &str = "aws-chunked";
/// Headers of signatures, which the protocol must not see.
const SIGNATURE_HEADERS: [&str; 4] = [
    "authorization",
    "x-amz-content-sha256",
    "x-amz-decoded-content-length",
    "x-amz-trailer",
];
/// The same for parameters, in lower case.
const SIGNATURE_PARAMETERS: [&str; 11] = [
    "awsaccesskeyid",
    "expires",
    "signature",
    "x-amz-algorithm",
    "x-amz-content-sha256",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-signedheaders",
];

/// Answers a request below `prefix`.
pub(super) async fn answer(
    handler: &Handler,
    request: Request<ClientBody>,
    prefix: &'static str,
    id: &RequestId,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path()[prefix.len()..].to_owned();
    let path = if path.is_empty() {
        "/".to_owned()
    } else {
        path
    };
    let path = with_bucket_of_host(handler, &parts, prefix, path);
    let method = parts.method.clone();
    let asked = Asked {
        method: &method,
        resource: &path,
        id,
    };
    let page = cors::Page::of(&method, &parts.headers, &path);
    let allowed = match &page {
        Some(page) => page.allowed(&handler.state).await,
        None => Ok(None),
    };
    if method == Method::OPTIONS {
        return match allowed {
            Ok(Some(headers)) => preflight(headers),
            Ok(None) => {
                let refusal = page.map_or_else(cors_without_origin, |page| page.refusal());
                asked.refuse(&refusal.into())
            }
            Err(error) => asked.refuse(&error.into()),
        };
    }
    let is_form = form::is_form(&method, &parts.headers);
    let of_attributes = attributes::is_asked(&method, &parts.uri);
    let (loan, mut rest) = Loan::new(body, asks_first(&parts.headers));
    let mut response = match prepare(handler, parts, &path, loan).await {
        Ok(request) => match handler.s3.call(request).await {
            Ok(response) => asked.complete(response).await,
            Err(error) => {
                tracing::error!(?error, "the protocol layer failed");
                asked.refuse(&StoreError::Internal.into())
            }
        },
        Err(refusal) => asked.refuse(&refusal),
    };
    if is_form {
        form::quote_tag(response.headers_mut());
    }
    if of_attributes {
        attributes::bare_tag(&mut response);
    }
    if let Ok(Some(headers)) = allowed {
        response.headers_mut().extend(headers);
    }
    match rest.try_recv() {
        Ok(Rest::Coming(body)) => drain(body).await,
        // It may send the body all the same, which must not be taken for its next request.
        Ok(Rest::Unasked) => {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
        }
        Err(_) => {}
    }
    response
}

/// Whether the client waits to be told to send its body.
fn asks_first(headers: &HeaderMap) -> bool {
    headers
        .get(EXPECT)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// The path with the bucket in front that the host names, if it names one.
fn with_bucket_of_host(handler: &Handler, parts: &Parts, prefix: &str, path: String) -> String {
    let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
    let domains = &handler.state.config.domains;
    let bucket = host.and_then(|host| virtual_host::bucket(host, domains));
    match bucket.filter(|_| prefix.is_empty()) {
        Some(bucket) => format!("/{bucket}{path}"),
        None => path,
    }
}

/// The answer to a browser that asks before it sends.
fn preflight(headers: HeaderMap) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.headers_mut() = headers;
    response
}

fn cors_without_origin() -> StoreError {
    StoreError::BadRequest.saying("Insufficient information. Origin request header needed.")
}

/// Checks who asks, and makes the request that the protocol sees.
async fn prepare(
    handler: &Handler,
    mut parts: Parts,
    path: &str,
    loan: Loan,
) -> Result<Request<Body>, Refusal> {
    if path == "/" && !matches!(parts.method, Method::GET | Method::HEAD) {
        return Err(StoreError::MethodNotAllowed.into());
    }
    let state = &handler.state;
    let headers = super::headers(&parts.headers);
    let view = RequestView {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        headers: &headers,
    };
    let now = state.config.clock.now();
    let patience = state.config.limits.patience;
    let (identity, payload) = object_store::verify(&state.catalogue, now, &view, path).await?;

    if let Some(owner) = view.header(EXPECTED_OWNER) {
        let bucket = path.trim_start_matches('/').split('/').next();
        let bucket = bucket.unwrap_or_default().to_owned();
        state.store.check_owner(bucket, owner.to_owned()).await?;
    }

    let expected = match payload {
        Payload::Chunks(_) => Some(unwrap_chunked_headers(&mut parts.headers)?),
        Payload::Unchecked | Payload::Sha256(_) => None,
    };
    unwrap_encoding(&mut parts.headers);
    // The checksum that ends an upload in parts is of the object, not of the list of parts.
    let ends_upload = parts.method == Method::POST && has_parameter(view.query, "uploadId");
    let pairs = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let checksums = if ends_upload {
        Checksums::default()
    } else {
        Checksums::of(pairs)
    };
    parts.extensions.insert(identity);
    parts.extensions.insert(checksums.confirmed());
    let is_form = form::is_form(&parts.method, &parts.headers);
    let streamed = is_streamed(&parts, path);
    strip(&mut parts, path)?;

    let md5 = sent_md5(&parts.headers)?;
    let body = CheckedBody::new(loan, payload, checksums, expected);
    let body = if streamed {
        Body::http_body_unsync(body)
    } else if is_form {
        let body = collect(body, crate::s3::MAX_FORM, patience).await?;
        let form = form::read(&parts.headers, body)?;
        if let Some(acl) = form.acl {
            parts.extensions.insert(acl);
        }
        Body::from(form.body)
    } else {
        let body = collect(body, state.config.limits.document_bytes, patience).await?;
        if let Some(sent) = md5 {
            check_md5(&sent, &body)?;
        }
        Body::from(body)
    };
    Ok(Request::from_parts(parts, body))
}

/// Whether the body is the content of an object; all others are documents and forms.
fn is_streamed(parts: &Parts, path: &str) -> bool {
    let query = parts.uri.query().unwrap_or_default();
    let key = path.trim_start_matches('/').split_once('/');
    let is_object = key.is_some_and(|(_, key)| !key.is_empty());
    let document = ["acl", "legal-hold", "retention", "tagging"];
    let is_document = document.iter().any(|name| has_parameter(query, name));
    parts.method == Method::PUT && is_object && !is_document
}

/// Whether a query has a parameter, with or without a value.
pub(super) fn has_parameter(query: &str, name: &str) -> bool {
    query
        .split('&')
        .any(|pair| pair.split_once('=').map_or(pair, |(name, _)| name) == name)
}

/// The digest in `Content-MD5`; one that is empty is none.
fn sent_md5(headers: &HeaderMap) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(value) = headers.get("content-md5") else {
        return Ok(None);
    };
    let sent = BASE64.decode(value.as_bytes().trim_ascii()).ok();
    let sent = sent.filter(|sent| sent.len() == 16);
    sent.map(Some).ok_or(StoreError::InvalidDigest)
}

/// Compares a document with its `Content-MD5`; objects are compared where they are stored.
fn check_md5(sent: &[u8], document: &[u8]) -> Result<(), StoreError> {
    if *sent == Md5::digest(document)[..] {
        Ok(())
    } else {
        Err(StoreError::BadDigest)
    }
}

async fn collect(body: CheckedBody, limit: usize, patience: Duration) -> Result<Bytes, StoreError> {
    let read = tokio::time::timeout(patience, Limited::new(body, limit).collect()).await;
    match read.map_err(|_| StoreError::Timeout)? {
        Ok(read) => Ok(read.to_bytes()),
        Err(error) => Err(match error.downcast_ref::<PayloadError>() {
            Some(error) => error.into(),
            None => StoreError::DocumentTooLarge,
        }),
    }
}

/// Makes the headers those of the content, and gives its length.
fn unwrap_chunked_headers(headers: &mut HeaderMap) -> Result<u64, StoreError> {
    let length = headers.get("x-amz-decoded-content-length");
    let length = length.ok_or(StoreError::MissingContentLength)?;
    let text = length
        .to_str()
        .ok()
        .filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
    let length: u64 = text
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| StoreError::argument("Invalid x-amz-decoded-content-length"))?;
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    Ok(length)
}

/// Takes the encoding off that is one of the way and not of the content. Clients name it for bodies that have it and
/// for some that have not.
fn unwrap_encoding(headers: &mut HeaderMap) {
    let encoding = headers.get(CONTENT_ENCODING);
    let Some(encoding) = encoding.and_then(|value| value.to_str().ok()) else {
        return;
    };
    let encodings = encoding.split(',').map(str::trim);
    if !encodings.clone().any(|name| name == CHUNKED) {
        return;
    }
    let kept: Vec<_> = encodings.filter(|name| *name != CHUNKED).collect();
    let kept = kept.join(", ");
    if kept.is_empty() {
        headers.remove(CONTENT_ENCODING);
    } else if let Ok(value) = HeaderValue::from_str(&kept) {
        headers.insert(CONTENT_ENCODING, value);
    }
}

/// Takes the signature and the prefix of the service off. Parameters that stand for headers become headers.
fn strip(parts: &mut Parts, path: &str) -> Result<(), StoreError> {
    for name in SIGNATURE_HEADERS {
        parts.headers.remove(name);
    }
    let mut kept = Vec::new();
    for pair in parts.uri.query().unwrap_or_default().split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let lower = name.to_ascii_lowercase();
        if pair.is_empty() || SIGNATURE_PARAMETERS.contains(&lower.as_str()) {
            continue;
        }
        if lower.starts_with("x-amz-") {
            let name = HeaderName::from_bytes(lower.as_bytes());
            let value = HeaderValue::from_str(&percent_decode(value));
            if let (Ok(name), Ok(value)) = (name, value) {
                parts.headers.entry(name).or_insert(value);
            }
            continue;
        }
        kept.push(pair);
    }
    let target = if kept.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{}", kept.join("&"))
    };
    parts.uri = Uri::try_from(target).map_err(|_| StoreError::InvalidUri)?;
    Ok(())
}

/// Reads off what a client is still sending after its request was refused.
async fn drain(mut body: ClientBody) {
    let read = async {
        let mut left = MAX_DRAIN;
        while left > 0
            && !body.is_end_stream()
            && let Some(Ok(frame)) = body.frame().await
        {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
        }
    };
    // A client that goes on for longer has to do without the answer.
    let _ = tokio::time::timeout(DRAIN_TIME, read).await;
}
