//! The body of a request as the client sends it: counted, and given up when the client is too slow.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use prometheus_client::metrics::counter::Counter;
use tokio::time::Sleep;

use crate::HttpLimits;

/// Why the body of a request does not come.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// The connection broke, or what came is not HTTP.
    #[error("the body could not be read")]
    Transport(#[from] hyper::Error),
    /// The client sends less than [`HttpLimits::pace`] in [`HttpLimits::patience`].
    #[error("the body did not arrive in time")]
    Slow,
}

/// The body of a request, whose sender must keep up the pace of [`HttpLimits`].
pub struct ClientBody {
    body: Incoming,
    pace: Pace,
    /// Rings at the end of the span while we wait.
    alarm: Option<Pin<Box<Sleep>>>,
    received: Counter,
}

/// Counts what comes while we wait. The time that we take ourselves, for a slow disk, does not count.
struct Pace {
    /// The span of waiting that is looked at.
    span: Duration,
    /// Least bytes of a span.
    least: u64,
    /// How long we have waited in this span, but for the current wait.
    waited: Duration,
    /// What came in it.
    bytes: u64,
    /// When the current wait began.
    since: Option<Instant>,
}

impl Pace {
    fn new(limits: &HttpLimits) -> Self {
        Self {
            span: limits.patience,
            least: limits.pace,
            waited: Duration::ZERO,
            bytes: 0,
            since: None,
        }
    }

    /// Nothing is there now. Gives the end of the span if nothing comes.
    fn wait(&mut self, now: Instant) -> Instant {
        let since = *self.since.get_or_insert(now);
        since + self.span.saturating_sub(self.waited)
    }

    /// Something came.
    fn came(&mut self, now: Instant, bytes: usize) {
        self.bytes += bytes as u64;
        if let Some(since) = self.since.take() {
            self.waited += now.saturating_duration_since(since);
        }
    }

    /// Begins the next span at the end of one; an error when too little came in it.
    fn next_span(&mut self) -> Result<(), BodyError> {
        if self.bytes < self.least {
            return Err(BodyError::Slow);
        }
        (self.waited, self.bytes, self.since) = (Duration::ZERO, 0, None);
        Ok(())
    }
}

impl ClientBody {
    pub(crate) fn new(body: Incoming, limits: &HttpLimits, received: Counter) -> Self {
        Self {
            body,
            pace: Pace::new(limits),
            alarm: None,
            received,
        }
    }

    /// Waits; ready when too little came for too long.
    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<BodyError> {
        loop {
            let end = self.pace.wait(Instant::now());
            let alarm = self
                .alarm
                .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(end.into())));
            ready!(alarm.as_mut().poll(cx));
            self.alarm = None;
            if let Err(error) = self.pace.next_span() {
                return Poll::Ready(error);
            }
        }
    }
}

impl Body for ClientBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
            return self.poll_alarm(cx).map(|error| Some(Err(error)));
        };
        self.alarm = None;
        if let Some(Ok(frame)) = &frame {
            let bytes = frame.data_ref().map_or(0, Bytes::len);
            self.pace.came(Instant::now(), bytes);
            self.received.inc_by(bytes as u64);
        }
        Poll::Ready(frame.map(|frame| frame.map_err(BodyError::from)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace() -> Pace {
        let limits = HttpLimits {
            patience: Duration::from_mins(1),
            pace: 10,
            ..HttpLimits::default()
        };
        Pace::new(&limits)
    }

    /// A client that sends so many bytes each time we have waited so many seconds, a hundred times; how often it did
    /// before it was given up.
    fn drip(bytes: usize, seconds: u64) -> usize {
        let (mut pace, mut now) = (pace(), Instant::now());
        for count in 0..100 {
            let comes = now + Duration::from_secs(seconds);
            while pace.wait(now) <= comes {
                now = pace.wait(now);
                if pace.next_span().is_err() {
                    return count;
                }
            }
            now = comes;
            pace.came(now, bytes);
        }
        100
    }

    #[test]
    fn who_keeps_the_pace_may_take_any_time() {
        assert_eq!(drip(10, 59), 100);
        assert_eq!(drip(2, 10), 100);
    }

    #[test]
    fn who_does_not_is_given_up() {
        assert_eq!(drip(1000, 61), 0);
        assert_eq!(drip(1, 10), 5);
    }

    #[test]
    fn our_own_time_does_not_count() {
        let (mut pace, mut now) = (pace(), Instant::now());
        for _ in 0..3 {
            assert_eq!(pace.wait(now) - now, Duration::from_mins(1));
            pace.came(now, 1);
            now += Duration::from_hours(1);
        }
    }
}
