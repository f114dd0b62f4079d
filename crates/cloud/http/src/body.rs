//! Bodies of answers, counted on their way out.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body::{Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use prometheus_client::metrics::counter::Counter;

use crate::places::Busy;

/// The body of an answer.
pub type Body = UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>;

/// A body without bytes.
pub fn empty() -> Body {
    Body::new(Empty::new().map_err(|never| match never {}))
}

/// A body that is in memory.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Body::new(Full::new(bytes.into()).map_err(|never| match never {}))
}

/// A short answer in plain text, outside the protocols.
pub fn text(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(full(text));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}

/// A body whose bytes are counted.
pub(crate) struct CountedBody {
    body: Body,
    /// `None` for answers of the server itself.
    sent: Option<Counter>,
    /// Keeps the connection from being taken for an idle one. `None` where that does not matter.
    _busy: Option<Busy>,
}

impl CountedBody {
    pub(crate) fn new(body: Body, sent: Counter) -> Self {
        Self {
            body,
            sent: Some(sent),
            _busy: None,
        }
    }

    pub(crate) fn uncounted(body: Body) -> Self {
        Self {
            body,
            sent: None,
            _busy: None,
        }
    }

    /// The body, as long as which the connection is worked on.
    pub(crate) fn keeping(self, busy: Busy) -> Self {
        Self {
            _busy: Some(busy),
            ..self
        }
    }
}

impl http_body::Body for CountedBody {
    type Data = Bytes;
    type Error = <Body as http_body::Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let (Poll::Ready(Some(Ok(frame))), Some(sent)) = (&polled, &self.sent) {
            let bytes = frame.data_ref().map_or(0, Bytes::len);
            sent.inc_by(bytes as u64);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    // Without it the HTTP library could not say how long the answer is.
    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
