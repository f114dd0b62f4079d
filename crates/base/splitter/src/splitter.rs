//! Cutting a stream into parts.

use std::io::{self, Write};
use std::num::NonZeroU64;

use gumnut_types::{PartIndex, PartName, Sha1Digest};
use sha1::{Digest, Sha1};

use crate::{BundleNames, PartRecord, PartSink, SplitterError};

/// A [`Write`] that cuts what is written into parts of one size and takes their digests.
///
/// The last part may be shorter and is never empty: a stream that ends at a border has no part of
/// 0 bytes behind it, and an empty stream has no parts.
#[derive(Debug)]
pub struct Splitter<S> {
    sink: S,
    names: BundleNames,
    part_size: NonZeroU64,
    most: u32,
    current: Option<Current>,
    done: Vec<PartRecord>,
}

#[derive(Debug)]
struct Current {
    index: PartIndex,
    name: PartName,
    size: u64,
    digest: Sha1,
}

impl<S: PartSink> Splitter<S> {
    /// Writes parts of `part_size` bytes into `sink`, at most `most` of them.
    pub fn new(sink: S, names: BundleNames, part_size: NonZeroU64, most: u32) -> Self {
        Self {
            sink,
            names,
            part_size,
            most,
            current: None,
            done: Vec::new(),
        }
    }

    /// Finishes the last part, and returns the sink and a record of each part in order.
    ///
    /// # Errors
    ///
    /// The sink failed.
    pub fn finish(mut self) -> io::Result<(S, Vec<PartRecord>)> {
        if let Some(current) = self.current.take() {
            self.close(current)?;
        }
        Ok((self.sink, self.done))
    }

    fn start(&mut self) -> Result<Current, SplitterError> {
        let limit = self.most;
        let index = u32::try_from(self.done.len())
            .ok()
            .filter(|index| *index < limit)
            .map(PartIndex)
            .ok_or(SplitterError::TooManyParts { limit })?;
        let name = self.names.part(index)?;
        let started = self.sink.start(index, &name);
        started.map_err(|error| store(&name, error))?;
        Ok(Current {
            index,
            name,
            size: 0,
            digest: Sha1::new(),
        })
    }

    fn close(&mut self, current: Current) -> io::Result<()> {
        let record = PartRecord {
            index: current.index,
            name: current.name,
            size: current.size,
            digest: Sha1Digest::from_bytes(current.digest.finalize().into()),
        };
        let finished = self.sink.finish(&record);
        finished.map_err(|error| store(&record.name, error))?;
        self.done.push(record);
        Ok(())
    }
}

/// An error that already names the part or the file is not wrapped again.
fn store(name: &PartName, error: io::Error) -> SplitterError {
    match SplitterError::from_io(error) {
        SplitterError::Io(source) => SplitterError::Store {
            name: name.clone(),
            source,
        },
        told => told,
    }
}

impl<S: PartSink> Write for Splitter<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let mut current = match self.current.take() {
            Some(current) => current,
            None => self.start()?,
        };
        let room = self.part_size.get() - current.size;
        let count = usize::try_from(room).map_or(bytes.len(), |room| room.min(bytes.len()));
        let bytes = &bytes[..count];
        current.digest.update(bytes);
        self.sink
            .write(bytes)
            .map_err(|error| store(&current.name, error))?;
        current.size += count as u64;
        if current.size == self.part_size.get() {
            self.close(current)?;
        } else {
            self.current = Some(current);
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::MemoryParts;

    fn names() -> BundleNames {
        BundleNames::new("image".parse().unwrap()).unwrap()
    }

    fn split(data: &[u8], part_size: u64, chunk: usize) -> (MemoryParts, Vec<PartRecord>) {
        let part_size = NonZeroU64::new(part_size).unwrap();
        let mut splitter = Splitter::new(MemoryParts::new(), names(), part_size, 1000);
        for bytes in data.chunks(chunk.max(1)) {
            splitter.write_all(bytes).unwrap();
        }
        splitter.finish().unwrap()
    }

    #[test]
    fn there_is_no_empty_part() {
        let sizes = |len: usize| -> Vec<u64> {
            let (_, records) = split(&vec![1; len], 80, 7);
            records.iter().map(|record| record.size).collect()
        };
        assert_eq!(sizes(0), [0; 0]);
        assert_eq!(sizes(79), [79]);
        assert_eq!(sizes(80), [80]);
        assert_eq!(sizes(81), [80, 1]);
        assert_eq!(sizes(160), [80, 80]);
    }

    #[test]
    fn the_number_of_parts_is_bounded() {
        let part_size = NonZeroU64::new(2).unwrap();
        let mut splitter = Splitter::new(MemoryParts::new(), names(), part_size, 3);
        splitter.write_all(b"123456").unwrap();
        let error = SplitterError::from_io(splitter.write_all(b"7").unwrap_err());
        assert!(matches!(error, SplitterError::TooManyParts { limit: 3 }));
    }

    #[test]
    fn a_failing_sink_is_named_with_its_part() {
        struct Full(u32);
        impl PartSink for Full {
            fn start(&mut self, _index: PartIndex, _name: &PartName) -> io::Result<()> {
                self.0 += 1;
                Ok(())
            }
            fn write(&mut self, _bytes: &[u8]) -> io::Result<()> {
                if self.0 < 3 {
                    Ok(())
                } else {
                    Err(io::ErrorKind::StorageFull.into())
                }
            }
            fn finish(&mut self, _part: &PartRecord) -> io::Result<()> {
                Ok(())
            }
        }
        let part_size = NonZeroU64::new(2).unwrap();
        let mut splitter = Splitter::new(Full(0), names(), part_size, 9);
        let error = splitter.write_all(b"1234567").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        let error = SplitterError::from_io(error);
        assert!(
            matches!(error, SplitterError::Store { name, .. } if name.as_str() == "image.part.02")
        );
    }

    proptest! {
        #[test]
        fn parts_do_not_depend_on_how_the_stream_is_written(
            data in prop::collection::vec(any::<u8>(), 0..300),
            part_size in 1_u64..100,
            chunk in 1_usize..400,
        ) {
            let (parts, records) = split(&data, part_size, chunk);
            prop_assert_eq!(&split(&data, part_size, 1), &(parts.clone(), records.clone()));
            let joined: Vec<u8> = records.iter().flat_map(|r| parts.get(&r.name).unwrap().to_vec()).collect();
            prop_assert_eq!(joined, data);
        }
    }
}
