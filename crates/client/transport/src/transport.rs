//! Sending, until there is an answer that counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method};
use rustls::ClientConfig;
use time::OffsetDateTime;

use crate::refusal::MAX_ERROR;
use crate::{Body, Request, TraceEvent, TransportConfig, TransportError, reach, shown, skew, tls};

/// Sends signed requests, and tries again where that can help.
#[derive(Debug)]
pub struct Transport {
    http: reqwest::Client,
    tls: Arc<ClientConfig>,
    config: TransportConfig,
    /// Seconds that the server's clock is ahead of ours, once learnt.
    skew: AtomicI64,
    skew_learnt: AtomicBool,
    /// Whether a request has changed something, as far as is known.
    has_changed: AtomicBool,
    /// Whether somebody has answered yet.
    is_answered: AtomicBool,
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// The HTTP status, 200 to 299.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// An answer whose body is still coming.
#[derive(Debug)]
pub struct Download {
    what: String,
    host: String,
    response: reqwest::Response,
    /// Bytes that the server has announced and not yet sent.
    left: Option<u64>,
    idle: Duration,
}

/// Why an attempt is to be followed by another, or not.
enum Outcome {
    Final(TransportError),
    Again {
        error: TransportError,
        asked: Option<Duration>,
    },
    /// The clock has been corrected.
    Skewed,
}

impl Transport {
    /// A transport with this configuration.
    ///
    /// # Errors
    /// When a certificate authority cannot be read.
    pub fn new(config: TransportConfig) -> Result<Self, TransportError> {
        let tls = tls::config(config.extra_ca_pem.as_deref(), config.server_identity)?;
        Ok(Self {
            http: tls::client(tls.clone())?,
            tls: Arc::new(tls),
            config,
            skew: AtomicI64::new(0),
            skew_learnt: AtomicBool::new(false),
            has_changed: AtomicBool::new(false),
            is_answered: AtomicBool::new(false),
        })
    }

    /// Sends a request and reads its answer of at most `limit` bytes.
    ///
    /// # Errors
    /// The last attempt's.
    pub async fn execute(
        &self,
        request: &Request,
        limit: usize,
    ) -> Result<Response, TransportError> {
        self.persist(request, async |response: reqwest::Response| {
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let body = self.read_all(request, response, limit).await?;
            Ok(Response {
                status,
                headers,
                body,
            })
        })
        .await
    }

    /// Sends a request and gives its answer as soon as it begins.
    ///
    /// # Errors
    /// The last attempt's. What breaks later is the caller's to repeat.
    pub async fn download(&self, request: &Request) -> Result<Download, TransportError> {
        let idle = self.config.retry.per_attempt;
        self.persist(request, async |response: reqwest::Response| {
            let left = response.content_length();
            Ok(Download {
                what: request.what.clone(),
                host: request.host(),
                response,
                left,
                idle,
            })
        })
        .await
    }

    /// Waits as long as before retry number `retry` (from 0) of a request, which follows this error; instructs whether there is to be
    /// one.
    ///
    /// For those who continue with a [`Download`] that broke.
    pub async fn pause(&self, retry: u32, error: &TransportError) -> bool {
        let policy = &self.config.retry;
        let again = retry < policy.retries;
        if again {
            let wait = policy.wait(retry, None, random());
            self.wait(retry, error, wait).await;
        }
        again
    }

    async fn wait(&self, retry: u32, error: &TransportError, wait: Duration) {
        self.tell(&TraceEvent::Again {
            error,
            wait,
            retry: retry + 1,
            retries: self.config.retry.retries,
        });
        tokio::time::sleep(wait).await;
    }

    fn tell(&self, event: &TraceEvent<'_>) {
        tracing::debug!(?event, "request");
        if let Some(trace) = &self.config.trace {
            trace.happens(event);
        }
    }

    async fn persist<T>(
        &self,
        request: &Request,
        read: impl AsyncFn(reqwest::Response) -> Result<T, TransportError>,
    ) -> Result<T, TransportError> {
        let policy = &self.config.retry;
        let end = Instant::now() + policy.total;
        let mut retry = 0;
        loop {
            let limit = policy.attempt_limit(request.body.length());
            let left = end.saturating_duration_since(Instant::now());
            let limit = limit.min(left);
            let attempt = tokio::time::timeout(limit, self.attempt(request, &read));
            let outcome = attempt.await.unwrap_or_else(|_| {
                let error = TransportError::Timeout {
                    what: request.what.clone(),
                    limit,
                };
                Err(again_unless(request.once, error))
            });
            let (error, asked) = match outcome {
                Ok(answer) => return Ok(answer),
                Err(Outcome::Final(error)) => return Err(error),
                Err(Outcome::Skewed) => continue,
                Err(Outcome::Again { error, asked }) => (error, asked),
            };
            let wait = policy.wait(retry, asked, random());
            let is_last = retry == policy.retries || Instant::now() + wait >= end;
            // A connection that breaks may be one of TLS, an invalid answer most likely is.
            if (is_last || reach::is_nonsense(&error)) && self.wants_tls(request, &error).await {
                return Err(TransportError::WrongScheme {
                    host: request.host(),
                    https: false,
                });
            }
            if is_last {
                return Err(error);
            }
            self.wait(retry, &error, wait).await;
            retry += 1;
        }
    }

