//! Reading a tar stream of one member strictly.

use std::io::{BufRead, Read};

use tar::{GnuExtSparseHeader, GnuSparseHeader, Header};

use super::header::checksum;
use super::pax::{self, Pax};
use super::{RECORD, Segment, SparseMap, number};
use crate::ArchiveError;
use crate::zero::is_zero;

/// The most that name and PAX headers may hold together, in bytes.
const MAX_HEADERS: usize = 64 << 10;

/// However large the file, no larger map is read, in bytes: it is kept in memory.
const MAX_MAP: u64 = 16 << 20;

/// A piece of the member's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// The next bytes, never none.
    Data(&'a [u8]),
    /// So many zeros that the stream does not hold.
    Hole(u64),
}

/// The one file in a tar stream.
///
/// Plain members and old-GNU sparse members are read; a GNU long name and PAX headers before them
/// are honoured. Everything else is refused: other types, PAX sparse files, wrong checksums, maps
/// that do not ascend, a second member, and anything but zeros behind the end.
#[derive(Debug)]
pub struct MemberReader<R> {
    inner: R,
    name: Vec<u8>,
    size: u64,
    stored: u64,
    segments: std::vec::IntoIter<Segment>,
    position: u64,
    left: u64,
    lent: usize,
}

impl<R: BufRead> MemberReader<R> {
    /// Reads the headers. A sparse map may have `map_limit` bytes, or one byte for each KiB of the
    /// file if that is more, but never more than 16 MiB.
    ///
    /// # Errors
    ///
    /// The stream does not start with a member that is an image.
    pub fn open(inner: R, map_limit: usize) -> Result<Self, ArchiveError> {
        let mut headers = Headers::strict(inner);
        let found = headers.next_member()?.ok_or(ArchiveError::NoMember)?;
        headers.file(found, map_limit)
    }

    /// The member's name. It is for people to read, never a path.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// The size of the file in bytes, holes included.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The next piece of the file; `None` at its end.
    ///
    /// # Errors
    ///
    /// The stream ends early or cannot be read.
    pub fn next_piece(&mut self) -> Result<Option<Piece<'_>>, ArchiveError> {
        self.inner.consume(std::mem::take(&mut self.lent));
        if self.left == 0 {
            let next = self.segments.next();
            let start = next.map_or(self.size, |segment| segment.offset);
            self.left = next.map_or(0, |segment| segment.len);
            let hole = start - self.position;
            self.position = start;
            if hole > 0 {
                return Ok(Some(Piece::Hole(hole)));
            }
            if self.left == 0 {
                return Ok(None);
            }
        }
        self.data().map(Some)
    }

    fn data(&mut self) -> Result<Piece<'_>, ArchiveError> {
        let bytes = self.inner.fill_buf().map_err(ArchiveError::from_io)?;
        if bytes.is_empty() {
            return Err(ArchiveError::TarCut);
        }
        let count = usize::try_from(self.left).map_or(bytes.len(), |left| left.min(bytes.len()));
        self.lent = count;
        self.left -= count as u64;
        self.position += count as u64;
        Ok(Piece::Data(&bytes[..count]))
    }

    /// Reads what is left of the file and then the stream to its very end.
    ///
    /// # Errors
    ///
    /// There is no proper end, or more than the end.
    pub fn finish(mut self) -> Result<(), ArchiveError> {
        self.rest()?;
        let mut record = [0; RECORD];
        exactly(&mut self.inner, &mut record)?;
        if !is_zero(&record) {
            return Err(behind(&record));
        }
        self.only_zeros()
    }

    /// Reads what is left of the member, so that the next one can be read.
    pub(super) fn skip(mut self) -> Result<(), ArchiveError> {
        self.rest()
    }

    fn rest(&mut self) -> Result<(), ArchiveError> {
        while self.next_piece()?.is_some() {}
        let missing = self.stored.next_multiple_of(RECORD as u64) - self.stored;
        let padding = usize::try_from(missing).unwrap_or(RECORD);
        exactly(&mut self.inner, &mut [0; RECORD][..padding])
    }

    fn only_zeros(&mut self) -> Result<(), ArchiveError> {
        loop {
            let bytes = self.inner.fill_buf().map_err(ArchiveError::from_io)?;
            if !is_zero(bytes) {
                return Err(ArchiveError::TarJunk);
            }
            match bytes.len() {
                0 => return Ok(()),
                count => self.inner.consume(count),
            }
        }
    }
}

/// What stands where the archive should end.
fn behind(record: &[u8; RECORD]) -> ArchiveError {
    let header = Header::from_byte_slice(record);
    if checked(record, header) {
        ArchiveError::SecondMember
    } else {
        ArchiveError::TarJunk
    }
}

fn checked(record: &[u8; RECORD], header: &Header) -> bool {
    number::parse(&header.as_old().cksum) == Some(checksum(record).into())
}

fn exactly(inner: &mut impl Read, buffer: &mut [u8]) -> Result<(), ArchiveError> {
    let mut filled = 0;
    while filled < buffer.len() {
        match inner
            .read(&mut buffer[filled..])
            .map_err(ArchiveError::from_io)?
        {
            0 => return Err(ArchiveError::TarCut),
            count => filled += count,
        }
    }
    Ok(())
}

