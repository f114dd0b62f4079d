//! Units of change, tried until no other has been in the way.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use gumnut_cloud_catalogue::CatalogueError;
use tokio::runtime::Handle;
use tokio_postgres::Row;

use crate::connection::{self, Counts, Pool};
use crate::error::PostgresError;
use crate::failure::Failure;
use crate::transaction::{Transaction, Unit};

/// How often a unit is tried that fails by others or by lost connections.
const TRIES: u32 = 10;

/// How long a unit is tried again whose rows others change again and again. Each time one of them has come through.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Counts tries, and says when to give up.
#[derive(Debug)]
pub(crate) struct Tries {
    counts: Arc<Counts>,
    left: u32,
    /// Counts from the first failure: before it, the unit may have waited long for others.
    until: Option<Instant>,
}

impl Tries {
    pub(crate) fn new(pool: &Pool) -> Self {
        Self {
            counts: Arc::clone(&pool.manager().counts),
            left: TRIES,
            until: None,
        }
    }

    /// Whether to try again what failed so; the error when not.
    pub(crate) fn again(&mut self, failure: Failure) -> Result<(), CatalogueError> {
        let counts = match &failure {
            Failure::Stale => 0,
            Failure::Again(_) | Failure::Lost(_) => 1,
            Failure::Final(_) => TRIES,
        };
        self.left = self.left.saturating_sub(counts);
        let now = Instant::now();
        if self.left == 0 || now >= *self.until.get_or_insert(now + PATIENCE) {
            return Err(failure.give_up());
        }
        self.counts.retries.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// Runs a future within a runtime, whichever thread polls it: connections and time limits need one.
pub(crate) async fn within<F: Future>(runtime: &Handle, future: F) -> F::Output {
    let mut future = Box::pin(future);
    poll_fn(|context| {
        let _entered = runtime.enter();
        future.as_mut().poll(context)
    })
    .await
}

/// Tries a unit of change until no other is in the way. Gives the rows that the writes return: none when the decision refuses.
pub(crate) async fn change<U: Unit>(
    pool: &Pool,
    unit: &U,
    mut decide: impl FnMut(&U::State) -> Option<U::Change> + Send,
) -> Result<Vec<Row>, CatalogueError> {
    let mut tries = Tries::new(pool);
    loop {
        match attempt(pool, unit, &mut decide).await {
            Ok(rows) => return Ok(rows),
            Err(failure) => tries.again(failure)?,
        }
    }
}

/// Tries a unit of change once.
pub(crate) async fn attempt<U: Unit>(
    pool: &Pool,
    unit: &U,
    decide: &mut (impl FnMut(&U::State) -> Option<U::Change> + Send),
) -> Result<Vec<Row>, Failure> {
    let connection = taken(pool).await?;
    let (transaction, state) = Transaction::begin(connection, unit).await?;
    let Some(change) = decide(&state) else {
        return Ok(Vec::new());
    };
    let writes = unit.writes(&state, change)?;
    if writes.is_empty() {
        return Ok(Vec::new());
    }
    transaction.commit(&writes).await
}

/// A connection of the pool. Where none can be made, nobody tries again: it takes long, and the client is asked to.
pub(crate) async fn taken(
    pool: &Pool,
) -> Result<deadpool::managed::Object<connection::Connector>, Failure> {
    let taken = connection::take(pool).await;
    taken.map_err(|error: PostgresError| Failure::Final(error.into()))
}
