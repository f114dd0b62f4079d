//! What a part is, where parts go and where they come from.

use std::io::{self, Read};

use gumnut_types::{PartIndex, PartName, Sha1Digest};

/// A part that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartRecord {
    /// Its place in the bundle.
    pub index: PartIndex,
    /// Its file name.
    pub name: PartName,
    /// Its size in bytes.
    pub size: u64,
    /// The SHA-1 digest of its bytes.
    pub digest: Sha1Digest,
}

/// Where a [`Splitter`](crate::Splitter) puts parts: a directory, an object store, a channel.
///
/// The calls come in order: `start`, any number of `write`, `finish`, and so on for each part. After
/// an error nothing more is called. A sink that does not hear from its owner that the whole bundle
/// succeeded has to undo what it did.
///
/// A sink may block: the whole pipeline waits for it, with bounded memory.
pub trait PartSink {
    /// A new part begins.
    ///
    /// # Errors
    ///
    /// The part cannot be stored.
    fn start(&mut self, index: PartIndex, name: &PartName) -> io::Result<()>;

    /// More bytes of the part. All of them are to be taken.
    ///
    /// # Errors
    ///
    /// The part cannot be stored.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// The part is complete.
    ///
    /// # Errors
    ///
    /// The part cannot be stored.
    fn finish(&mut self, part: &PartRecord) -> io::Result<()>;
}

impl<S: PartSink + ?Sized> PartSink for &mut S {
    fn start(&mut self, index: PartIndex, name: &PartName) -> io::Result<()> {
        (**self).start(index, name)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        (**self).write(bytes)
    }

    fn finish(&mut self, part: &PartRecord) -> io::Result<()> {
        (**self).finish(part)
    }
}

/// Where a [`Joiner`](crate::Joiner) gets parts from: a directory, an object store, memory.
pub trait PartSource {
    /// The size of a part in bytes, if it can be told without reading the part.
    ///
    /// # Errors
    ///
    /// The part is missing or is nothing that can be read.
    fn size(&mut self, index: PartIndex, name: &PartName) -> io::Result<Option<u64>> {
        let _ = (index, name);
        Ok(None)
    }

    /// Begins to read a part.
    ///
    /// # Errors
    ///
    /// The part is missing or is nothing that can be read.
    fn open(&mut self, index: PartIndex, name: &PartName) -> io::Result<Box<dyn Read + Send>>;
}

impl<S: PartSource + ?Sized> PartSource for &mut S {
    fn size(&mut self, index: PartIndex, name: &PartName) -> io::Result<Option<u64>> {
        (**self).size(index, name)
    }

    fn open(&mut self, index: PartIndex, name: &PartName) -> io::Result<Box<dyn Read + Send>> {
        (**self).open(index, name)
    }
}
