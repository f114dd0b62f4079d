//! Transactions, and what they load and write.

use std::future::Future;
use std::pin::Pin;

use deadpool::managed::Object;
use futures::FutureExt as _;
use futures::future::{MaybeDone, join, maybe_done};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::connection::{Connection, Connector, Write, finished, sends};
use crate::failure::Failure;

/// A kind of unit of change: how to load what a decision rests on, and how to write what was decided.
pub(crate) trait Unit: Sync {
    /// What the decision rests on.
    type State: Send;
    /// What is decided.
    type Change: Send;

    /// Loads and locks what the decision rests on. Everything is sent when this is polled first.
    fn load(
        &self,
        connection: &Connection,
    ) -> impl Future<Output = Result<Self::State, Failure>> + Send;

    /// The statements that change what was decided. Nothing is read again.
    fn writes(&self, state: &Self::State, change: Self::Change) -> Result<Vec<Write>, Failure>;
}

/// A transaction on a connection of the pool. Dropped before it has ended, it is rolled back; nobody waits for that.
#[derive(Debug)]
pub(crate) struct Transaction {
    connection: Object<Connector>,
    is_open: bool,
}

impl Transaction {
    /// Begins a transaction and loads what a unit of change rests on; all is sent at once.
    pub(crate) async fn begin<U: Unit>(
        connection: Object<Connector>,
        unit: &U,
    ) -> Result<(Self, U::State), Failure> {
        let transaction = Self {
            connection,
            is_open: true,
        };
        let isolated = transaction
            .connection
            .run("BEGIN ISOLATION LEVEL READ COMMITTED");
        let (begun, state) = join(isolated, unit.load(&transaction.connection)).await;
        begun?;
        let state = state?;
        Ok((transaction, state))
    }

    /// Writes and commits; all is sent at once. Gives the rows that the statements return.
    pub(crate) async fn commit(mut self, writes: &[Write]) -> Result<Vec<Row>, Failure> {
        let connection = &self.connection;
        let mut calls: Vec<_> = writes
            .iter()
            .map(|Write { sql, values }| {
                Box::pin(maybe_done(async move {
                    let values: Vec<_> = values
                        .iter()
                        .map(|it| &**it as &(dyn ToSql + Sync))
                        .collect();
                    connection.rows(sql, &values).await
                }))
            })
            .collect();
        sends(&mut calls).await;
        // One that could not be sent must not be left out of what is committed. An answer may also be here already.
        let is_failed = |call: &Pin<Box<_>>| matches!(&**call, MaybeDone::Done(Err(_)));
        if calls.iter().any(is_failed) {
            let outcomes = finished(calls).await;
            // The first one says why; those behind it say only that something failed before.
            return Err(first_failure(outcomes));
        }
        let outcome = connection.run("COMMIT").await;
        // After a statement that failed the server rolls back instead, whatever it answers.
        self.is_open = false;
        let rows = finished(calls)
            .await
            .into_iter()
            .collect::<Result<Vec<_>, _>>();
        let rows = rows.map_err(Failure::of_commit)?;
        outcome.map_err(Failure::of_commit)?;
        Ok(rows.concat())
    }
}

/// What failed first.
fn first_failure(outcomes: Vec<Result<Vec<Row>, Failure>>) -> Failure {
    let mut failures = outcomes.into_iter().filter_map(Result::err);
    failures.next().unwrap_or(Failure::Stale)
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if self.is_open {
            // Polled once it is on its way, in front of all that the next user of the connection sends.
            let _ = self
                .connection
                .client
                .batch_execute("ROLLBACK")
                .now_or_never();
        }
    }
}
