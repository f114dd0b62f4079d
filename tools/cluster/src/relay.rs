//! Stands between a front end and PostgreSQL, and counts how often the front end waits for an answer.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use anyhow::Context as _;
use tempfile::TempDir;

/// A relay; its threads end with the connections.
pub(crate) struct Relay {
    /// Has the socket; paths of sockets are short.
    directory: TempDir,
    trips: Arc<AtomicU64>,
}

impl Relay {
    /// Starts a relay to the server at this socket.
    pub(crate) fn start(server: PathBuf) -> anyhow::Result<Self> {
        let directory = tempfile::tempdir()?;
        let listener = UnixListener::bind(directory.path().join(".s.PGSQL.5432"))
            .context("cannot listen on a socket")?;
        let trips = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&trips);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(upstream) = UnixStream::connect(&server) else {
                    // The client sees that its connection is closed.
                    continue;
                };
                let _ = connect(client, upstream, &counted);
            }
        });
        Ok(Self { directory, trips })
    }

    /// The directory that is in the place of the host's name in a URL.
    pub(crate) fn host(&self) -> &Path {
        self.directory.path()
    }

    /// How often a client has sent something after it had an answer.
    pub(crate) fn trips(&self) -> u64 {
        self.trips.load(Ordering::SeqCst)
    }
}

/// Copies in both directions, in threads, until one side ends.
fn connect(client: UnixStream, server: UnixStream, trips: &Arc<AtomicU64>) -> std::io::Result<()> {
    let is_answered = Arc::new(AtomicBool::new(true));
    let (asked, trips) = (Arc::clone(&is_answered), Arc::clone(trips));
    let (from_client, to_server) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || {
        copy(from_client, to_server, || {
            if asked.swap(false, Ordering::SeqCst) {
                trips.fetch_add(1, Ordering::SeqCst);
            }
        });
    });
    thread::spawn(move || copy(server, client, || is_answered.store(true, Ordering::SeqCst)));
    Ok(())
}

fn copy(mut from: UnixStream, mut to: UnixStream, mut arrived: impl FnMut()) {
    let mut piece = vec![0; 64 << 10];
    while let Ok(length) = from.read(&mut piece) {
        if length == 0 {
            break;
        }
        arrived();
        if to.write_all(&piece[..length]).is_err() {
            break;
        }
    }
    // The other side may have ended before.
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}
