//! Parts handed to another thread, whole, with back-pressure.

use std::io;
use std::sync::mpsc::SyncSender;

use gumnut_types::{PartIndex, PartName};

use crate::{PartRecord, PartSink};

/// A finished part with its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinishedPart {
    /// What the manifest will say about it.
    pub record: PartRecord,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Sends each finished part through a channel, and waits until there is room for it.
///
/// With a channel of capacity 0 two parts exist at a time: one that is being filled, and one that
/// the receiver works on. The receiver gives up the bundle by dropping its end: the sink then fails
/// with [`io::ErrorKind::BrokenPipe`].
#[derive(Debug)]
pub struct ChannelSink {
    sender: SyncSender<FinishedPart>,
    bytes: Vec<u8>,
}

impl ChannelSink {
    /// Sends the parts to `sender`.
    pub fn new(sender: SyncSender<FinishedPart>) -> Self {
        Self {
            sender,
            bytes: Vec::new(),
        }
    }
}

impl PartSink for ChannelSink {
    fn start(&mut self, _index: PartIndex, _name: &PartName) -> io::Result<()> {
        self.bytes = Vec::new();
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(&mut self, part: &PartRecord) -> io::Result<()> {
        let part = FinishedPart {
            record: part.clone(),
            bytes: std::mem::take(&mut self.bytes),
        };
        self.sender
            .send(part)
            .map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}
