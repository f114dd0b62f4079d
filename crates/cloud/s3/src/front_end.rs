//! A request to the object store, from the listener to the protocol's layer and back. The signature is checked here and taken
//! off, with the path as the client sent it; the layer behind sees an unsigned request and who has sent it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use data_encoding::BASE64;
use gumnut_cloud_accounts::{Payload, authenticate_object_store};
use gumnut_cloud_catalogue::Catalogue;
use gumnut_cloud_http::{Body, ClientBody, FrontEnd, RequestId, header_texts};
use gumnut_cloud_objects::{ObjectError, ObjectStore};
use gumnut_signing::RequestView;
use http::header::HOST;
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt as _, Limited};
use md5::{Digest as _, Md5};
use s3s::service::S3Service;

use crate::auth_refusal::Refusal;
use crate::context::RequestContext;
use crate::head::{Content, strip, unwrap_chunked_headers, unwrap_encoding};
use crate::patches::{ErrorContext, Patches, form};
use crate::payload::{BorrowedBody, CheckedBody, PayloadError};
use crate::preflight::Cors;
use crate::sent_checksums::SentChecksums;
use crate::{MAX_FORM, S3Options, operations, virtual_host};

/// By this header a client insists that the bucket is of the account it thinks of.
const EXPECTED_OWNER: &str = "x-amz-expected-bucket-owner";

/// The object store as clients of S3 and Walrus know it. Clones share it.
#[derive(Clone)]
pub struct S3FrontEnd {
    /// The path below which it answers: empty, or one without a slash at its end.
    prefix: &'static str,
    store: ObjectStore,
    catalogue: Catalogue,
    options: Arc<S3Options>,
    protocol: S3Service,
}

impl S3FrontEnd {
    /// A front end that answers every request.
    ///
    /// Callers are the users of the catalogue, on which the store should stand too.
    pub fn new(store: ObjectStore, catalogue: Catalogue, options: S3Options) -> Self {
        let options = Arc::new(options);
        let protocol = operations::service(&store, &catalogue, &options);
        Self {
            prefix: "",
            store,
            catalogue,
            options,
            protocol,
        }
    }

    /// This front end for the paths below a prefix: `/services/Walrus`.
    #[must_use]
    pub fn below(&self, prefix: &'static str) -> Self {
        Self {
            prefix,
            ..self.clone()
        }
    }

    /// The path behind the prefix, with the bucket in front if the host names one: `/BUCKET/KEY`.
    fn resolve(&self, head: &Parts) -> String {
        let path = match &head.uri.path()[self.prefix.len()..] {
            "" => "/",
            path => path,
        };
        let host = head.headers.get(HOST).and_then(|host| host.to_str().ok());
        let bucket = host
            .filter(|_| self.prefix.is_empty())
            .and_then(|host| virtual_host::bucket(host, &self.options.domains));
        match bucket {
            Some(bucket) => format!("/{bucket}{path}"),
            None => path.to_owned(),
        }
    }

    /// Checks who asks and what is sent, and makes the request that the protocol's layer sees.
    async fn prepare(
        &self,
        mut head: Parts,
        path: &str,
        body: BorrowedBody,
    ) -> Result<Request<s3s::Body>, Refusal> {
        if path == "/" && !matches!(head.method, Method::GET | Method::HEAD) {
            return Err(ObjectError::MethodNotAllowed.into());
        }
        // Before anything of the head is changed: what was signed is the head as it came.
        let sent = header_texts(&head.headers);
        let view = RequestView {
            method: head.method.as_str(),
            path: head.uri.path(),
            query: head.uri.query().unwrap_or_default(),
            headers: &sent,
        };
        let now = self.options.clock.now();
        let (caller, payload) = authenticate_object_store(&self.catalogue, now, &view, path)
            .await
            .map_err(|error| Refusal::of_auth(error, view.query))?;
        // Behind the signature, so that nobody learns whose a bucket is by a wrong one.
        if let Some(owner) = view.header(EXPECTED_OWNER) {
            self.check_owner(path, owner).await?;
        }

        let expected = match payload {
            Payload::Chunks(_) => Some(unwrap_chunked_headers(&mut head.headers)?),
            Payload::Unchecked | Payload::Sha256(_) => None,
        };
        unwrap_encoding(&mut head.headers);
        let checksums = SentChecksums::of_request(&head, &sent);
        let mut known = RequestContext {
            caller,
            confirmed: checksums.confirmed(),
            form_acl: None,
        };
        // Before the query is stripped, which tells documents from objects.
        let content = Content::of(&head, path);
        strip(&mut head, path)?;
        let body = CheckedBody::new(body, payload, checksums, expected);
        let md5 = sent_md5(&head.headers)?;
        let body = match content {
            Content::Object => s3s::Body::http_body_unsync(body),
            Content::Form => {
                let body = collect(body, MAX_FORM, self.options.patience).await?;
                let form = form::read(&head.headers, body)?;
                known.form_acl = form.acl;
                s3s::Body::from(form.body)
            }
            Content::Document => {
                let limit = self.options.document_bytes;
                let body = collect(body, limit, self.options.patience).await?;
                check_md5(md5.as_deref(), &body)?;
                s3s::Body::from(body)
            }
        };
        head.extensions.insert(known);
        Ok(Request::from_parts(head, body))
    }

