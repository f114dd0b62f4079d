//! Parts in memory.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read};

use gumnut_types::{PartIndex, PartName};

use crate::{PartRecord, PartSink, PartSource};

/// Parts in memory: a sink to write small bundles into, and a source to read them from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryParts {
    parts: BTreeMap<PartName, Vec<u8>>,
    current: Option<(PartName, Vec<u8>)>,
}

impl MemoryParts {
    /// No parts.
    pub fn new() -> Self {
        Self::default()
    }

    /// The bytes of a part.
    pub fn get(&self, name: &PartName) -> Option<&[u8]> {
        self.parts.get(name).map(Vec::as_slice)
    }

    /// Adds or replaces a part.
    pub fn insert(&mut self, name: PartName, bytes: Vec<u8>) {
        self.parts.insert(name, bytes);
    }

    /// Takes a part away.
    pub fn remove(&mut self, name: &PartName) -> Option<Vec<u8>> {
        self.parts.remove(name)
    }

    /// The names of all parts, in the order of their text.
    pub fn names(&self) -> impl Iterator<Item = &PartName> {
        self.parts.keys()
    }

    fn find(&self, name: &PartName) -> io::Result<&[u8]> {
        self.get(name).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl PartSink for MemoryParts {
    fn start(&mut self, _index: PartIndex, name: &PartName) -> io::Result<()> {
        self.current = Some((name.clone(), Vec::new()));
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some((_, part)) = &mut self.current {
            part.extend_from_slice(bytes);
        }
        Ok(())
    }

    fn finish(&mut self, _part: &PartRecord) -> io::Result<()> {
        self.parts.extend(self.current.take());
        Ok(())
    }
}

impl PartSource for MemoryParts {
    fn size(&mut self, _index: PartIndex, name: &PartName) -> io::Result<Option<u64>> {
        Ok(Some(self.find(name)?.len() as u64))
    }

    fn open(&mut self, _index: PartIndex, name: &PartName) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(Cursor::new(self.find(name)?.to_vec())))
    }
}
