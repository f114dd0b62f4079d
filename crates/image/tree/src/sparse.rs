//! The maps of sparse files, in the four forms that GNU tar has had.

use std::ops::Range;

use crate::error::{TarError, printable};
use crate::header::{Header, number};
use crate::limits::TarLimits;
use crate::pax::Records;

/// Ranges of data that are added in order.
pub(crate) struct Map<'a> {
    path: &'a [u8],
    limits: &'a TarLimits,
    data: Vec<Range<u64>>,
}

impl<'a> Map<'a> {
    pub(crate) fn new(path: &'a [u8], limits: &'a TarLimits) -> Self {
        Self {
            path,
            limits,
            data: Vec::new(),
        }
    }

    fn malformed(&self) -> TarError {
        TarError::Sparse(printable(self.path))
    }

    pub(crate) fn push(&mut self, offset: u64, bytes: u64) -> Result<(), TarError> {
        let end = offset.checked_add(bytes).ok_or_else(|| self.malformed())?;
        if self.data.last().is_some_and(|last| last.end > offset) {
            return Err(self.malformed());
        }
        if self.data.len() >= self.limits.segments {
            return Err(TarError::Limit {
                path: printable(self.path),
                what: "ranges of data",
                limit: self.limits.segments as u64,
            });
        }
        // An empty range at the end only says how long the file is.
        if bytes > 0 {
            self.data.push(offset..end);
        }
        Ok(())
    }

    /// The map, if it fits into a file of `length` bytes of which `stored` are in the archive.
    pub(crate) fn finish(self, length: u64, stored: u64) -> Result<Vec<Range<u64>>, TarError> {
        let sum: u64 = self.data.iter().map(|range| range.end - range.start).sum();
        let end = self.data.last().map_or(0, |last| last.end);
        if end > length || sum != stored {
            return Err(self.malformed());
        }
        Ok(self.data)
    }

    /// Adds the entries of an old GNU header, or of a record that continues it: 12 digits each for offset and length.
    pub(crate) fn old_entries(&mut self, entries: &[u8]) -> Result<(), TarError> {
        for entry in entries.chunks_exact(24) {
            if entry[0] == 0 {
                break;
            }
            let field = |field: &[u8]| number(field).and_then(|value| u64::try_from(value).ok());
            let (Some(offset), Some(bytes)) = (field(&entry[..12]), field(&entry[12..])) else {
                return Err(self.malformed());
            };
            self.push(offset, bytes)?;
        }
        Ok(())
    }

    /// Adds the entries of versions 0.0 (a record for each number) and 0.1 (all in one record).
    pub(crate) fn records(&mut self, records: &Records) -> Result<(), TarError> {
        let mut offset = None;
        for (key, value) in records.iter() {
            match key {
                b"GNU.sparse.offset" => offset = Some(self.decimal(value)?),
                b"GNU.sparse.numbytes" => {
                    let start = offset.take().ok_or_else(|| self.malformed())?;
                    let bytes = self.decimal(value)?;
                    self.push(start, bytes)?;
                }
                b"GNU.sparse.map" => {
                    let numbers: Vec<_> = value.split(|byte| *byte == b',').collect();
                    for pair in numbers.chunks(2) {
                        let [offset, bytes] = pair else {
                            return Err(self.malformed());
                        };
                        let (offset, bytes) = (self.decimal(offset)?, self.decimal(bytes)?);
                        self.push(offset, bytes)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub(crate) fn decimal(&self, text: &[u8]) -> Result<u64, TarError> {
        str::from_utf8(text)
            .ok()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| self.malformed())
    }
}

/// The entries in an old GNU header, whether more of them follow, and the length of the file.
pub(crate) fn old_header(header: &Header) -> (&[u8], bool, Option<u64>) {
    let length = number(&header.0[483..495]).and_then(|length| u64::try_from(length).ok());
    (&header.0[386..482], header.0[482] != 0, length)
}