    /// Whether plain HTTP was spoken to a server that speaks TLS.
    async fn wants_tls(&self, request: &Request, error: &TransportError) -> bool {
        matches!(error, TransportError::Network { .. })
            && request.url.scheme() == "http"
            && !self.is_answered.load(Ordering::Relaxed)
            && reach::speaks_tls(&request.url, Arc::clone(&self.tls)).await
    }

    async fn attempt<T>(
        &self,
        request: &Request,
        read: &impl AsyncFn(reqwest::Response) -> Result<T, TransportError>,
    ) -> Result<T, Outcome> {
        let builder = self.build(request).await.map_err(Outcome::Final)?;
        if self.is_answered.load(Ordering::Relaxed) {
            self.tell_of_change(request);
        }
        let response = self.send(request, builder).await?;
        // Nobody need be told of a server that is not there.
        self.tell_of_change(request);
        if response.status().is_success() {
            return read(response).await.map_err(|error| match error {
                error @ TransportError::Network { .. } => again_unless(request.once, error),
                error => Outcome::Final(error),
            });
        }
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        // Half an error document is still better than none.
        let body = self
            .read_all(request, response, MAX_ERROR)
            .await
            .unwrap_or_default();
        if reach::wants_tls(&request.url, status, &body) {
            return Err(Outcome::Final(TransportError::WrongScheme {
                host: request.host(),
                https: false,
            }));
        }
        let error = TransportError::from_answer(&request.what, status, &headers, &body);
        if self.learns_clock(request, status, &headers, &error).await {
            return Err(Outcome::Skewed);
        }
        Err(match judge(status, &headers, error) {
            Outcome::Again { error, .. } if request.once => Outcome::Final(error),
            outcome => outcome,
        })
    }

    /// Reports of the first request that may change something.
    fn tell_of_change(&self, request: &Request) {
        if request.changes() && !self.has_changed.swap(true, Ordering::Relaxed) {
            let origin = request.url.origin().ascii_serialization();
            self.tell(&TraceEvent::Changing { origin });
        }
    }

    async fn send(
        &self,
        request: &Request,
        builder: reqwest::RequestBuilder,
    ) -> Result<reqwest::Response, Outcome> {
        let start = Instant::now();
        let sent = builder.send().await;
        let time = start.elapsed();
        let (method, action) = (&request.method, request.action());
        let url = || shown(&request.url);
        match sent {
            Ok(response) => {
                self.is_answered.store(true, Ordering::Relaxed);
                self.tell(&TraceEvent::Answered {
                    method,
                    url: url(),
                    action,
                    status: response.status().as_u16(),
                    time,
                });
                Ok(response)
            }
            Err(error) => {
                let unsent = error.is_connect();
                let error = network(request, error);
                self.tell(&TraceEvent::Unanswered {
                    method,
                    url: url(),
                    action,
                    error: &error,
                    time,
                });
                Err(match error {
                    // Another attempt meets the same certificate, and the same scheme.
                    error @ (TransportError::Untrusted { .. }
                    | TransportError::WrongScheme { .. }) => Outcome::Final(error),
                    // A server that has answered may be starting again; one that never has is not there.
                    error @ TransportError::Unreachable { .. }
                        if !self.is_answered.load(Ordering::Relaxed) =>
                    {
                        Outcome::Final(error)
                    }
                    error => again_unless(request.once && !unsent, error),
                })
            }
        }
    }

    /// Learns the server's clock, once, if the refusal is a matter of clocks.
    async fn learns_clock(
        &self,
        request: &Request,
        status: u16,
        headers: &HeaderMap,
        error: &TransportError,
    ) -> bool {
        let now = self.config.clock.now();
        if !self.config.clock_correction || self.skew_learnt.load(Ordering::Relaxed) {
            return false;
        }
        let mut code = error
            .refusal()
            .map(|refusal| refusal.code.clone())
            .unwrap_or_default();
        // An answer to HEAD has no document with a code.
        if request.method == Method::HEAD && status == 403 && skew::is_suspicious(headers, now) {
            code = self.code_of(request).await.unwrap_or_default();
        }
        let Some(ahead) = skew::correction(&request.url, headers, &code, now) else {
            return false;
        };
        if self.skew_learnt.swap(true, Ordering::Relaxed) {
            return false;
        }
        self.skew.store(ahead, Ordering::Relaxed);
        self.tell(&TraceEvent::ClockCorrected {
            host: &request.host(),
            ahead,
        });
        true
    }

