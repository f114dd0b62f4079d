//! The body of an answer, counted on its way out.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use prometheus_client::metrics::counter::Counter;
use s3s::Body;

/// Counts the bytes of an answer.
pub(super) fn counted(body: Body, sent: Counter) -> Body {
    if body.is_end_stream() {
        return body;
    }
    Body::http_body_unsync(AnswerBody { body, sent })
}

struct AnswerBody {
    body: Body,
    sent: Counter,
}

impl http_body::Body for AnswerBody {
    type Data = Bytes;
    type Error = <Body as http_body::Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            let bytes = frame.data_ref().map_or(0, Bytes::len);
            self.sent.inc_by(bytes as u64);
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
