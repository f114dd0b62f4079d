//! Whether a server should get requests: the page `/readyz`.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use tokio::sync::watch;

use crate::body::{Body, full};

/// How long what was found is the answer to others who ask. Asking more often causes no more work.
const FRESH: Duration = Duration::from_secs(1);

/// Something that must hold so that a server can answer requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    /// What it is about, on the page and as the label `condition` of a metric: `database`.
    pub name: &'static str,
    /// Why it does not hold, in words that everybody may read; `None` when it holds.
    pub fault: Option<&'static str>,
}

/// Finds out whether a server can answer requests.
#[async_trait]
pub trait Probe: Send + Sync + 'static {
    /// Looks at everything that answers rest on. It takes a second or two at most, and is asked about once a second at most, however
    /// many clients want to know.
    async fn look(&self) -> Vec<Condition>;
}

/// A server whose answers rest on nothing else.
#[derive(Clone, Copy, Debug)]
pub struct AlwaysReady;

#[async_trait]
impl Probe for AlwaysReady {
    async fn look(&self) -> Vec<Condition> {
        Vec::new()
    }
}

/// A probe, and what it found last.
pub(crate) struct Readiness {
    probe: Arc<dyn Probe>,
    /// How long a look counts.
    fresh: Duration,
    last: Mutex<Option<Look>>,
}

/// A look that was begun.
#[derive(Clone)]
struct Look {
    begun: Instant,
    /// `None` until it has ended.
    found: watch::Receiver<Option<Vec<Condition>>>,
}

impl Readiness {
    pub(crate) fn new(probe: Box<dyn Probe>) -> Self {
        Self {
            probe: probe.into(),
            fresh: FRESH,
            last: Mutex::default(),
        }
    }

    /// What the last look has found, if that is not too long ago, else what a new one finds.
    pub(crate) async fn conditions(&self) -> Vec<Condition> {
        let mut found = self.look();
        match found.wait_for(Option::is_some).await {
            Ok(found) => found.clone().unwrap_or_default(),
            Err(_) => vec![Condition {
                name: "probe",
                fault: Some("has failed"),
            }],
        }
    }

    fn look(&self) -> watch::Receiver<Option<Vec<Condition>>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(look) = &*last
            && (look.begun.elapsed() < self.fresh || look.is_running())
        {
            return look.found.clone();
        }
        let (tell, found) = watch::channel(None);
        let probe = Arc::clone(&self.probe);
        // A task of its own: a client that does not wait for the answer must not make the next one begin a look.
        tokio::spawn(async move { tell.send_replace(Some(probe.look().await)) });
        *last = Some(Look {
            begun: Instant::now(),
            found: found.clone(),
        });
        found
    }
}

impl Look {
    fn is_running(&self) -> bool {
        self.found.borrow().is_none() && self.found.has_changed().is_ok()
    }
}

/// The page for load balancers: 200 when all conditions hold, 503 when not.
pub(crate) fn page(conditions: &[Condition]) -> Response<Body> {
    let is_ready = conditions.iter().all(|it| it.fault.is_none());
    let mut text = String::from(if is_ready { "ready\n" } else { "not ready\n" });
    for Condition { name, fault } in conditions {
        // Writing to a text does not fail.
        let _ = writeln!(text, "{name}: {}", fault.unwrap_or("ok"));
    }
    let mut response = Response::new(full(text));
    let headers = response.headers_mut();
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(CONTENT_TYPE, plain);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if !is_ready {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    response
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::FutureExt as _;
    use tokio::sync::Semaphore;

    use super::*;

    const GOOD: Condition = Condition {
        name: "database",
        fault: None,
    };

    /// Counts its looks, each of which waits to be let through.
    struct Counting {
        looks: Arc<AtomicUsize>,
        let_through: Arc<Semaphore>,
    }

    #[async_trait]
    impl Probe for Counting {
        async fn look(&self) -> Vec<Condition> {
            self.looks.fetch_add(1, Ordering::SeqCst);
            self.let_through.acquire().await.unwrap().forget();
            vec![GOOD]
        }
    }

    fn counting(fresh: Duration) -> (Readiness, Arc<AtomicUsize>, Arc<Semaphore>) {
        let (looks, let_through) = (Arc::default(), Arc::new(Semaphore::new(0)));
        let probe = Counting {
            looks: Arc::clone(&looks),
            let_through: Arc::clone(&let_through),
        };
        let mut readiness = Readiness::new(Box::new(probe));
        readiness.fresh = fresh;
        (readiness, looks, let_through)
    }

    #[tokio::test]
    async fn however_many_ask_there_is_one_look_at_a_time() {
        for fresh in [Duration::ZERO, Duration::from_hours(1)] {
            let (readiness, looks, let_through) = counting(fresh);
            for _ in 0..3 {
                // Who goes away leaves the look to the others.
                assert!(readiness.conditions().now_or_never().is_none());
                tokio::task::yield_now().await;
            }
            let_through.add_permits(1);
            assert_eq!(readiness.conditions().await, [GOOD]);
            assert_eq!(looks.load(Ordering::SeqCst), 1);
            let_through.add_permits(1);
            assert_eq!(readiness.conditions().await, [GOOD]);
            let expected = if fresh.is_zero() { 2 } else { 1 };
            assert_eq!(looks.load(Ordering::SeqCst), expected);
        }
    }

    /// Panics at the first look.
    struct Failing(AtomicUsize);

    #[async_trait]
    impl Probe for Failing {
        async fn look(&self) -> Vec<Condition> {
            assert!(self.0.fetch_add(1, Ordering::SeqCst) > 0, "the first look");
            vec![GOOD]
        }
    }

    #[tokio::test]
    async fn a_probe_that_fails_is_not_ready_and_asked_again() {
        let mut readiness = Readiness::new(Box::new(Failing(AtomicUsize::new(0))));
        readiness.fresh = Duration::ZERO;
        let failed = readiness.conditions().await;
        assert_eq!(failed[0].fault, Some("has failed"));
        assert_eq!(page(&failed).status(), 503);
        assert_eq!(readiness.conditions().await, [GOOD]);
    }
}
