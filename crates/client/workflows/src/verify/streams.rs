//! Parts as streams, from the network to the threads that look into them.
//!
//! Several parts come at a time; those whose turn is later wait in memory. Each may hold so many bytes there, and then its
//! connection waits.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::Bytes;
use gumnut_bundle::PartSource;
use gumnut_manifest::Part;
use gumnut_transport::TransportError;
use gumnut_types::{PartIndex, PartName};
use gumnut_walrus_client::ObjectHead;
use tokio::sync::mpsc::{
    Receiver, Sender, UnboundedReceiver, UnboundedSender, channel, unbounded_channel,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{StoredBundle, WorkflowError};

/// Bytes that all parts together may hold in memory.
pub(super) const BUDGET: usize = 64 << 20;

/// Bytes with the right to are in memory.
struct Piece {
    bytes: Bytes,
    _room: OwnedSemaphorePermit,
}

/// What comes of a part: its pieces, and nothing at its proper end.
type Pieces = UnboundedReceiver<Option<Piece>>;

/// The end of the network.
pub(super) struct Feed {
    parts: Sender<(PartIndex, Pieces)>,
    /// Bytes of one part that may are in memory.
    room: usize,
}

/// A part that somebody waits for.
pub(super) struct Begun(UnboundedSender<Option<Piece>>);

/// The end of the threads.
pub(super) struct Streams {
    parts: Receiver<(PartIndex, Pieces)>,
    sizes: Vec<u64>,
}

impl Streams {
    /// `jobs` parts at a time, of all with these sizes in bytes.
    pub(super) fn new(jobs: usize, sizes: Vec<u64>) -> (Feed, Self) {
        let jobs = jobs.max(1);
        let (sender, parts) = channel(jobs);
        // One more part is being read while the others wait.
        let feed = Feed {
            parts: sender,
            room: BUDGET / (jobs + 1),
        };
        (feed, Self { parts, sizes })
    }
}

impl Feed {
    /// Begins the next part in their order, when there is room for one more; nothing when nobody wants it any more.
    pub(super) async fn begin(&self, index: PartIndex) -> Option<Begun> {
        let (sender, pieces) = unbounded_channel();
        self.parts.send((index, pieces)).await.ok()?;
        Some(Begun(sender))
    }

    /// Reads a part to its end. Gives up without an error when nobody wants it any more: anyone who checks says why.
    pub(super) async fn read(
        &self,
        begun: Option<Begun>,
        bundle: &StoredBundle,
        (part, head): (&Part, &ObjectHead),
    ) -> Result<(), WorkflowError> {
        let Some(Begun(sender)) = begun else {
            return Ok(());
        };
        let room = Arc::new(Semaphore::new(self.room));
        let key = bundle.part_key(&part.name)?;
        let bucket = &bundle.location.bucket;
        let mut reader = bundle.store.read_object(bucket, &key, Some(head));
        let mut next = reader.chunk().await;
        if is_another(&next) {
            // Whether it is the right one by now, or always was, its digest shows.
            reader = bundle.store.read_object(bucket, &key, None);
            next = reader.chunk().await;
        }
        while let Some(bytes) = next? {
            let size = u32::try_from(bytes.len().min(self.room)).unwrap_or(u32::MAX);
            let permit = Arc::clone(&room).acquire_many_owned(size).await;
            let piece = Piece {
                bytes,
                _room: permit.map_err(|_| WorkflowError::Died)?,
            };
            if sender.send(Some(piece)).is_err() {
                return Ok(());
            }
            next = reader.chunk().await;
        }
        // Nobody may be there to hear of the end.
        let _ = sender.send(None);
        Ok(())
    }
}

impl PartSource for Streams {
    fn size(&mut self, index: PartIndex, _name: &PartName) -> io::Result<Option<u64>> {
        Ok(self.sizes.get(index.as_usize()).copied())
    }

    fn open(&mut self, index: PartIndex, _name: &PartName) -> io::Result<Box<dyn Read + Send>> {
        match self.parts.blocking_recv() {
            Some((arrived, pieces)) if arrived == index => Ok(Box::new(Stream {
                pieces,
                current: None,
                ended: false,
            })),
            _ => Err(not_arrived()),
        }
    }
}

/// One part.
struct Stream {
    pieces: Pieces,
    current: Option<Piece>,
    ended: bool,
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.ended {
            if self.current.is_none() {
                self.current = self.pieces.blocking_recv().ok_or_else(not_arrived)?;
            }
            let Some(mut piece) = self.current.take() else {
                self.ended = true;
                break;
            };
            let count = buffer.len().min(piece.bytes.len());
            let taken = piece.bytes.split_to(count);
            buffer[..count].copy_from_slice(&taken);
            if !piece.bytes.is_empty() {
                self.current = Some(piece);
            }
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
        }
        Ok(0)
    }
}

/// Whether the store says that it has another object than it said before.
fn is_another<T>(read: &Result<T, TransportError>) -> bool {
    let refusal = read.as_ref().err().and_then(TransportError::refusal);
    refusal.is_some_and(|refusal| refusal.status == 412)
}

fn not_arrived() -> io::Error {
    io::Error::other("it did not arrive")
}
