//! A request to the object store, from the listener to the protocol's layer and back. Path and parameters are decoded here, once;
//! the signature is checked and taken off; the layer behind sees an unsigned request, made of what was decoded, and who has sent it.

use std::sync::Arc;

use async_trait::async_trait;
use data_encoding::BASE64;
use gumnut_cloud_accounts::{AccessKeys, Payload, authenticate_object_store};
use gumnut_cloud_catalogue::{Catalogue, Identity};
use gumnut_cloud_http::{
    Body, ClientBody, FrontEnd, HeldBody, HoldError, RequestId, Sender, header_texts,
};
use gumnut_cloud_objects::{ObjectError, ObjectStore};
use gumnut_signing::{Query, RESPONSE_OVERRIDES, RequestView, percent_encode};
use http::header::HOST;
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response};
use md5::{Digest as _, Md5};
use s3s::service::S3Service;

use crate::auth_refusal::Refusal;
use crate::context::RequestContext;
use crate::head::{has_form, strip, unwrap_chunked_headers, unwrap_encoding};
use crate::patches::{self, ErrorContext};
use crate::payload::{BorrowedBody, CheckedBody};
use crate::post::FormUpload;
use crate::preflight::Cors;
use crate::ranges::SentRange;
use crate::sent_checksums::SentChecksums;
use crate::target::{Target, sent_path};
use crate::{S3Options, operations, understood, virtual_host};

/// By this header a client insists that the bucket is of the account it thinks of.
const EXPECTED_OWNER: &str = "x-amz-expected-bucket-owner";

/// The object store as clients of S3 and Walrus know it. Clones share it.
#[derive(Clone)]
pub struct S3FrontEnd {
    /// The path below which it answers: empty, or one without a slash at its end.
    prefix: &'static str,
    store: ObjectStore,
    keys: AccessKeys,
    options: Arc<S3Options>,
    protocol: S3Service,
}

