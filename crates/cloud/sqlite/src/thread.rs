//! The thread that owns the connection which writes.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread::{self, JoinHandle};

use futures::channel::oneshot;
use gumnut_cloud_catalogue::CatalogueError;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::failure::{Failure, Panicked};
use crate::identity;
use crate::mark::Mark;
use crate::reserve::{GivesRoom, Reserve};
use crate::upkeep::Upkeep;

/// Brings what is in the log into the file.
const CHECKPOINT: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

/// Most units of change that share one transaction.
const UNITS_AT_ONCE: usize = 256;

/// Hears of what the thread does.
pub trait CommitObserver: fmt::Debug + Send + Sync + 'static {
    /// A commit is on the disk, with so many units of change.
    fn committed(&self, units: usize);
}

/// Who hears of commits, if anybody does.
pub(crate) type Observed = Arc<OnceLock<Arc<dyn CommitObserver>>>;

/// The thread that owns the connection which writes. It works jobs off in the order in which they come.
///
/// Units of change that wait share one transaction, so that the disk is waited for once for all of them.
///
/// When this is dropped the thread does what it was still asked for, closes the connection and ends.
#[derive(Debug)]
pub(crate) struct ConnectionThread {
    /// `None` only while this is dropped.
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    observed: Observed,
}

/// Something that the thread is asked for.
enum Job {
    /// A unit of change.
    Change(Change),
    /// A read, which reports the outcome itself.
    Read(Box<dyn FnOnce(&mut Connection) + Send>),
}

/// A unit of change, and where its outcome is reported when it is on the disk.
struct Change {
    unit: Unit,
    /// Whether it may change accounts, users or their keys.
    is_of_accounts: bool,
    tell: oneshot::Sender<Result<(), Failure>>,
}

/// Loads, decides and applies; the transaction around it is not its own. It runs again when that was taken back.
type Unit = Box<dyn FnMut(&Connection, &GivesRoom) -> Result<(), Failure> + Send>;

/// What is beside the file of a catalogue.
#[derive(Debug)]
pub(crate) struct Beside {
    /// Where the thread reports how far the catalogue has come.
    pub(crate) mark: Mark,
    /// Is given up when a unit that gives room back finds none.
    pub(crate) reserve: Reserve,
    /// Brings the log into the file.
    pub(crate) upkeep: Upkeep,
}

