//! Whether a cloud should get requests: whether what its answers rest on can be used.

use std::error::Error;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use gumnut_cloud_blobs::BlobStore;
use gumnut_cloud_catalogue::{Catalogue, CatalogueError, Clock};
use gumnut_cloud_http::{Condition, Instruments, Probe};
use tokio::task::JoinHandle;
use tokio::time::error::Elapsed;

/// How long the database and the store of the bytes may take to answer.
const PATIENCE: Duration = Duration::from_secs(1);
const PATIENCE_MILLIS: i64 = 1000;
/// How long it counts that the bytes could be reached. A look at a bucket is a request that somebody may have to pay for.
const BLOBS_FRESH: Duration = Duration::from_secs(5);
/// By how many milliseconds the clock may differ from that of the database.
const MOST_DIFFERENCE: u64 = 2000;

const NOT_REACHABLE: Option<&str> = Some("not reachable");

/// Looks at the catalogue and the bytes.
#[derive(Debug)]
pub(crate) struct CloudProbe {
    catalogue: Catalogue,
    blobs: Arc<dyn BlobStore>,
    clock: Clock,
    /// By how many milliseconds this clock is behind that of the database, when last looked at.
    difference: Arc<AtomicI64>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What was found last, so that the log says only what has changed.
    conditions: Vec<Condition>,
    /// When the bytes were last reached.
    blobs_reached: Option<Instant>,
    /// A question to the database that was not answered in time, and still may be.
    asked: Option<JoinHandle<Answer>>,
}

/// What the database says, and when it was asked and has answered, in milliseconds since 1970.
type Answer = (Result<i64, CatalogueError>, i64, i64);

impl CloudProbe {
    pub(crate) fn new(
        catalogue: Catalogue,
        blobs: Arc<dyn BlobStore>,
        clock: Clock,
        instruments: &mut Instruments,
    ) -> Self {
        let difference = Arc::new(AtomicI64::new(0));
        let read = Arc::clone(&difference);
        instruments.gauge(
            "clock_difference_seconds",
            "By how much the clock of the database was ahead of that of this machine when readiness was looked at last",
            move || {
                let millis = read.load(Ordering::Relaxed);
                let in_range = i32::try_from(millis).unwrap_or(i32::MAX);
                f64::from(in_range) / 1000.0
            },
        );
        Self {
            catalogue,
            blobs,
            clock,
            difference,
            state: Mutex::default(),
        }
    }

    /// Asks the database, and waits for the answer for a while. The question continues then: it may be the one that finds out that a
    /// server hangs, and that makes a connection to the one which has taken over, where that takes longer.
    async fn ask(&self) -> Result<Answer, Elapsed> {
        let before = self.state(|state| state.asked.take());
        let mut asked = match before {
            Some(before) if !before.is_finished() => before,
            // What was answered late says little about the clock.
            _ => {
                let (catalogue, clock) = (self.catalogue.clone(), self.clock.clone());
                tokio::spawn(async move {
                    let before = clock.now_millis();
                    let answer = catalogue.ready().await;
                    (answer, before, clock.now_millis())
                })
            }
        };
        match tokio::time::timeout(PATIENCE, &mut asked).await {
            Ok(Ok(answer)) => Ok(answer),
            // It has panicked, or the runtime ends.
            Ok(Err(_)) => Ok((Err(CatalogueError::Closed), 0, 0)),
            Err(slow) => {
                self.state(|state| state.asked = Some(asked));
                Err(slow)
            }
        }
    }

    async fn database(&self) -> [Condition; 3] {
        let answer = self.ask().await;
        let [mut database, mut schema, mut clock] =
            ["database", "schema", "clock"].map(|name| Condition { name, fault: None });
        match answer {
            // An answer that was long on its way says nothing of the clock.
            Ok((Ok(_), before, after)) if after - before > PATIENCE_MILLIS => {}
            Ok((Ok(time), before, after)) => {
                // In the middle of the question and the answer, as nearly as can be told.
                let difference = time - (before + (after - before) / 2);
                self.difference.store(difference, Ordering::Relaxed);
                clock.fault = fault_of_clock(difference);
                if clock.fault.is_some() && self.held("clock") {
                    tracing::warn!(
                        milliseconds = difference,
                        "the cloud is not ready: its clock differs from that of the database"
                    );
                }
            }
            Ok((Err(error @ CatalogueError::Version { .. }), _, _)) => {
                schema.fault = Some("needs another version of gumnut");
                self.log("schema", &error);
            }
            Ok((Err(error), _, _)) => {
                database.fault = NOT_REACHABLE;
                self.log("database", &error);
            }
            Err(slow) => {
                database.fault = Some("does not answer in time");
                self.log("database", &slow);
            }
        }
        [database, schema, clock]
    }

