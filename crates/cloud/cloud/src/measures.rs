//! What is counted of the catalogue and the bytes, for the page of metrics.

use std::sync::Arc;
use std::time::Duration;

use gumnut_cloud_blobs::{BlobError, BlobObserver, BlobStore, ObservedBlobs};
use gumnut_cloud_catalogue::{Catalogue, CatalogueError, Observer};
use gumnut_cloud_http::{Instruments, Operations};

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
