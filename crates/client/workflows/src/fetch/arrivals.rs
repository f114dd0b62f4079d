//! Parts for the threads that restore an image, as they arrive from the network.

use std::io::{self, Read};
use std::path::PathBuf;

use gumnut_bundle::PartSource;
use gumnut_types::{PartIndex, PartName};
use tokio::sync::mpsc::Receiver;

/// A part that is in the directory.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) index: PartIndex,
    pub(super) path: PathBuf,
}

/// Parts in the order of their indexes; opening one waits until it has arrived.
#[derive(Debug)]
pub(super) struct Arrivals {
    receiver: Receiver<Arrival>,
    sizes: Vec<u64>,
}

impl Arrivals {
    /// Parts of these sizes in bytes.
    pub(super) fn new(receiver: Receiver<Arrival>, sizes: Vec<u64>) -> Self {
        Self { receiver, sizes }
    }
}

impl PartSource for Arrivals {
    fn size(&mut self, index: PartIndex, _name: &PartName) -> io::Result<Option<u64>> {
        Ok(self.sizes.get(index.as_usize()).copied())
    }

    fn open(&mut self, index: PartIndex, _name: &PartName) -> io::Result<Box<dyn Read + Send>> {
        let arrival = self
            .receiver
            .blocking_recv()
            .ok_or_else(|| io::Error::other("it did not arrive"))?;
        if arrival.index != index {
            return Err(io::Error::other("another part arrived instead"));
        }
        Ok(Box::new(fs_err::File::open(arrival.path)?))
    }
}
