//! The thread that owns the connection.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use futures::channel::oneshot;
use gumnut_cloud_catalogue::CatalogueError;
use rusqlite::{Connection, TransactionBehavior};

use crate::failure::{Failure, Panicked};

/// The thread that owns the connection. It works jobs off in the order in which they come.
///
/// When this is dropped the thread does what it was still asked for, closes the connection and ends.
#[derive(Debug)]
pub(crate) struct ConnectionThread {
    /// `None` only while this is dropped.
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

/// Something that the thread is asked for.
enum Job {
    /// A unit of change, whose outcome is told when it is on the disk.
    Change(Unit, oneshot::Sender<Result<(), Failure>>),
    /// A read, which tells the outcome itself.
    Read(Box<dyn FnOnce(&mut Connection) + Send>),
}

/// Loads, decides and applies; the transaction around it is not its own.
type Unit = Box<dyn FnOnce(&Connection) -> Result<(), Failure> + Send>;

impl ConnectionThread {
    /// Hands the connection to a new thread.
    pub(crate) fn start(connection: Connection) -> io::Result<Self> {
        let (jobs, queue) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("catalogue".to_owned())
            .spawn(move || work(connection, &queue))?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// Runs a unit of change in a transaction, which is taken back when it fails.
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        unit: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, CatalogueError> {
        let (give, result) = oneshot::channel();
        let (tell, outcome) = oneshot::channel();
        let unit = Box::new(|connection: &Connection| {
            // Nobody is there to be told when the caller was dropped; the change happens all the same.
            let _ = give.send(unit(connection)?);
            Ok(())
        });
        self.ask(Job::Change(unit, tell))?;
        // What the unit gives is worth nothing before the commit.
        outcome.await.map_err(|_| CatalogueError::Closed)??;
        result.await.map_err(|_| CatalogueError::Closed)
    }

    /// Runs a read, all of which sees one state.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, CatalogueError> {
        let (tell, outcome) = oneshot::channel();
        self.ask(Job::Read(Box::new(|connection| {
            // Nobody is there to be told when the caller was dropped.
            let _ = tell.send(unpanicked(|| {
                let snapshot = connection.transaction()?;
                look(&snapshot)
            }));
        })))?;
        let outcome = outcome.await.map_err(|_| CatalogueError::Closed)?;
        Ok(outcome?)
    }

    fn ask(&self, job: Job) -> Result<(), CatalogueError> {
        let jobs = self.jobs.as_ref().ok_or(CatalogueError::Closed)?;
        jobs.send(job).map_err(|_| CatalogueError::Closed)
    }
}

impl Drop for ConnectionThread {
    fn drop(&mut self) {
        drop(self.jobs.take());
        let thread = self.thread.take();
        // A decision that holds the last handle is dropped on the thread itself, which cannot wait for its own end.
        if let Some(thread) = thread.filter(|it| it.thread().id() != thread::current().id()) {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}

fn work(mut connection: Connection, queue: &mpsc::Receiver<Job>) {
    for job in queue {
        match job {
            Job::Change(unit, tell) => {
                let _ = tell.send(unpanicked(|| commit(&mut connection, unit)));
            }
            Job::Read(read) => read(&mut connection),
        }
    }
}

/// Runs one unit as a transaction of its own. Units that wait could share one, each in a savepoint.
fn commit(connection: &mut Connection, unit: Unit) -> Result<(), Failure> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    unit(&transaction)?;
    transaction.commit().map_err(Failure::of_commit)
}

/// Makes an error of a panic. A transaction that it interrupts is taken back while it unwinds.
fn unpanicked<T>(job: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(job)).unwrap_or_else(|_| Err(Failure::of(Panicked)))
}