    /// The code with which a refused request for a head is refused when it asks for the whole.
    async fn code_of(&self, request: &Request) -> Option<String> {
        let whole = Request {
            method: Method::GET,
            ..request.clone()
        };
        let response = self.build(&whole).await.ok()?.send().await.ok()?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        if response.status().is_success() {
            return None;
        }
        let body = self.read_all(&whole, response, MAX_ERROR).await.ok()?;
        let error = TransportError::from_answer(&whole.what, status, &headers, &body);
        Some(error.refusal()?.code.clone())
    }

    fn now(&self) -> OffsetDateTime {
        let skew = time::Duration::seconds(self.skew.load(Ordering::Relaxed));
        self.config.clock.now() + skew
    }

    async fn build(&self, request: &Request) -> Result<reqwest::RequestBuilder, TransportError> {
        let credentials = self.config.credentials.as_ref();
        let signed = request
            .sign(credentials, &self.config.signature, self.now())
            .map_err(|error| TransportError::Malformed {
                what: request.what.clone(),
                reason: error.to_string(),
            })?;
        let length = signed.body.length();
        let mut builder = self
            .http
            .request(request.method.clone(), request.url.clone());
        for (name, value) in &signed.headers {
            builder = builder.header(name, value);
        }
        Ok(match signed.body {
            Body::Bytes(bytes) if bytes.is_empty() => builder,
            Body::Bytes(bytes) => builder.body(bytes),
            Body::File { path, .. } => {
                let file = tokio::fs::File::open(&path)
                    .await
                    .map_err(|source| TransportError::File { path, source })?;
                builder.header("content-length", length).body(file)
            }
        })
    }

    async fn read_all(
        &self,
        request: &Request,
        mut response: reqwest::Response,
        limit: usize,
    ) -> Result<Bytes, TransportError> {
        let mut body = BytesMut::new();
        while let Some(piece) = response
            .chunk()
            .await
            .map_err(|error| network(request, error))?
        {
            if body.len() + piece.len() > limit {
                return Err(TransportError::Malformed {
                    what: request.what.clone(),
                    reason: format!("it has more than {limit} bytes"),
                });
            }
            body.extend_from_slice(&piece);
        }
        Ok(body.freeze())
    }
}

impl Download {
    /// The HTTP status, 200 to 299.
    pub fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// The headers of the answer.
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// The length that the server announced, in bytes.
    pub fn length(&self) -> Option<u64> {
        self.response.content_length()
    }

    /// The next piece of the body; `None` at its end.
    ///
    /// # Errors
    /// When the connection breaks, nothing comes for the time of an attempt, or the body is not as long as
    /// announced.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        let next = tokio::time::timeout(self.idle, self.response.chunk())
            .await
            .map_err(|_| TransportError::Timeout {
                what: self.what.clone(),
                limit: self.idle,
            })?
            .map_err(|error| reach::of_network(&self.what, self.host.clone(), error))?;
        let length = next.as_ref().map_or(0, |piece| piece.len() as u64);
        match (&mut self.left, &next) {
            (Some(left), Some(_)) if length <= *left => *left -= length,
            (Some(0) | None, _) => {}
            (Some(left), _) => {
                let reason = format!(
                    "its body does not have the announced length (difference: {left} bytes)"
                );
                return Err(TransportError::Malformed {
                    what: self.what.clone(),
                    reason,
                });
            }
        }
        Ok(next)
    }
}

/// Whether another attempt can change the answer.
fn judge(status: u16, headers: &HeaderMap, error: TransportError) -> Outcome {
    // 501 is a no for ever; 429 and the other 5xx are a no for now.
    if status == 429 || (500..600).contains(&status) && status != 501 {
        let asked = headers
            .get("retry-after")
            .and_then(|value| value.to_str().ok()?.parse().ok());
        return Outcome::Again {
            error,
            asked: asked.map(Duration::from_secs),
        };
    }
    Outcome::Final(error)
}

/// Another attempt, unless it could do again what is done already.
fn again_unless(once: bool, error: TransportError) -> Outcome {
    if once {
        Outcome::Final(error)
    } else {
        Outcome::Again { error, asked: None }
    }
}

fn network(request: &Request, error: reqwest::Error) -> TransportError {
    reach::of_network(&request.what, request.host(), error)
}

/// A random number; without randomness all clients wait alike, which is no reason to fail.
fn random() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX)
}