/// Reads everything before the data.
pub(super) struct Headers<R> {
    inner: R,
    offset: u64,
    budget: usize,
    /// Whether PAX sparse files are read.
    pax_sparse: bool,
}

/// The header of a member, and what the ones before it said.
pub(super) struct Found {
    record: [u8; RECORD],
    name: Vec<u8>,
    stored: u64,
    pax: Pax,
}

impl Found {
    fn type_flag(&self) -> u8 {
        Header::from_byte_slice(&self.record).entry_type().as_byte()
    }

    pub(super) fn name(&self) -> &[u8] {
        &self.name
    }

    /// The type flag; old writers mark a directory by the end of its name only.
    pub(super) fn kind(&self) -> char {
        match self.type_flag() {
            b'0' | 0 | b'7' if self.name.ends_with(b"/") => '5',
            kind => kind.into(),
        }
    }

    pub(super) fn is_file(&self) -> bool {
        matches!(self.kind(), '0' | '\0' | '7' | 'S')
    }
}

impl<R: BufRead> Headers<R> {
    /// For an image: PAX sparse files are refused.
    fn strict(inner: R) -> Self {
        Self {
            inner,
            offset: 0,
            budget: MAX_HEADERS,
            pax_sparse: false,
        }
    }

    /// For a tarball.
    pub(super) fn lenient(inner: R) -> Self {
        Self {
            pax_sparse: true,
            ..Self::strict(inner)
        }
    }

    /// The headers up to that of a member; `None` at the end of the archive.
    pub(super) fn next_member(&mut self) -> Result<Option<Found>, ArchiveError> {
        let mut long_name = None;
        let mut pax = Pax::default();
        pax.sparse.wanted = self.pax_sparse;
        loop {
            let Some(record) = self.header()? else {
                return Ok(None);
            };
            let header = Header::from_byte_slice(&record);
            let size = field(&header.as_old().size, "size")?;
            match header.entry_type().as_byte() {
                b'L' => long_name = Some(without_nuls(&self.payload(size)?)),
                b'x' | b'g' => pax.read(&self.payload(size)?)?,
                _ => {
                    let name = pax.sparse.name.take().or(pax.path.take()).or(long_name);
                    return Ok(Some(Found {
                        name: name.unwrap_or_else(|| full_name(header)),
                        stored: pax.size.unwrap_or(size),
                        record,
                        pax,
                    }));
                }
            }
        }
    }

    /// The reader of a file of which the headers have been read.
    pub(super) fn file(
        mut self,
        found: Found,
        map_limit: usize,
    ) -> Result<MemberReader<R>, ArchiveError> {
        if !found.is_file() {
            return Err(ArchiveError::TarType { kind: found.kind() });
        }
        let header = Header::from_byte_slice(&found.record);
        let map = if found.pax.sparse.is_used() {
            self.pax_sparse(&found, map_limit)?
        } else if found.type_flag() == b'S' {
            self.sparse(header, found.stored, map_limit)?
        } else {
            SparseMap::whole(found.stored)
        };
        Ok(MemberReader {
            inner: self.inner,
            name: found.name,
            size: map.size(),
            stored: map.stored(),
            segments: map.into_segments(),
            position: 0,
            left: 0,
            lent: 0,
        })
    }

    /// Passes over what is stored for a member that is no file.
    pub(super) fn pass(mut self, found: &Found) -> Result<(), ArchiveError> {
        // Links, devices and directories have a size and nothing stored.
        if matches!(found.type_flag(), b'1'..=b'6') {
            return Ok(());
        }
        let mut left = found.stored.next_multiple_of(RECORD as u64);
        while left > 0 {
            exactly(&mut self.inner, &mut [0; RECORD])?;
            left -= RECORD as u64;
        }
        Ok(())
    }

    /// Reads the map of a PAX sparse member: decimal numbers on lines of their own before the data, as
    /// many as the first one says pairs, padded to a record.
    fn pax_sparse(&mut self, found: &Found, map_limit: usize) -> Result<SparseMap, ArchiveError> {
        let Some(size) = found.pax.sparse.size else {
            return Err(ArchiveError::SparseMap("no size of the file"));
        };
        let limit = map_bound(size, map_limit);
        let mut lines = Lines {
            inner: &mut self.inner,
            record: [0; RECORD],
            position: RECORD,
            read: 0,
            limit,
        };
        let mut map = SparseMap::new(size);
        for _ in 0..lines.number()? {
            let (offset, len) = (lines.number()?, lines.number()?);
            map.push(Segment { offset, len })?;
        }
        if map.stored().checked_add(lines.read) != Some(found.stored) {
            return Err(ArchiveError::SparseMap(
                "the segments do not sum up to the size",
            ));
        }
        Ok(map)
    }