impl ConnectionThread {
    /// Hands the connection to a new thread, and what is beside its file; `None` for a catalogue in memory or a copy.
    pub(crate) fn start(connection: Connection, beside: Option<Beside>) -> io::Result<Self> {
        let (jobs, queue) = mpsc::channel();
        let observed = Observed::default();
        let heard = Arc::clone(&observed);
        let thread = thread::Builder::new()
            .name("catalogue".to_owned())
            .spawn(move || work(connection, beside, &queue, &heard))?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
            observed,
        })
    }

    /// Lets somebody hear of commits from now on. Only the first who asks does.
    pub(crate) fn observed_by(&self, observer: Arc<dyn CommitObserver>) {
        // There is one cloud for each catalogue.
        let _ = self.observed.set(observer);
    }

    /// Runs a unit of change, perhaps several times: the last time counts. It is taken back when it fails, and is on the disk
    /// when this returns.
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        unit: impl FnMut(&Connection, &GivesRoom) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, CatalogueError> {
        self.run(unit, false).await
    }

    /// Runs a unit of change, as [`ConnectionThread::change`] does, that may change accounts, users or their keys.
    pub(crate) async fn change_accounts<T: Send + 'static>(
        &self,
        unit: impl FnMut(&Connection, &GivesRoom) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, CatalogueError> {
        self.run(unit, true).await
    }

    async fn run<T: Send + 'static>(
        &self,
        mut unit: impl FnMut(&Connection, &GivesRoom) -> Result<T, Failure> + Send + 'static,
        is_of_accounts: bool,
    ) -> Result<T, CatalogueError> {
        let (give, results) = mpsc::channel();
        let (tell, outcome) = oneshot::channel();
        let unit = Box::new(move |connection: &Connection, gives_room: &GivesRoom| {
            // Nobody is there to be told when the caller was dropped; the change happens anyway.
            let _ = give.send(unit(connection, gives_room)?);
            Ok(())
        });
        self.ask(Job::Change(Change {
            unit,
            is_of_accounts,
            tell,
        }))?;
        // What the unit gives is worth nothing before the commit.
        outcome.await.map_err(|_| CatalogueError::Closed)??;
        results.try_iter().last().ok_or(CatalogueError::Closed)
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

fn work(
    mut connection: Connection,
    mut beside: Option<Beside>,
    queue: &mpsc::Receiver<Job>,
    observed: &Observed,
) {
    let mut behind = None;
    while let Some(job) = behind.take().or_else(|| queue.recv().ok()) {
        match job {
            Job::Change(change) => {
                behind = commit(&mut connection, beside.as_mut(), change, (queue, observed));
                if let Some(beside) = &beside {
                    beside.upkeep.finish(&connection);
                }
            }
            Job::Read(read) => read(&mut connection),
        }
    }
}

/// Runs a unit and those that wait behind it in one transaction, and gives the first job behind them that is a read: it must
/// not see what is not committed.
fn commit(
    connection: &mut Connection,
    mut beside: Option<&mut Beside>,
    first: Change,
    (queue, observed): (&mpsc::Receiver<Job>, &Observed),
) -> Option<Job> {
    let before = beside.is_some().then(|| connection.total_changes());
    let mut transaction = match connection.transaction_with_behavior(TransactionBehavior::Immediate)
    {
        Ok(transaction) => transaction,
        Err(error) => {
            first.answer(Err(error.into()));
            return None;
        }
    };
    if let Some(beside) = &beside {
        beside.upkeep.make_room();
    }
    // Those that found no room: alone they may have that which is kept for them.
    let (mut done, mut starved) = (Vec::new(), Vec::new());
    let mut next = Some(first);
    let mut behind = None;
    while let Some(mut change) = next.take() {
        match unpanicked(|| in_savepoint(&mut transaction, &mut change.unit)) {
            Ok(()) => done.push(change),
            Err(failure) if failure.is_full() => starved.push(change),
            Err(failure) => change.answer(Err(failure)),
        }
        // After some errors, a full disk among them, SQLite takes back the whole transaction.
        if transaction.is_autocommit() {
            drop(transaction);
            for change in done.into_iter().chain(starved) {
                alone(connection, beside.as_deref_mut(), change);
            }
            return None;
        }
        if done.len() + starved.len() < UNITS_AT_ONCE {
            match queue.try_recv() {
                Ok(Job::Change(change)) => next = Some(change),
                Ok(read) => behind = Some(read),
                // Nothing waits, or nothing will come any more: what is done is committed.
                Err(_) => {}
            }
        }
    }
    match counted(transaction, before) {
        Ok(changes) => {
            if let Some(observer) = observed.get().filter(|_| !done.is_empty()) {
                observer.committed(done.len());
            }
            let are_of_accounts = done.iter().any(|change| change.is_of_accounts);
            note(beside.as_deref_mut(), changes, are_of_accounts);
            for change in done {
                change.answer(Ok(()));
            }
        }
        // All of it was taken back, and some of it may have room.
        Err(failure) if failure.is_full() => {
            for change in done {
                alone(connection, beside.as_deref_mut(), change);
            }
        }
        Err(failure) => {
            for change in done {
                change.answer(Err(failure.for_another()));
            }
        }
    }
    for change in starved {
        alone(connection, beside.as_deref_mut(), change);
    }
    behind
}

/// Runs one unit so that, when it fails, what it wrote is taken back and the units before it are left alone.
fn in_savepoint(transaction: &mut Transaction<'_>, unit: &mut Unit) -> Result<(), Failure> {
    let savepoint = transaction.savepoint()?;
    unit(&savepoint, &GivesRoom::default())?;
    Ok(savepoint.commit()?)
}

/// Runs one unit in a transaction of its own, on a full disk with the room that is kept for those that give room back.
fn alone(connection: &mut Connection, beside: Option<&mut Beside>, mut change: Change) {
    let outcome = unpanicked(|| {
        let gives_room = GivesRoom::default();
        let Some(beside) = beside else {
            return attempt(connection, false, &mut change.unit, &gives_room).map(drop);
        };
        let changes = match attempt(connection, true, &mut change.unit, &gives_room) {
            Err(failure) if failure.is_full() && gives_room.is_said() => {
                beside.reserve.give_up()?;
                // Once all of it is in the file, the log is overwritten from its beginning.
                connection.query_row(CHECKPOINT, [], |_| Ok(()))?;
                attempt(connection, true, &mut change.unit, &gives_room)?
            }
            outcome => outcome?,
        };
        note(Some(beside), changes, change.is_of_accounts);
        Ok(())
    });
    change.answer(outcome);
}

/// Runs one unit in a transaction of its own; gives the number of changes as [`counted`] does, if it is `marked`.
fn attempt(
    connection: &mut Connection,
    marked: bool,
    unit: &mut Unit,
    gives_room: &GivesRoom,
) -> Result<Option<u64>, Failure> {
    let before = marked.then(|| connection.total_changes());
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    unit(&transaction, gives_room)?;
    counted(transaction, before)
}

/// Commits a transaction, and gives the number of changes that the catalogue has had with it. It is `None` for a transaction that
/// has changed nothing since the connection had made `before` changes of rows, and for a catalogue without a mark, where `before` is
/// `None`.
fn counted(transaction: Transaction<'_>, before: Option<u64>) -> Result<Option<u64>, Failure> {
    let has_changed = before.is_some_and(|before| transaction.total_changes() != before);
    let changes = if has_changed {
        Some(identity::count(&transaction)?)
    } else {
        None
    };
    transaction.commit().map_err(Failure::of_commit)?;
    Ok(changes)
}

/// Writes down how far the catalogue has come, and keeps room again for those that give room back.
fn note(beside: Option<&mut Beside>, changes: Option<u64>, are_of_accounts: bool) {
    if let (Some(beside), Some(changes)) = (beside, changes) {
        beside.mark.note(changes, are_of_accounts);
        beside.reserve.keep();
    }
}

impl Change {
    fn answer(self, outcome: Result<(), Failure>) {
        // Nobody is there to be told when the caller was dropped.
        let _ = self.tell.send(outcome);
    }
}

/// Makes an error of a panic. A transaction that it interrupts is taken back while it unwinds.
pub(crate) fn unpanicked<T>(job: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(job)).unwrap_or_else(|_| Err(Failure::of(Panicked)))
}

#[cfg(test)]
mod tests;
