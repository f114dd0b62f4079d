//! Connections to the server, and the pool of them.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{
    Manager, Metrics, Object, PoolError, RecycleError, RecycleResult, TimeoutType,
};
use futures::FutureExt as _;
use futures::future::{MaybeDone, join3, maybe_done, try_join_all};
use rustls::ClientConfig;
use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls, Row, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::config::{Locks, PostgresConfig};
use crate::error::PostgresError;
use crate::failure::Failure;
use crate::values::Value;

/// How long a client waits for a free connection.
const FREE_TIME: Duration = Duration::from_secs(5);

pub(crate) type Pool = deadpool::managed::Pool<Connector>;

/// Makes connections.
#[derive(Debug)]
pub(crate) struct Connector {
    config: PostgresConfig,
    /// What each connection prepares.
    statements: Vec<&'static str>,
    pub(crate) counts: Arc<Counts>,
}

/// What all connections of a pool have done so far.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Statements that were sent, those that begin and end transactions among them.
    pub(crate) statements: AtomicU64,
    /// How often something was sent on a connection while nothing was waited for on it.
    pub(crate) round_trips: AtomicU64,
    /// How often something was tried again: another unit was in the way, or a connection was lost.
    pub(crate) retries: AtomicU64,
    /// How often an answer has not come in time.
    silences: AtomicU64,
}

/// A connection with all its statements prepared, so that none waits for its preparation: what is sent behind one another arrives in
/// that order.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) client: Client,
    prepared: HashMap<&'static str, Statement>,
    answer_time: Duration,
    /// Whether nobody else may have it: an answer has not come in time, or a transaction may be open.
    is_unusable: AtomicBool,
    /// How often an answer had not come in time when this was made.
    silences: u64,
    /// How many answers are waited for.
    waiting: AtomicU32,
    counts: Arc<Counts>,
}

/// A statement that changes something, with its values.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) sql: &'static str,
    pub(crate) values: Vec<Value>,
}

/// A pool of connections to the server. The first is made when it is needed.
pub(crate) fn pool(
    config: &PostgresConfig,
    statements: impl Iterator<Item = &'static str>,
) -> Result<Pool, PostgresError> {
    let connector = Connector {
        config: config.clone(),
        statements: statements.collect(),
        counts: Arc::default(),
    };
    Pool::builder(connector)
        .max_size(config.connections)
        .wait_timeout(Some(FREE_TIME))
        .create_timeout(Some(config.connect_time_of_all() + config.answer_time()))
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|_| PostgresError::Busy)
}

/// A connection of the pool, of this caller alone.
pub(crate) async fn take(pool: &Pool) -> Result<Object<Connector>, PostgresError> {
    pool.get().await.map_err(|error| match error {
        PoolError::Backend(error) => error,
        PoolError::Timeout(TimeoutType::Wait) | PoolError::Closed => PostgresError::Busy,
        _ => PostgresError::Silent,
    })
}

/// Connects to the first of the servers that takes the connection, without preparing anything.
pub(crate) async fn connect(config: &PostgresConfig) -> Result<Client, PostgresError> {
    let tls = config.tls()?;
    let mut failure = PostgresError::Silent;
    for server in config.servers()? {
        // One that hangs accepts connections and says nothing: the limit is on all of it, so that the next has its turn.
        let connected = timeout(config.connect_time, connect_to(&server, tls.clone())).await;
        failure = match connected {
            Ok(Ok(client)) => return Ok(client),
            Ok(Err(error)) => config.not_connected(error),
            Err(_) => config.unreachable("it did not answer in time".into()),
        };
    }
    Err(failure)
}

async fn connect_to(
    server: &tokio_postgres::Config,
    tls: Option<ClientConfig>,
) -> Result<Client, tokio_postgres::Error> {
    // Boxed, as they are large and rare.
    match tls {
        None => {
            let (client, connection) = Box::pin(server.connect(NoTls)).await?;
            tokio::spawn(connection.map(drop));
            Ok(client)
        }
        Some(tls) => {
            let connect = Box::pin(server.connect(MakeRustlsConnect::new(tls)));
            let (client, connection) = connect.await?;
            tokio::spawn(connection.map(drop));
            Ok(client)
        }
    }
}

impl Manager for Connector {
    type Type = Connection;
    type Error = PostgresError;

    async fn create(&self) -> Result<Connection, PostgresError> {
        let silences = self.counts.silences.load(Ordering::Relaxed);
        let client = connect(&self.config).await?;
        let locks = self.config.locks;
        let prepared = self.statements.iter().map(|&sql| {
            let client = &client;
            async move {
                let text = match locks {
                    Locks::Taken => sql.to_owned(),
                    #[cfg(test)]
                    Locks::Left => without_locks(sql),
                };
                client
                    .prepare(&text)
                    .await
                    .map(|statement| (sql, statement))
            }
        });
        let prepared = try_join_all(prepared).await?.into_iter().collect();
        Ok(Connection {
            client,
            prepared,
            answer_time: self.config.answer_time(),
            is_unusable: AtomicBool::new(false),
            silences,
            waiting: AtomicU32::new(0),
            counts: Arc::clone(&self.counts),
        })
    }

