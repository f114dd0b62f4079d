//! Buckets and objects.

use std::collections::BTreeMap;
use std::sync::Arc;

use gumnut_transport::{Auth, Body, Download, Request, Transport, TransportError};
use gumnut_types::{BucketName, ObjectKey};
use http::{HeaderMap, Method};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use url::Url;

/// Everything but the unreserved characters and the slash.
const KEY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');
/// Longest answer that carries no object, in bytes.
pub(crate) const MAX_ANSWER: usize = 16 << 20;

/// What comes before the names of metadata in headers.
pub(crate) const METADATA: &str = "x-amz-meta-";

/// A client for one object store.
#[derive(Clone, Debug)]
pub struct WalrusClient {
    endpoint: Url,
    transport: Arc<Transport>,
}

/// What is known about a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BucketState {
    /// It exists and may be used.
    Usable,
    /// There is no such bucket.
    Missing,
}

/// What is known about an object without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectHead {
    /// Its length in bytes.
    pub size: u64,
    /// The store's tag of its content without quotes: often, and not always, its MD5.
    pub etag: String,
    /// What its writer said of it: names without `x-amz-meta-`, in lower case.
    pub metadata: BTreeMap<String, String>,
}

impl WalrusClient {
    /// A client of the store at `endpoint`, whose path (as in `/services/Walrus`) comes before every bucket.
    pub fn new(endpoint: Url, transport: Arc<Transport>) -> Self {
        Self {
            endpoint,
            transport,
        }
    }

    /// Where the store is.
    pub fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    /// Makes a bucket, at a location that the store knows or where it likes. One that the caller owns already is as
    /// good as a new one.
    ///
    /// # Errors
    /// When it belongs to somebody else, or the store refuses.
    pub async fn create_bucket(
        &self,
        bucket: &BucketName,
        location: Option<&str>,
    ) -> Result<(), TransportError> {
        let mut request = self.request(Method::PUT, Some(bucket), None, "");
        if let Some(location) = location {
            request.body = Body::Bytes(location_constraint(location).into());
        }
        match self.transport.execute(&request, MAX_ANSWER).await {
            Err(error) if code(&error) == "BucketAlreadyOwnedByYou" => Ok(()),
            result => result.map(drop),
        }
    }

    /// Deletes an empty bucket. One that is not there is as good as deleted.
    ///
    /// # Errors
    /// When there is something in it, or the store refuses.
    pub async fn delete_bucket(&self, bucket: &BucketName) -> Result<(), TransportError> {
        let request = self.request(Method::DELETE, Some(bucket), None, "");
        match self.transport.execute(&request, MAX_ANSWER).await {
            Err(error) if code(&error) == "NoSuchBucket" => Ok(()),
            result => result.map(drop),
        }
    }

    /// Whether a bucket can be used. Asks for a listing of nothing, which even clouds without HEAD for
    /// buckets answer.
    ///
    /// # Errors
    /// When the store refuses for another reason than that the bucket is missing.
    pub async fn bucket_state(&self, bucket: &BucketName) -> Result<BucketState, TransportError> {
        let request = self.request(Method::GET, Some(bucket), None, "max-keys=0");
        match self.transport.execute(&request, MAX_ANSWER).await {
            Ok(_) => Ok(BucketState::Usable),
            Err(error) if status(&error) == 404 => Ok(BucketState::Missing),
            Err(error) => Err(error),
        }
    }

    /// Length and tag of an object; `None` when there is none.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn head_object(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
    ) -> Result<Option<ObjectHead>, TransportError> {
        let request = self.request(Method::HEAD, Some(bucket), Some(key), "");
        let response = match self.transport.execute(&request, MAX_ANSWER).await {
            Err(error) if status(&error) == 404 => return Ok(None),
            result => result?,
        };
        let size = header(&response.headers, "content-length")
            .parse()
            .map_err(|_| TransportError::Malformed {
                what: request.what.clone(),
                reason: "it has no length".to_owned(),
            })?;
        Ok(Some(ObjectHead {
            size,
            etag: etag(&response.headers),
            metadata: metadata(&response.headers),
        }))
    }

    /// Opens an object for reading.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn get_object(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
    ) -> Result<Download, TransportError> {
        self.transport
            .download(&self.request(Method::GET, Some(bucket), Some(key), ""))
            .await
    }

    /// Reads an object of at most `limit` bytes.
    ///
    /// # Errors
    /// When the store refuses, or the object is longer.
    pub async fn get_object_bytes(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        limit: usize,
    ) -> Result<bytes::Bytes, TransportError> {
        let request = self.request(Method::GET, Some(bucket), Some(key), "");
        Ok(self.transport.execute(&request, limit).await?.body)
    }

    /// Deletes an object. One that is not there is as good as deleted.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn delete_object(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
    ) -> Result<(), TransportError> {
        let request = self.request(Method::DELETE, Some(bucket), Some(key), "");
        match self.transport.execute(&request, MAX_ANSWER).await {
            Err(error) if code(&error) == "NoSuchKey" => Ok(()),
            result => result.map(drop),
        }
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.transport
    }

    pub(crate) fn request(
        &self,
        method: Method,
        bucket: Option<&BucketName>,
        key: Option<&ObjectKey>,
        query: &str,
    ) -> Request {
        let mut path = self.endpoint.path().trim_end_matches('/').to_owned();
        let mut what = method.to_string();
        if let Some(bucket) = bucket {
            path = format!("{path}/{bucket}");
            what = format!("{what} {bucket}");
        }
        if let Some(key) = key {
            path = format!("{path}/{}", encoded(key));
            what = format!("{what}/{key}");
        }
        let mut url = self.endpoint.clone();
        url.set_path(&path);
        url.set_query(Some(query).filter(|query| !query.is_empty()));
        Request {
            what,
            method,
            url,
            headers: Vec::new(),
            body: Body::empty(),
            auth: Auth::S3,
            once: false,
        }
    }
}

/// A key as it stands in a path.
pub(crate) fn encoded(key: &ObjectKey) -> PercentEncode<'_> {
    utf8_percent_encode(key.as_str(), KEY)
}

/// The document that instructs where a bucket is to be made.
fn location_constraint(location: &str) -> String {
    let escaped = location
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    format!(
        "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LocationConstraint>{escaped}\
         </LocationConstraint></CreateBucketConfiguration>"
    )
}

fn code(error: &TransportError) -> &str {
    error.refusal().map_or("", |refusal| &refusal.code)
}

fn status(error: &TransportError) -> u16 {
    error.refusal().map_or(0, |refusal| refusal.status)
}

pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

fn metadata(headers: &HeaderMap) -> BTreeMap<String, String> {
    headers
        .iter()
        .filter_map(|(name, value)| {
            let name = name.as_str().strip_prefix(METADATA)?;
            Some((name.to_owned(), value.to_str().ok()?.to_owned()))
        })
        .collect()
}

/// Whether a tag has the form of an MD5. Stores also have tags of other kinds, which say nothing of the content.
pub fn is_md5(etag: &str) -> bool {
    etag.len() == 32 && etag.bytes().all(|byte| byte.is_ascii_hexdigit())
}

pub(crate) fn etag(headers: &HeaderMap) -> String {
    header(headers, "etag").trim().trim_matches('"').to_owned()
}
