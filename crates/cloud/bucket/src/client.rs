//! HTTP as `object_store` and uploads use it.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use object_store::{ClientOptions, HeaderMap, HeaderValue};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, DATE, RANGE};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::answer;
use crate::error::{Carried, innermost};
use crate::{BucketError, BucketUrl, tls};

/// How long a connection may take before it is there.
const CONNECT: Duration = Duration::from_secs(5);
/// How long the store may take to continue with an answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// How long a connection for uploads may be idle. It is short, because a body that is streamed cannot be sent again when the
/// store has closed the connection in the meantime.
const IDLE_UPLOAD: Duration = Duration::from_secs(3);

/// A client that makes errors of answers, and knows the clock of the store.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    requests: reqwest::Client,
    /// Without a limit to the time before the answer: it comes after the body.
    uploads: reqwest::Client,
    place: Arc<str>,
    /// By how many seconds the clock of the store is ahead of that of this machine.
    ahead: Arc<AtomicI64>,
}

impl Client {
    /// A client that follows no redirects and uses no proxy.
    pub(crate) fn new(url: &BucketUrl) -> Result<Self, BucketError> {
        let tls = tls::config(url.ca.as_deref())?;
        let builder = || {
            reqwest::Client::builder()
                .tls_backend_preconfigured(tls.clone())
                .connect_timeout(CONNECT)
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .http1_only()
                .user_agent(concat!("gumnut/", env!("CARGO_PKG_VERSION")))
        };
        let built = |builder: reqwest::ClientBuilder| {
            builder
                .build()
                .map_err(|error| BucketError::Setup(error.into()))
        };
        Ok(Self {
            requests: built(builder().read_timeout(PATIENCE))?,
            uploads: built(builder().pool_idle_timeout(IDLE_UPLOAD))?,
            place: url.place().into(),
            ahead: Arc::default(),
        })
    }

    /// Names the bucket, for messages.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// Seconds since 1970 by the clock of the store.
    pub(crate) fn now(&self) -> i64 {
        OffsetDateTime::now_utc().unix_timestamp() + self.ahead.load(Ordering::Relaxed)
    }

    /// Sends a request whose body comes bit by bit, and gives the headers of the answer.
    pub(crate) async fn upload(
        &self,
        request: impl FnOnce(&reqwest::Client) -> reqwest::RequestBuilder,
    ) -> Result<HeaderMap, BucketError> {
        let answer = request(&self.uploads).send().await;
        let answer = answer.map_err(|error| self.unreachable(&error))?;
        self.note_time(answer.headers());
        if answer.status().is_success() {
            return Ok(answer.headers().clone());
        }
        let status = answer.status().as_u16();
        let pieces = answer.bytes_stream();
        let document = tokio::time::timeout(PATIENCE, start_of(pieces)).await;
        Err(answer::refusal(
            &self.place,
            status,
            &document.unwrap_or_default(),
        ))
    }

    /// A store that has not answered in time.
    pub(crate) fn slow(&self) -> BucketError {
        BucketError::Unreachable {
            place: self.place.to_string(),
            source: "it has not answered in time".into(),
        }
    }

    /// A store that cannot be reached, or not be trusted.
    fn unreachable(&self, error: &(dyn Error + 'static)) -> BucketError {
        let place = self.place.to_string();
        let source = innermost(error);
        if is_tls(error) {
            return BucketError::Tls { place, source };
        }
        BucketError::Unreachable { place, source }
    }

    fn note_time(&self, headers: &HeaderMap) {
        let date = headers.get(DATE);
        let text = date.and_then(|date| date.to_str().ok());
        if let Some(time) = text.and_then(parse_date) {
            let ahead = time.unix_timestamp() - OffsetDateTime::now_utc().unix_timestamp();
            self.ahead.store(ahead, Ordering::Relaxed);
        }
    }
}

#[async_trait]
impl HttpService for Client {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let is_of_range = request.headers().contains_key(RANGE);
        let mut answer = match HttpService::call(&self.requests, request).await {
            Ok(answer) => answer,
            Err(error) if is_tls(&error) => return Err(carried(self.unreachable(&error))),
            Err(error) => return Err(error),
        };
        self.note_time(answer.headers());
        if answer.status() == StatusCode::OK && is_of_range {
            name_range(&mut answer);
        }
        if answer.status().is_success() {
            return Ok(answer);
        }
        let (head, body) = answer.into_parts();
        let document = start_of(body.bytes_stream()).await;
        if head.status == StatusCode::NOT_FOUND && !answer::is_without_bucket(&document) {
            return Ok(HttpResponse::from_parts(head, document.into()));
        }
        let status = head.status.as_u16();
        Err(carried(answer::refusal(&self.place, status, &document)))
    }
}