impl S3FrontEnd {
    /// A front end that answers every request.
    ///
    /// Callers are the users of the catalogue, on which the store should stand too.
    pub fn new(store: ObjectStore, catalogue: Catalogue, options: S3Options) -> Self {
        let options = Arc::new(options);
        let protocol = operations::service(&store, &options);
        Self {
            prefix: "",
            store,
            keys: AccessKeys::new(catalogue),
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

    /// The path with the bucket that the request is about. `path` is the path behind the prefix, with the bucket of the host where there
    /// is no prefix.
    ///
    /// Below a prefix the path names the bucket, and the host may be any. Where the host names a bucket that there is, clients of
    /// Walrus mean that one by `BUCKET.walrus`, and of others nobody knows which of the two they mean.
    async fn resolve(&self, head: &Parts, path: &str) -> Result<String, ObjectError> {
        let host = head.headers.get(HOST).and_then(|host| host.to_str().ok());
        let host = host.filter(|_| !self.prefix.is_empty()).unwrap_or_default();
        let Some(bucket) = virtual_host::bucket(host, &self.options.domains) else {
            return Ok(path.to_owned());
        };
        if self.store.any_settings(&bucket).await?.is_none() {
            return Ok(path.to_owned());
        }
        if virtual_host::is_of_walrus(host) {
            return Ok(format!("/{}{path}", percent_encode(&bucket)));
        }
        Err(ObjectError::invalid_request(format!(
            "The host names the bucket {bucket}, and the path is that of the service: use one of the two."
        )))
    }

    /// Answers a request for this target. `path` is the path behind the prefix as it was sent.
    async fn answer_at(
        &self,
        target: &Target,
        path: &str,
        head: Parts,
        body: BorrowedBody,
        context: &ErrorContext<'_>,
    ) -> Response<s3s::Body> {
        // Before the signature: a browser's question has none, and the answer to a request that is refused has to carry
        // these headers too, else the page's script could not read why.
        let cors = Cors::of(&self.store, &head, target.bucket()).await;
        if head.method == Method::OPTIONS {
            return cors.answer(context);
        }
        let answered = match self.authenticate(head, path, target).await {
            Ok(request) if has_form(&request.head) => self.post(request, target, body).await,
            Ok(request) => self.call(request, target, body, context).await,
            Err(refusal) => Err(refusal),
        };
        let mut response = answered.unwrap_or_else(|refusal| context.refuse(&refusal));
        cors.add_to(response.headers_mut());
        response
    }

    /// Finds out who asks, and what is sent.
    async fn authenticate(
        &self,
        head: Parts,
        path: &str,
        target: &Target,
    ) -> Result<Authenticated, Refusal> {
        if target.is_service() && !matches!(head.method, Method::GET | Method::HEAD) {
            return Err(ObjectError::MethodNotAllowed.into());
        }
        // What was signed is the head as it came.
        let sent = header_texts(&head.headers);
        let view = RequestView {
            method: head.method.as_str(),
            path: head.uri.path(),
            query: head.uri.query().unwrap_or_default(),
            headers: &sent,
        };
        let query = Query::parse(view.query).map_err(|error| Refusal::of_unreadable(&error))?;
        let (now, regions) = (self.options.clock.now(), &self.options.regions);
        let (caller, payload) = authenticate_object_store(&self.keys, now, regions, &view, path)
            .await
            .map_err(|error| Refusal::of_auth(error, &query))?;
        check_overrides(&caller, &query)?;
        let trailers = view.header("x-amz-trailer").unwrap_or_default().to_owned();
        Ok(Authenticated {
            caller,
            payload,
            trailers,
            head,
            query,
        })
    }

    /// Stores the file of a form, whose signature is one of its fields.
    async fn post(
        &self,
        request: Authenticated,
        target: &Target,
        body: BorrowedBody,
    ) -> Result<Response<s3s::Body>, Refusal> {
        if target.key().is_some() {
            return Err(ObjectError::MethodNotAllowed.into());
        }
        if request.caller != Identity::Anonymous {
            return Err(Refusal::signed_twice());
        }
        if let Some(parameter) = request.query.iter().next() {
            let name = parameter.name();
            let message = format!("A form takes no parameters in its URL, and there is {name:?}.");
            return Err(ObjectError::argument(message).into());
        }
        let form = FormUpload {
            store: &self.store,
            keys: &self.keys,
            options: &self.options,
            bucket: target.bucket(),
        };
        self.check_owner(target, &request.head.headers).await?;
        // Those of the request are of the whole form.
        let texts = header_texts(&request.head.headers);
        let pairs = texts
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let checksums = SentChecksums::of(pairs, &request.trailers)?;
        let body = CheckedBody::new(body, request.payload, checksums, None);
        form.store(&request.head.headers, body).await
    }

    /// Has the protocol's layer answer.
    async fn call(
        &self,
        request: Authenticated,
        target: &Target,
        body: BorrowedBody,
        context: &ErrorContext<'_>,
    ) -> Result<Response<s3s::Body>, Refusal> {
        let (request, _held) = self.prepare(request, target, body).await?;
        let known = request.extensions().get::<RequestContext>();
        let operation = known.and_then(|known| known.operation);
        let mut response = match self.protocol.call(request).await {
            Ok(response) => context.complete(response).await,
            Err(error) => {
                tracing::error!(?error, "the protocol layer failed");
                return Err(ObjectError::Internal.into());
            }
        };
        patches::apply(operation.map_or("", |it| it.name), &mut response);
        Ok(response)
    }

    /// Makes the request that the protocol's layer sees, and holds its document.
    async fn prepare(
        &self,
        request: Authenticated,
        target: &Target,
        body: BorrowedBody,
    ) -> Result<(Request<s3s::Body>, Option<HeldBody>), ObjectError> {
        let Authenticated {
            caller,
            payload,
            trailers,
            mut head,
            query,
        } = request;
        let expected = match payload {
            Payload::Chunks(_) => Some(unwrap_chunked_headers(&mut head.headers)?),
            Payload::Unchecked | Payload::Sha256(_) => None,
        };
        unwrap_encoding(&mut head.headers);
        strip(&mut head, target, &query)?;
        let operation = understood::operation(&head)?;
        self.check_owner(target, &head.headers).await?;
        let checksums = SentChecksums::of_request(operation, &head.headers, &trailers)?;
        let md5 = sent_md5(&head.headers)?;
        let sender = match caller.user() {
            Some(_) => Sender::User,
            None => Sender::Stranger,
        };
        head.extensions.insert(RequestContext {
            caller,
            confirmed: checksums.confirmed(),
            operation: Some(operation),
            range: SentRange::take(&mut head.headers),
        });
        let body = CheckedBody::new(body, payload, checksums, expected);
        if operation.body == understood::Body::Content {
            let body = s3s::Body::http_body_unsync(body);
            return Ok((Request::from_parts(head, body), None));
        }
        let limit = operation.body.limit(self.options.document_bytes);
        let document = self.hold(body, sender, limit).await?;
        check_md5(md5.as_deref(), &document.bytes)?;
        operation.body.check(&document.bytes)?;
        let body = s3s::Body::from(document.bytes.clone());
        Ok((Request::from_parts(head, body), Some(document)))
    }

    /// Refuses a request whose client thinks of another owner of the bucket. It is called behind the check of the signature, so that
    /// nobody learns whose a bucket is by a wrong one.
    async fn check_owner(&self, target: &Target, headers: &HeaderMap) -> Result<(), ObjectError> {
        match headers.get(EXPECTED_OWNER) {
            Some(owner) => {
                let owner = owner.to_str().unwrap_or_default();
                self.store.check_owner(target.bucket(), owner).await
            }
            None => Ok(()),
        }
    }

    /// Reads a document of at most `limit` bytes.
    async fn hold(
        &self,
        body: CheckedBody,
        sender: Sender,
        limit: usize,
    ) -> Result<HeldBody, ObjectError> {
        let patience = self.options.patience;
        let held = self.options.budget.hold(body, sender, limit, patience);
        held.await.map_err(|error| match error {
            HoldError::TooLong => ObjectError::DocumentTooLarge,
            HoldError::Late => ObjectError::Timeout,
            HoldError::Body(error) => (&error).into(),
            _ => ObjectError::SlowDown,
        })
    }
}

/// A request whose head has been read, and of which is known who sends it.
struct Authenticated {
    caller: Identity,
    /// What the body is checked with.
    payload: Payload,
    /// The value of `x-amz-trailer`; empty without it.
    trailers: String,
    head: Parts,
    /// The parameters, decoded once for all.
    query: Query,
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
        let method = head.method.clone();
        let sent = sent_path(self.prefix, &head, &self.options);
        let resolved = self.resolve(&head, &sent).await;
        let resource = resolved.as_ref().unwrap_or(&sent).clone();
        let found = resolved.and_then(|path| Ok((Target::of(&path)?, path)));
        let context = ErrorContext {
            method: &method,
            resource: &resource,
            id,
        };
        let (body, leftover) = BorrowedBody::new(body, &head.headers);
        let mut response = match found {
            Ok((target, path)) => self.answer_at(&target, &path, head, body, &context).await,
            Err(error) => {
                // It goes back to where the rest is read off.
                drop(body);
                context.refuse(&error.into())
            }
        };
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

/// Refuses what would have the cloud show a stranger's page: headers of the answer are for who signs to choose. Values that no header
/// has are refused for everybody.
fn check_overrides(caller: &Identity, query: &Query) -> Result<(), ObjectError> {
    for parameter in query {
        let name = parameter.name();
        if !RESPONSE_OVERRIDES.contains(&name) {
            continue;
        }
        if *caller == Identity::Anonymous {
            return Err(ObjectError::invalid_request(
                "Request specific response headers cannot be used for anonymous GET requests.",
            ));
        }
        if parameter.value().contains(char::is_control) {
            let message = format!("The parameter {name:?} has a value that no header can have.");
            return Err(ObjectError::argument(message));
        }
    }
    Ok(())
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