    async fn bytes(&self) -> Condition {
        let reached = self.state(|state| state.blobs_reached);
        let name = "blobs";
        if reached.is_some_and(|at| at.elapsed() < BLOBS_FRESH) {
            return Condition { name, fault: None };
        }
        let answer = tokio::time::timeout(PATIENCE, self.blobs.ready()).await;
        let (reached, fault) = match answer {
            Ok(Ok(())) => (Some(Instant::now()), None),
            Ok(Err(error)) => {
                self.log(name, &error);
                (None, NOT_REACHABLE)
            }
            Err(slow) => {
                self.log(name, &slow);
                (None, Some("does not answer in time"))
            }
        };
        self.state(|state| state.blobs_reached = reached);
        Condition { name, fault }
    }

    /// Says in the log why a condition does not hold, if it did when last looked at.
    fn log(&self, name: &'static str, error: &(dyn Error + 'static)) {
        if self.held(name) {
            tracing::warn!(condition = name, error, "the cloud is not ready");
        }
    }

    /// Whether a condition held when last looked at, or was not looked at yet.
    fn held(&self, name: &str) -> bool {
        let held = |it: &Condition| it.name != name || it.fault.is_none();
        self.state(|state| state.conditions.iter().all(held))
    }

    fn state<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Probe for CloudProbe {
    async fn look(&self) -> Vec<Condition> {
        let (database, bytes) = tokio::join!(self.database(), self.bytes());
        let conditions = [&database[..], &[bytes]].concat();
        for Condition { name, fault } in &conditions {
            if fault.is_none() && !self.held(name) {
                tracing::warn!(condition = name, "the cloud is ready again in this respect");
            }
        }
        self.state(|state| state.conditions.clone_from(&conditions));
        conditions
    }
}

fn fault_of_clock(difference: i64) -> Option<&'static str> {
    let fits = difference.unsigned_abs() <= MOST_DIFFERENCE;
    (!fits).then_some("differs from that of the database by more than 2 s")
}

#[cfg(test)]
mod tests {
    use gumnut_cloud_bucket::{BucketBlobs, BucketConfig, BucketKeys};
    use gumnut_cloud_sqlite::SqliteCatalogue;
    use gumnut_types::SecretString;
    use tokio::net::TcpListener;

    use super::*;

    fn probe(blobs: impl BlobStore + 'static) -> CloudProbe {
        let database = SqliteCatalogue::in_memory(Clock::system()).unwrap();
        let mut unread = Instruments::default();
        CloudProbe::new(
            Catalogue::new(database),
            Arc::new(blobs),
            Clock::system(),
            &mut unread,
        )
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn bytes_that_cannot_be_reached_are_not_ready() {
        let ready = probe(gumnut_cloud_blobs::MemoryBlobs::new()).look().await;
        let names: Vec<_> = ready.iter().map(|it| it.name).collect();
        assert_eq!(names, ["database", "schema", "clock", "blobs"]);
        assert!(ready.iter().all(|it| it.fault.is_none()), "{ready:?}");

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!(
            "s3://blobs?endpoint=http://{}",
            listener.local_addr().unwrap()
        );
        let config = BucketConfig {
            url: url.parse().unwrap(),
            keys: BucketKeys::new("key", SecretString::new("secret")),
            cluster: Some("c1".to_owned()),
        };
        // It is connected to, and never answers; then nobody listens any more.
        let away = probe(BucketBlobs::open(config).unwrap());
        let slow = away.look().await;
        drop(listener);
        let gone = away.look().await;
        for conditions in [slow, gone] {
            let faulty = conditions.iter().filter(|it| it.fault.is_some());
            let faulty: Vec<_> = faulty.map(|it| it.name).collect();
            assert_eq!(faulty, ["blobs"]);
        }
    }

    #[test]
    fn two_seconds_are_borne() {
        for difference in [0, 2000, -2000] {
            assert_eq!(fault_of_clock(difference), None);
        }
        for difference in [2001, -2001, 10_000, i64::MAX, i64::MIN] {
            assert!(fault_of_clock(difference).is_some());
        }
    }
}
