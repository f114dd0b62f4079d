//! Sending, until there is an answer that counts.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use gumnut_signing::parse_http_date;
use http::HeaderMap;
use time::OffsetDateTime;

use crate::refusal::MAX_ERROR;
use crate::{Body, Request, TransportConfig, TransportError, tls};

/// How far a server's clock must be from ours before a plain 403 is taken for a matter of clocks.
const SUSPICIOUS: time::Duration = time::Duration::minutes(5);

/// Sends signed requests, and tries again where that can help.
#[derive(Debug)]
pub struct Transport {
    http: reqwest::Client,
    config: TransportConfig,
    /// Seconds that the server's clock is ahead of ours, once learnt.
    skew: AtomicI64,
    skew_learnt: AtomicBool,
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
    Skewed(TransportError),
}

impl Transport {
    /// A transport with this configuration.
    ///
    /// # Errors
    /// When a certificate authority cannot be read.
    pub fn new(config: TransportConfig) -> Result<Self, TransportError> {
        let http = tls::client(config.extra_ca_pem.as_deref(), config.server_identity)?;
        Ok(Self {
            http,
            config,
            skew: AtomicI64::new(0),
            skew_learnt: AtomicBool::new(false),
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

    /// Waits as long as before retry number `retry` (from 0) of a request; tells whether there is to be one.
    ///
    /// For those who go on with a [`Download`] that broke.
    pub async fn pause(&self, retry: u32) -> bool {
        let policy = &self.config.retry;
        let again = retry < policy.retries;
        if again {
            tokio::time::sleep(policy.wait(retry, None, random())).await;
        }
        again
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
                Err(Outcome::Skewed(error)) => {
                    tracing::warn!(%error, "correcting the clock by the server's");
                    continue;
                }
                Err(Outcome::Again { error, asked }) => (error, asked),
            };
            let wait = policy.wait(retry, asked, random());
            if retry == policy.retries || Instant::now() + wait >= end {
                return Err(error);
            }
            tracing::info!(%error, ?wait, "trying again");
            tokio::time::sleep(wait).await;
            retry += 1;
        }
    }

    async fn attempt<T>(
        &self,
        request: &Request,
        read: &impl AsyncFn(reqwest::Response) -> Result<T, TransportError>,
    ) -> Result<T, Outcome> {
        let builder = self.build(request).await.map_err(Outcome::Final)?;
        tracing::debug!(what = request.what, "request");
        let response = builder.send().await.map_err(|error| {
            let unsent = error.is_connect();
            match network(request, error) {
                // Another attempt meets the same certificate.
                error @ TransportError::Untrusted { .. } => Outcome::Final(error),
                error => again_unless(request.once && !unsent, error),
            }
        })?;
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
        let error = TransportError::from_answer(&request.what, status, &headers, &body);
        Err(match self.judge(status, &headers, error) {
            Outcome::Again { error, .. } if request.once => Outcome::Final(error),
            outcome => outcome,
        })
    }

    /// Whether another attempt can change the answer.
    fn judge(&self, status: u16, headers: &HeaderMap, error: TransportError) -> Outcome {
        if self.is_skewed(status, headers, &error) {
            return Outcome::Skewed(error);
        }
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

    /// Learns the server's clock, once, if the refusal looks like a matter of clocks.
    fn is_skewed(&self, status: u16, headers: &HeaderMap, error: &TransportError) -> bool {
        let code = error.refusal().map_or("", |refusal| &refusal.code);
        let date = headers
            .get("date")
            .and_then(|value| parse_http_date(value.to_str().ok()?));
        let Some(date) = date else { return false };
        let ahead = date - self.config.clock.now();
        let named = matches!(code, "RequestTimeTooSkewed" | "RequestExpired");
        let suspicious = status == 403 && ahead.abs() > SUSPICIOUS;
        if !(named || suspicious) {
            return false;
        }
        if self.skew_learnt.swap(true, Ordering::Relaxed) {
            return false;
        }
        self.skew.store(ahead.whole_seconds(), Ordering::Relaxed);
        true
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
                    reason: format!("it is longer than {limit} bytes"),
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
            .map_err(|error| TransportError::of_network(&self.what, self.host.clone(), error))?;
        let length = next.as_ref().map_or(0, |piece| piece.len() as u64);
        match (&mut self.left, &next) {
            (Some(left), Some(_)) if length <= *left => *left -= length,
            (Some(0) | None, _) => {}
            (Some(left), _) => {
                let reason =
                    format!("its body has not the length that was announced ({left} bytes differ)");
                return Err(TransportError::Malformed {
                    what: self.what.clone(),
                    reason,
                });
            }
        }
        Ok(next)
    }
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
    TransportError::of_network(&request.what, request.host(), error)
}

/// A random number; without randomness all clients wait alike, which is no reason to fail.
fn random() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX)
}
