//! Writing files to the disk in the background.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use tempfile::{NamedTempFile, TempPath};

use crate::SplitterError;

/// Files that may wait to be synced before the writer waits, too.
const QUEUED: usize = 4;

/// A file under its temporary name, and the name that it will get.
#[derive(Debug)]
pub(crate) struct Staged {
    /// The temporary name. The file goes with it when this is dropped.
    pub(crate) temporary: TempPath,
    /// The final name.
    pub(crate) path: PathBuf,
}

/// Syncs and closes files in a thread of its own, so that the pipeline does not wait for the disk.
///
/// Dropping it waits for the thread, and with the thread's files removes them all.
#[derive(Debug)]
pub(crate) struct Syncer(Option<Running>);

#[derive(Debug)]
struct Running {
    sender: SyncSender<(NamedTempFile, PathBuf)>,
    thread: JoinHandle<Result<Vec<Staged>, SplitterError>>,
}

impl Syncer {
    pub(crate) fn start() -> io::Result<Self> {
        let (sender, receiver) = sync_channel::<(NamedTempFile, PathBuf)>(QUEUED);
        let thread = thread::Builder::new()
            .name("sync".to_owned())
            .spawn(move || {
                // The first error ends the iteration, and with it the receiver.
                receiver
                    .into_iter()
                    .map(|(file, path)| stage(file, path))
                    .collect()
            })?;
        Ok(Self(Some(Running { sender, thread })))
    }

    /// Hands over a file that is complete. An error says only that an earlier file failed.
    pub(crate) fn send(&self, file: NamedTempFile, path: PathBuf) -> Result<(), SyncFailed> {
        let running = self.0.as_ref().ok_or(SyncFailed)?;
        running.sender.send((file, path)).map_err(|_| SyncFailed)
    }

    /// Waits until all files are on the disk.
    pub(crate) fn finish(mut self) -> Result<Vec<Staged>, SplitterError> {
        self.join()
    }

    fn join(&mut self) -> Result<Vec<Staged>, SplitterError> {
        let Running { sender, thread } = self.0.take().ok_or_else(died)?;
        drop(sender);
        thread.join().unwrap_or_else(|_| Err(died()))
    }
}

fn died() -> SplitterError {
    SplitterError::Io(io::Error::other("the thread that syncs files died"))
}

impl Drop for Syncer {
    fn drop(&mut self) {
        // Whatever the files are worth, they go.
        let _ = self.join();
    }
}

/// An earlier file could not be synced; [`Syncer::finish`] says which.
#[derive(Debug)]
pub(crate) struct SyncFailed;

/// Syncs one file and closes it: thousands of open ones would be too many.
pub(crate) fn stage(file: NamedTempFile, path: PathBuf) -> Result<Staged, SplitterError> {
    match file.as_file().sync_all() {
        Ok(()) => Ok(Staged {
            temporary: file.into_temp_path(),
            path,
        }),
        Err(source) => Err(SplitterError::File { path, source }),
    }
}