    fn sparse(
        &mut self,
        header: &Header,
        stored: u64,
        map_limit: usize,
    ) -> Result<SparseMap, ArchiveError> {
        let gnu = header
            .as_gnu()
            .ok_or(ArchiveError::SparseMap("no GNU header"))?;
        let size = field(&gnu.realsize, "real size")?;
        let limit = map_bound(size, map_limit);
        let mut map = SparseMap::new(size);
        extend(&mut map, &gnu.sparse)?;
        let mut more = gnu.isextended[0] != 0;
        let mut read = 0;
        while more {
            let mut extension = GnuExtSparseHeader::new();
            read += RECORD as u64;
            if read > limit {
                return Err(ArchiveError::SparseMapSize { limit });
            }
            exactly(&mut self.inner, extension.as_mut_bytes())?;
            extend(&mut map, &extension.sparse)?;
            more = extension.isextended[0] != 0;
        }
        if map.stored() != stored {
            return Err(ArchiveError::SparseMap(
                "the segments do not sum up to the size",
            ));
        }
        Ok(map)
    }

    /// The next header record, its checksum compared; `None` for the mark of the end.
    fn header(&mut self) -> Result<Option<[u8; RECORD]>, ArchiveError> {
        let mut record = [0; RECORD];
        let start = self.inner.fill_buf().map_err(ArchiveError::from_io)?;
        if start.is_empty() {
            return Err(ArchiveError::NoMember);
        }
        exactly(&mut self.inner, &mut record)?;
        if is_zero(&record) {
            return Ok(None);
        }
        if !checked(&record, Header::from_byte_slice(&record)) {
            return Err(ArchiveError::TarChecksum {
                offset: self.offset,
            });
        }
        self.offset += RECORD as u64;
        Ok(Some(record))
    }

    /// What a name or PAX header holds.
    fn payload(&mut self, size: u64) -> Result<Vec<u8>, ArchiveError> {
        let len = usize::try_from(size)
            .ok()
            .filter(|len| *len <= self.budget)
            .ok_or(ArchiveError::TarHeaders { limit: MAX_HEADERS })?;
        let padded = len.next_multiple_of(RECORD);
        // The header itself counts, too, so that a stream of nothing but headers comes to an end.
        self.budget = self
            .budget
            .checked_sub(RECORD + padded)
            .ok_or(ArchiveError::TarHeaders { limit: MAX_HEADERS })?;
        let mut bytes = vec![0; padded];
        exactly(&mut self.inner, &mut bytes)?;
        self.offset += padded as u64;
        bytes.truncate(len);
        Ok(bytes)
    }
}

/// The numbers before the data of a PAX sparse member.
struct Lines<'a, R> {
    inner: &'a mut R,
    record: [u8; RECORD],
    position: usize,
    /// Bytes of whole records that were read.
    read: u64,
    limit: u64,
}

impl<R: Read> Lines<'_, R> {
    fn number(&mut self) -> Result<u64, ArchiveError> {
        let mut text = Vec::new();
        loop {
            match self.byte()? {
                b'\n' => break,
                // A number of 64 bits has at most 20 digits.
                byte if text.len() < 20 => text.push(byte),
                _ => return Err(ArchiveError::SparseMap("a number is too long")),
            }
        }
        let number = pax::decimal(&text).filter(|_| !text.is_empty());
        number.ok_or(ArchiveError::SparseMap("a number is malformed"))
    }

    fn byte(&mut self) -> Result<u8, ArchiveError> {
        if self.position == RECORD {
            self.read += RECORD as u64;
            if self.read > self.limit {
                return Err(ArchiveError::SparseMapSize { limit: self.limit });
            }
            exactly(self.inner, &mut self.record)?;
            self.position = 0;
        }
        self.position += 1;
        Ok(self.record[self.position - 1])
    }
}

/// How many bytes the map of a file of `size` bytes may have.
fn map_bound(size: u64, map_limit: usize) -> u64 {
    (size >> 10).min(MAX_MAP).max(map_limit as u64)
}

/// The name in a header: POSIX puts the beginning of a long one into a field of its own.
fn full_name(header: &Header) -> Vec<u8> {
    let name = without_nuls(&header.as_old().name);
    let prefix = header.as_ustar().map(|ustar| without_nuls(&ustar.prefix));
    match prefix {
        Some(prefix) if !prefix.is_empty() => [prefix.as_slice(), b"/", &name].concat(),
        _ => name,
    }
}

fn field(bytes: &[u8], field: &'static str) -> Result<u64, ArchiveError> {
    number::parse(bytes).ok_or(ArchiveError::TarNumber { field })
}

fn extend(map: &mut SparseMap, entries: &[GnuSparseHeader]) -> Result<(), ArchiveError> {
    for entry in entries {
        // The rest of a record is filled with empty entries.
        if is_zero(&entry.offset) && is_zero(&entry.numbytes) {
            continue;
        }
        let offset = field(&entry.offset, "offset of a sparse segment")?;
        let len = field(&entry.numbytes, "length of a sparse segment")?;
        map.push(Segment { offset, len })?;
    }
    Ok(())
}

fn without_nuls(bytes: &[u8]) -> Vec<u8> {
    let end = bytes
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(bytes.len());
    bytes[..end].to_vec()
}
