//! The threads of a pipeline and the bounded queues of blocks between them.

use std::error::Error;
use std::fmt;
use std::io;
use std::thread::{self, Scope, ScopedJoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};
use gumnut_archive::{Block, BlockSource};
use gumnut_types::Sha1Digest;
use sha1::{Digest as _, Sha1};

use crate::BundleError;

/// Blocks that wait between two stages.
const QUEUE: usize = 4;

/// Why a stage ended before its work was done.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Its own failure.
    Failed(BundleError),
    /// A neighbour ended early, for a reason that the neighbour knows.
    Neighbour,
}

impl From<BundleError> for Stop {
    fn from(error: BundleError) -> Self {
        Self::Failed(error)
    }
}

/// A queue between two stages. `None` in it marks the proper end of the stream; without the mark,
/// the receiver knows that the sender ended early.
pub(crate) fn queue() -> (Outlet, Inlet) {
    let (sender, receiver) = bounded(QUEUE);
    (
        Outlet(sender),
        Inlet {
            receiver,
            ended: false,
        },
    )
}

/// Where a stage puts its blocks.
#[derive(Debug)]
pub(crate) struct Outlet(Sender<Option<Block>>);

impl Outlet {
    pub(crate) fn send(&self, block: Block) -> Result<(), Stop> {
        self.0.send(Some(block)).map_err(|_| Stop::Neighbour)
    }

    pub(crate) fn finish(self) -> Result<(), Stop> {
        self.0.send(None).map_err(|_| Stop::Neighbour)
    }
}

/// Where a stage gets its blocks.
#[derive(Debug)]
pub(crate) struct Inlet {
    receiver: Receiver<Option<Block>>,
    ended: bool,
}

impl BlockSource for Inlet {
    fn next_block(&mut self) -> io::Result<Option<Block>> {
        if self.ended {
            return Ok(None);
        }
        let block = self
            .receiver
            .recv()
            .map_err(|_| io::Error::other(EndedEarly))?;
        self.ended = block.is_none();
        Ok(block)
    }
}

/// The stage before ended early.
#[derive(Debug)]
struct EndedEarly;

impl fmt::Display for EndedEarly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an earlier stage of the pipeline failed")
    }
}

impl Error for EndedEarly {}

/// Whether reading failed only because the stage before did.
pub(crate) fn ended_early(error: &io::Error) -> bool {
    error
        .get_ref()
        .is_some_and(<dyn Error + Send + Sync>::is::<EndedEarly>)
}

/// The SHA-1 digest of a whole stream.
pub(crate) fn digest(mut stream: Inlet) -> Result<Sha1Digest, Stop> {
    let mut digest = Sha1::new();
    while let Some(block) = stream.next_block().map_err(|_| Stop::Neighbour)? {
        digest.update(&*block);
    }
    Ok(Sha1Digest::from_bytes(digest.finalize().into()))
}

/// A running stage.
pub(crate) struct Stage<'scope, T> {
    name: &'static str,
    handle: ScopedJoinHandle<'scope, Result<T, Stop>>,
}

/// Starts a stage in a thread of its own.
pub(crate) fn stage<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    name: &'static str,
    work: impl FnOnce() -> Result<T, Stop> + Send + 'scope,
) -> Result<Stage<'scope, T>, Stop> {
    let builder = thread::Builder::new().name(name.to_owned());
    let handle = builder
        .spawn_scoped(scope, work)
        .map_err(BundleError::Thread)?;
    Ok(Stage { name, handle })
}

impl<T> Stage<'_, T> {
    /// Waits for the stage.
    pub(crate) fn join(self) -> Result<T, Stop> {
        let died = BundleError::Died { name: self.name };
        self.handle.join().unwrap_or(Err(Stop::Failed(died)))
    }
}

/// The failure behind it all, given what stages ended with, in the order in which their failures
/// matter.
pub(crate) fn cause(stops: impl IntoIterator<Item = Option<Stop>>) -> Option<BundleError> {
    let mut stopped = None;
    for stop in stops.into_iter().flatten() {
        match stop {
            Stop::Failed(error) => return Some(error),
            Stop::Neighbour => stopped = Some(BundleError::Died { name: "pipeline" }),
        }
    }
    stopped
}