    async fn recycle(
        &self,
        connection: &mut Connection,
        _: &Metrics,
    ) -> RecycleResult<PostgresError> {
        if connection.client.is_closed() || *connection.is_unusable.get_mut() {
            return Err(RecycleError::message("closed"));
        }
        // What hangs is the server, and not one of its connections: who takes the others would wait as long for each of them.
        if connection.silences != self.counts.silences.load(Ordering::Relaxed) {
            return Err(RecycleError::message("of a server that did not answer"));
        }
        Ok(())
    }
}

/// A statement that locks no rows, so that a test sees what goes wrong then.
#[cfg(test)]
fn without_locks(sql: &str) -> String {
    let strengths = ["FOR NO KEY UPDATE", "FOR UPDATE", "FOR SHARE"];
    let tables = ["o", "u", "b", "i"];
    let mut text = sql.to_owned();
    for strength in strengths {
        for table in tables {
            text = text.replace(&format!(" {strength} OF {table}"), "");
        }
        text = text.replace(&format!(" {strength}"), "");
    }
    text
}

impl Connection {
    /// Runs a statement and gives its rows. It is sent when this is polled first, and what is sent later arrives later.
    pub(crate) async fn rows(
        &self,
        sql: &'static str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Failure> {
        let statement = self.prepared.get(sql);
        let statement = statement.ok_or_else(|| Failure::of(Unprepared(sql)))?;
        self.in_time(self.client.query(statement, values)).await
    }

    /// Runs a statement that gives one row or none.
    pub(crate) async fn row(
        &self,
        sql: &'static str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, Failure> {
        Ok(self.rows(sql, values).await?.pop())
    }

    /// Lets a read of several statements see one state. Everything is sent at once.
    pub(crate) async fn snapshot<T>(
        &self,
        look: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let snapshot = self.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
        let (begun, found, ended) = join3(snapshot, look, self.run("COMMIT")).await;
        begun?;
        let found = found?;
        ended?;
        Ok(found)
    }

    /// Prepares a statement, and runs it in one transaction with each list of values. Gives the rows of the first.
    pub(crate) async fn unprepared(
        &self,
        sql: &str,
        values: &[Vec<&(dyn ToSql + Sync)>],
    ) -> Result<Vec<Row>, Failure> {
        let statement = self.in_time(self.client.prepare(sql)).await?;
        // A caller that is dropped in between leaves a transaction open: nobody is to have the connection then.
        self.is_unusable.store(true, Ordering::Relaxed);
        self.run("BEGIN").await?;
        let calls = values
            .iter()
            .map(|values| self.in_time(self.client.query(&statement, values)));
        let outcomes: Result<Vec<_>, _> = in_order(calls).await.into_iter().collect();
        let end = if outcomes.is_ok() {
            "COMMIT"
        } else {
            "ROLLBACK"
        };
        self.run(end).await?;
        self.is_unusable.store(false, Ordering::Relaxed);
        Ok(outcomes?.into_iter().next().unwrap_or_default())
    }

    /// Runs statements without values.
    pub(crate) async fn run(&self, sql: &str) -> Result<(), Failure> {
        self.in_time(self.client.batch_execute(sql)).await
    }

    async fn in_time<T>(
        &self,
        answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Failure> {
        let waiting = Waiting::begin(self);
        let answer = timeout(self.answer_time, answer).await;
        drop(waiting);
        let answer = answer.map_err(|_| {
            self.is_unusable.store(true, Ordering::Relaxed);
            self.counts.silences.fetch_add(1, Ordering::Relaxed);
            PostgresError::Silent
        });
        Ok(answer??)
    }
}

/// An answer that is waited for, until this is dropped.
struct Waiting<'a>(&'a AtomicU32);

impl<'a> Waiting<'a> {
    /// Counts a statement that is sent now.
    fn begin(connection: &'a Connection) -> Self {
        let counts = &connection.counts;
        counts.statements.fetch_add(1, Ordering::Relaxed);
        if connection.waiting.fetch_add(1, Ordering::Relaxed) == 0 {
            counts.round_trips.fetch_add(1, Ordering::Relaxed);
        }
        Self(&connection.waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A statement is in no list of its module.
#[derive(Debug, thiserror::Error)]
#[error("the statement is not prepared; please report this: {0}")]
struct Unprepared(&'static str);

/// Sends calls in their order without waiting in between, and gives what they give.
pub(crate) async fn in_order<F: Future>(calls: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut calls: Vec<_> = calls.map(|call| Box::pin(maybe_done(call))).collect();
    sends(&mut calls).await;
    finished(calls).await
}

/// Polls each call once, in their order, so that it is sent.
pub(crate) async fn sends<F: Future>(calls: &mut [Pin<Box<MaybeDone<F>>>]) {
    poll_fn(|context| {
        for call in &mut *calls {
            // Whether it has ended by now is seen later.
            let _ = call.as_mut().poll(context);
        }
        Poll::Ready(())
    })
    .await;
}

pub(crate) async fn finished<F: Future>(calls: Vec<Pin<Box<MaybeDone<F>>>>) -> Vec<F::Output> {
    let mut outputs = Vec::with_capacity(calls.len());
    for mut call in calls {
        call.as_mut().await;
        outputs.extend(call.as_mut().take_output());
    }
    outputs
}