    /// Refuses a request whose client thinks of another owner of the bucket.
    async fn check_owner(&self, path: &str, owner: &str) -> Result<(), ObjectError> {
        let bucket = path.trim_start_matches('/').split('/').next();
        self.store
            .check_owner(bucket.unwrap_or_default(), owner)
            .await
    }

    /// Has the protocol's layer answer.
    async fn call(
        &self,
        request: Request<s3s::Body>,
        context: &ErrorContext<'_>,
    ) -> Response<s3s::Body> {
        match self.protocol.call(request).await {
            Ok(response) => context.complete(response).await,
            Err(error) => {
                tracing::error!(?error, "the protocol layer failed");
                context.refuse(&ObjectError::Internal.into())
            }
        }
    }
}

#[async_trait]
impl FrontEnd for S3FrontEnd {
    fn name(&self) -> &'static str {
        "s3"
    }

    fn wants(&self, head: &Parts) -> bool {
        let below = head.uri.path().strip_prefix(self.prefix);
        below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    async fn answer(&self, request: Request<ClientBody>, id: &RequestId) -> Response<Body> {
        let (head, body) = request.into_parts();
        let (method, path) = (head.method.clone(), self.resolve(&head));
        let context = ErrorContext {
            method: &method,
            resource: &path,
            id,
        };
        // Before the signature: a browser's question has none, and the answer to a request that is refused has to carry
        // these headers too, else the page's script could not read why.
        let cors = Cors::of(&self.store, &head, &path).await;
        if method == Method::OPTIONS {
            return cors.answer(&context).map(Body::new);
        }
        // Before the head is changed, which tells what there is to patch.
        let patches = Patches::of(&head);
        let (body, leftover) = BorrowedBody::new(body, &head.headers);
        let mut response = match self.prepare(head, &path, body).await {
            Ok(request) => self.call(request, &context).await,
            Err(refusal) => context.refuse(&refusal),
        };
        patches.apply(&mut response);
        cors.add_to(response.headers_mut());
        // Last: a client that is still sending hears no answer, and what it sends must not be taken for its next request.
        leftover.drain(response.headers_mut()).await;
        response.map(Body::new)
    }

    fn overloaded(&self, head: &Parts, id: &RequestId) -> Response<Body> {
        let context = ErrorContext {
            method: &head.method,
            resource: head.uri.path(),
            id,
        };
        context.refuse(&ObjectError::SlowDown.into()).map(Body::new)
    }
}

/// The digest in `Content-MD5`; `None` without the header.
fn sent_md5(headers: &HeaderMap) -> Result<Option<Vec<u8>>, ObjectError> {
    let Some(value) = headers.get("content-md5") else {
        return Ok(None);
    };
    BASE64
        .decode(value.as_bytes().trim_ascii())
        .ok()
        .filter(|sent| sent.len() == 16)
        .map(Some)
        .ok_or(ObjectError::InvalidDigest)
}

/// Compares a document with its `Content-MD5`, if it has one; objects are compared where they are stored.
fn check_md5(sent: Option<&[u8]>, document: &[u8]) -> Result<(), ObjectError> {
    if sent.is_none_or(|sent| *sent == Md5::digest(document)[..]) {
        Ok(())
    } else {
        Err(ObjectError::BadDigest)
    }
}

/// Reads a body of at most `limit` bytes that has to come within `patience`.
async fn collect(
    body: CheckedBody,
    limit: usize,
    patience: Duration,
) -> Result<Bytes, ObjectError> {
    let read = tokio::time::timeout(patience, Limited::new(body, limit).collect()).await;
    match read.map_err(|_| ObjectError::Timeout)? {
        Ok(read) => Ok(read.to_bytes()),
        Err(error) => Err(match error.downcast_ref::<PayloadError>() {
            Some(error) => error.into(),
            None => ObjectError::DocumentTooLarge,
        }),
    }
}
