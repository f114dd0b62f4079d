//! What is counted of the catalogue and the bytes, for the page of metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gumnut_cloud_blobs::{BlobError, BlobObserver, BlobStore, ObservedBlobs};
use gumnut_cloud_catalogue::{Catalogue, CatalogueError, Observer};
use gumnut_cloud_http::{Instruments, Operations, Sizes};
use gumnut_cloud_objects::Collected;
use gumnut_cloud_sqlite::{CommitObserver, SqliteCatalogue};

/// Hears of calls and counts them.
#[derive(Debug)]
struct Counting(Operations);

impl Observer for Counting {
    fn called(&self, operation: &'static str, time: Duration, error: Option<&CatalogueError>) {
        // A name that is taken is the client's affair.
        let has_failed = error.is_some_and(|it| !matches!(it, CatalogueError::Conflict(_)));
        self.0.observe(operation, time, has_failed);
    }
}

impl BlobObserver for Counting {
    fn called(&self, operation: &'static str, time: Duration, error: Option<&BlobError>) {
        self.0.observe(operation, time, error.is_some());
    }
}

/// Counts the units of change of each commit.
#[derive(Debug)]
struct Commits(Sizes);

impl CommitObserver for Commits {
    fn committed(&self, units: usize) {
        self.0.observe(u32::try_from(units).unwrap_or(u32::MAX));
    }
}

/// Counts the commits of a catalogue in a file, each with the number of its units of change.
pub(crate) fn commits(instruments: &mut Instruments, catalogue: &SqliteCatalogue) {
    let help = "Changes of the catalogue that were committed together";
    let sizes = instruments.sizes("batch_jobs", help);
    catalogue.observed_by(Arc::new(Commits(sizes)));
}

/// What the collector has found and deleted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Collections(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// Blobs that were given up and are still there.
    garbage: AtomicU64,
    garbage_collected: AtomicU64,
    orphans_collected: AtomicU64,
    uploads_aborted: AtomicU64,
}

impl Collections {
    /// Counts that are on the page.
    pub(crate) fn new(instruments: &mut Instruments) -> Self {
        let new = Self::default();
        let of = || Arc::clone(&new.0);
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (garbage, deleted, orphans, uploads) = (of(), of(), of(), of());
        instruments.gauge(
            "garbage",
            "Blobs that were given up and wait for their deletion, when the collector last looked",
            move || f64::from(u32::try_from(read(&garbage.garbage)).unwrap_or(u32::MAX)),
        );
        instruments.counter(
            "garbage_collected",
            "Blobs that were given up and that this process has deleted",
            move || read(&deleted.garbage_collected),
        );
        instruments.counter(
            "orphans_collected",
            "Blobs that no object names and that this process has deleted",
            move || read(&orphans.orphans_collected),
        );
        instruments.counter(
            "uploads_aborted",
            "Abandoned uploads that this process has aborted",
            move || read(&uploads.uploads_aborted),
        );
        new
    }

    /// Counts what a round of the collector has deleted.
    pub(crate) fn add(&self, collected: &Collected) {
        let counts = &self.0;
        for (count, more) in [
            (&counts.garbage_collected, collected.garbage),
            (&counts.orphans_collected, collected.orphans),
            (&counts.uploads_aborted, collected.uploads),
        ] {
            count.fetch_add(more, Ordering::Relaxed);
        }
    }

    /// Notes how many blobs that were given up are still there.
    pub(crate) fn note_garbage(&self, count: u64) {
        self.0.garbage.store(count, Ordering::Relaxed);
    }
}

/// A catalogue whose calls are counted.
pub(crate) fn catalogue(instruments: &mut Instruments, catalogue: Catalogue) -> Catalogue {
    let help = "Reads of the catalogue and changes of it";
    let operations = instruments.operations("catalogue", help);
    catalogue.observed_by(Arc::new(Counting(operations)))
}

/// A store of bytes whose calls are counted.
pub(crate) fn blobs(
    instruments: &mut Instruments,
    blobs: Arc<dyn BlobStore>,
) -> Arc<dyn BlobStore> {
    let help = "Operations on the store of the bytes";
    let operations = instruments.operations("blob", help);
    Arc::new(ObservedBlobs::new(blobs, Arc::new(Counting(operations))))
}

/// What connections to PostgreSQL do.
#[cfg(feature = "postgres")]
pub(crate) fn postgres(
    instruments: &mut Instruments,
    statistics: &gumnut_cloud_postgres::PostgresStatistics,
) {
    let few = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    let of = || statistics.clone();
    let (open, used, waiting) = (of(), of(), of());
    instruments.gauge(
        "postgres_connections",
        "Connections to PostgreSQL that are open",
        move || few(open.connections()),
    );
    instruments.gauge(
        "postgres_connections_in_use",
        "Connections to PostgreSQL that are in use",
        move || few(used.in_use()),
    );
    instruments.gauge(
        "postgres_waiting",
        "Calls that wait for a connection to PostgreSQL",
        move || few(waiting.waiting()),
    );
    let (statements, trips, retries) = (of(), of(), of());
    instruments.counter(
        "postgres_statements",
        "Statements that were sent to PostgreSQL, BEGIN and COMMIT included",
        move || statements.statements(),
    );
    instruments.counter(
        "postgres_round_trips",
        "How often an answer of PostgreSQL had to be waited for",
        move || trips.round_trips(),
    );
    instruments.counter(
        "postgres_retries",
        "Transactions and reads that were tried again",
        move || retries.retries(),
    );
}