impl HttpConnector for Client {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

/// Gives an answer to a request for a range the status that it must have. Some stores name the range and have status 200, and
/// any store may give all of an object, without a range.
fn name_range(answer: &mut HttpResponse) {
    let headers = answer.headers();
    if !headers.contains_key(CONTENT_RANGE) {
        let length = headers.get(CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        let Some(last) = length.and_then(|length| length.checked_sub(1)) else {
            return;
        };
        let range = format!("bytes 0-{last}/{}", last + 1);
        let Ok(range) = HeaderValue::from_str(&range) else {
            return;
        };
        answer.headers_mut().insert(CONTENT_RANGE, range);
    }
    *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
}

/// The error as `object_store` understands it: what passes is asked for again.
fn carried(error: BucketError) -> HttpError {
    let kind = if error.is_passing() {
        HttpErrorKind::Request
    } else {
        HttpErrorKind::Unknown
    };
    HttpError::new(kind, Carried::new(error))
}

/// The first bytes of an answer; what cannot be read is left out.
async fn start_of<E>(
    mut pieces: impl futures::Stream<Item = Result<bytes::Bytes, E>> + Unpin,
) -> Vec<u8> {
    let mut start = Vec::new();
    while start.len() < answer::MOST
        && let Some(Ok(piece)) = pieces.next().await
    {
        start.extend_from_slice(&piece);
    }
    start.truncate(answer::MOST);
    start
}

/// Whether TLS has failed: another try would fail, too.
fn is_tls(error: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(error), |&error| error.source()).any(|error| {
        // An `io::Error` does not give what it wraps as its source, but the source of that.
        let wrapped = error.downcast_ref::<std::io::Error>();
        let wrapped = wrapped.and_then(std::io::Error::get_ref);
        error.is::<rustls::Error>() || wrapped.is_some_and(|wrapped| is_tls(wrapped))
    })
}

/// The time of a `Date` header.
fn parse_date(text: &str) -> Option<OffsetDateTime> {
    let zoned = text.strip_suffix("GMT")?;
    OffsetDateTime::parse(&format!("{zoned}+0000"), &Rfc2822).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> Client {
        Client::new(&"s3://b?endpoint=http://rgw:7480".parse().unwrap()).unwrap()
    }

    #[test]
    fn the_clock_of_the_store_is_that_of_its_answers() {
        let client = client();
        let own = OffsetDateTime::now_utc().unix_timestamp();
        assert!((client.now() - own).abs() <= 1);
        let at = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(DATE, text.parse().unwrap());
            client.note_time(&headers);
            client.now()
        };
        let told = at("Thu, 03 Jun 2010 22:15:57 GMT");
        assert!((told - 1_275_603_357).abs() <= 1, "{told}");
        assert!(
            at("yesterday") - told <= 1,
            "what is no date changes nothing"
        );
    }

    #[test]
    fn an_answer_with_status_200_has_a_range_as_well() {
        for (length, range, expected) in [
            ("10", Some("bytes 5-14/1000"), Some("bytes 5-14/1000")),
            ("1000", None, Some("bytes 0-999/1000")),
            ("0", None, None),
            ("many", None, None),
        ] {
            let mut answer = HttpResponse::new(bytes::Bytes::new().into());
            let headers = answer.headers_mut();
            headers.insert(CONTENT_LENGTH, length.parse().unwrap());
            if let Some(range) = range {
                headers.insert(CONTENT_RANGE, range.parse().unwrap());
            }
            name_range(&mut answer);
            let named = answer.headers().get(CONTENT_RANGE);
            assert_eq!(named.map(|range| range.to_str().unwrap()), expected);
            assert_eq!(
                answer.status() == StatusCode::PARTIAL_CONTENT,
                expected.is_some()
            );
        }
    }

    #[tokio::test]
    async fn the_start_of_an_answer_is_enough() {
        let piece = bytes::Bytes::from(vec![b'a'; 50_000]);
        let pieces = futures::stream::iter(vec![Ok::<_, ()>(piece); 100]);
        assert_eq!(start_of(pieces).await.len(), answer::MOST);
        let broken = futures::stream::iter([Ok(bytes::Bytes::from("ab")), Err(())]);
        assert_eq!(start_of(broken).await, b"ab");
    }
}
