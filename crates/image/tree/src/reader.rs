//! Reads an archive member by member.

use std::io::{self, Read};
use std::ops::Range;

use crate::error::{TarError, printable};
use crate::header::{Form, Header, RECORD, text};
use crate::limits::TarLimits;
use crate::member::{Member, MemberKind, Time};
use crate::path;
use crate::pax::Records;
use crate::sparse::{self, Map};

/// Bytes of all global headers. Each member looks at them, so that large ones would cost time for each member.
const MAX_GLOBAL: u64 = 4096;

/// A tar archive that is read as a stream: v7, ustar, GNU and pax. Reading gives the stored bytes of the last member.
pub struct TarReader<R> {
    input: R,
    limits: TarLimits,
    /// Position in the archive in bytes.
    position: u64,
    /// Stored bytes of the member that were not read, and what fills up its last record.
    left: u64,
    padding: u64,
    global: Records,
    members: u64,
    bytes: u64,
    /// Path of the member, for messages.
    current: String,
}

/// What comes before the header of a member.
#[derive(Default)]
struct Extras {
    records: Records,
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
}

impl<R: Read> TarReader<R> {
    /// An archive that is not compressed.
    pub fn new(input: R, limits: TarLimits) -> Self {
        Self {
            input,
            limits,
            position: 0,
            left: 0,
            padding: 0,
            global: Records::default(),
            members: 0,
            bytes: 0,
            current: "the first header".to_owned(),
        }
    }

    /// What the archive is read from. Members after the last one that was asked for have not been read.
    pub fn into_inner(self) -> R {
        self.input
    }

    /// Position in the archive in bytes: behind a header, that of the data of its member.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The next member; `None` at the end of the archive. What was not read of the last one is skipped.
    ///
    /// # Errors
    /// When reading fails, when the archive is damaged, truncated or exceeds the limits, when a path contains `..`, and when a member
    /// has attributes that cannot be understood.
    pub fn next_member(&mut self) -> Result<Option<Member>, TarError> {
        let mut extras = Extras {
            records: self.global.clone(),
            ..Extras::default()
        };
        loop {
            let skipped = self.left + self.padding;
            self.skip(skipped)?;
            (self.left, self.padding) = (0, 0);
            let Some(header) = self.header()? else {
                return Ok(None);
            };
            match header.kind() {
                b'x' => extras.records.extend(self.records(&header)?),
                b'g' => {
                    let records = self.records(&header)?;
                    self.global.extend(records.clone());
                    self.check(
                        "bytes of global headers",
                        self.global.bytes() as u64,
                        MAX_GLOBAL,
                    )?;
                    extras.records.extend(records);
                }
                b'L' => extras.path = Some(self.long_name(&header)?),
                b'K' => extras.link = Some(self.long_name(&header)?),
                // The name of the archive.
                b'V' => self.left = header.size()?,
                _ => return self.member(&header, &extras).map(Some),
            }
        }
    }

    /// `None` at the end: a record of zeros, or no more bytes.
    fn header(&mut self) -> Result<Option<Header>, TarError> {
        let mut bytes = [0; RECORD];
        let count = self.fill(&mut bytes)?;
        if count == 0 && self.position > 0 {
            return Ok(None);
        }
        if count < RECORD {
            return Err(TarError::Truncated(self.current.clone()));
        }
        if bytes == [0; RECORD] {
            return Ok(None);
        }
        let position = self.position - RECORD as u64;
        Header::new(&bytes)
            .map(Some)
            .ok_or(TarError::Checksum(position))
    }

    fn member(&mut self, header: &Header, extras: &Extras) -> Result<Member, TarError> {
        let records = &extras.records;
        let raw = records
            .get("GNU.sparse.name")
            .or_else(|| records.get("path"))
            .map(<[u8]>::to_vec)
            .or_else(|| extras.path.clone())
            .unwrap_or_else(|| header.path());
        let path = path::clean(&raw, &self.limits)?;
        self.current = printable(&path);
        self.members += 1;
        self.check("members up to it", self.members, self.limits.members)?;
        let link = records
            .get("linkpath")
            .map(<[u8]>::to_vec)
            .or_else(|| extras.link.clone())
            .unwrap_or_else(|| header.link());
        let kind = self.kind(header, &raw, link)?;
        let stored = match kind {
            // Some programs write the size of the file that a link leads to, but never its bytes.
            MemberKind::File | MemberKind::Directory => {
                let size = records.number("size", &path)?;
                size.map_or_else(|| header.size(), Ok)?
            }
            _ => 0,
        };
        self.left = stored;
        self.padding = stored.next_multiple_of(RECORD as u64).wrapping_sub(stored);
        let (length, data) = match kind {
            MemberKind::File => self.data(header, records, &path, stored)?,
            _ => (0, Vec::new()),
        };
        self.bytes = self.bytes.saturating_add(length);
        self.check(
            "bytes of all files up to the end",
            self.bytes,
            self.limits.bytes,
        )?;
        let modified = match records.time("mtime", &path)? {
            Some(time) => time,
            None => Time {
                seconds: header.modified()?,
                nanoseconds: 0,
            },
        };
        Ok(Member {
            kind,
            permissions: header.permissions()?,
            user: records
                .number("uid", &path)?
                .map_or_else(|| header.user(), Ok)?,
            group: records
                .number("gid", &path)?
                .map_or_else(|| header.group(), Ok)?,
            modified,
            accessed: records.time("atime", &path)?,
            changed: records.time("ctime", &path)?,
            xattrs: records.xattrs(&path)?,
            length,
            data,
            path,
        })
    }

    fn kind(&self, header: &Header, raw: &[u8], link: Vec<u8>) -> Result<MemberKind, TarError> {
        Ok(match header.kind() {
            // Programs before POSIX had no type for directories.
            0 | b'0' if header.form() == Form::Old && raw.ends_with(b"/") => MemberKind::Directory,
            // Contiguous files are files, and S are sparse ones.
            0 | b'0' | b'7' | b'S' => MemberKind::File,
            b'1' => MemberKind::HardLink(path::clean(&link, &self.limits)?),
            b'2' if link.len() > self.limits.path => {
                let limit = self.limits.path as u64;
                let (path, what) = (self.current.clone(), "bytes of the target");
                return Err(TarError::Limit { path, what, limit });
            }
            b'2' => MemberKind::Symlink(link),
            b'3' => {
                let (major, minor) = header.device()?;
                MemberKind::CharacterDevice { major, minor }
            }
            b'4' => {
                let (major, minor) = header.device()?;
                MemberKind::BlockDevice { major, minor }
            }
            // D is a directory with a list of its files.
            b'5' | b'D' => MemberKind::Directory,
            b'6' => MemberKind::Fifo,
            kind => {
                let path = self.current.clone();
                return Err(TarError::Kind {
                    path,
                    kind: kind.into(),
                });
            }
        })
    }

    /// Length of a file, and the ranges that are stored.
    fn data(
        &mut self,
        header: &Header,
        records: &Records,
        path: &[u8],
        stored: u64,
    ) -> Result<(u64, Vec<Range<u64>>), TarError> {
        let limits = self.limits;
        let mut map = Map::new(path, &limits);
        if header.kind() == b'S' && header.form() == Form::Gnu {
            let (entries, mut more, length) = sparse::old_header(header);
            map.old_entries(entries)?;
            while more {
                let mut record = [0; RECORD];
                self.exactly(&mut record)?;
                map.old_entries(&record[..504])?;
                more = record[504] != 0;
            }
            let length = length.ok_or_else(|| TarError::Sparse(printable(path)))?;
            return Ok((length, map.finish(length, stored)?));
        }
        let version = (
            records.get("GNU.sparse.major"),
            records.get("GNU.sparse.minor"),
        );
        let length = match records.number("GNU.sparse.realsize", path)? {
            Some(length) => Some(length),
            None => records.number("GNU.sparse.size", path)?,
        };
        match (version, length) {
            ((Some(b"1"), Some(b"0")), Some(length)) => {
                self.map_before_data(&mut map)?;
                Ok((length, map.finish(length, self.left)?))
            }
            ((None | Some(b"0"), _), Some(length)) => {
                map.records(records)?;
                Ok((length, map.finish(length, stored)?))
            }
            ((None, None), None) if stored == 0 => Ok((0, Vec::new())),
            ((None, None), None) => Ok((stored, std::iter::once(0..stored).collect())),
            _ => Err(TarError::Sparse(printable(path))),
        }
    }

    /// Reads the map of version 1.0: lines of decimal numbers, filled up to a record.
    fn map_before_data(&mut self, map: &mut Map<'_>) -> Result<(), TarError> {
        let mut lines = Lines {
            record: [0; RECORD],
            at: RECORD,
        };
        let count = map.decimal(&lines.next(self)?)?;
        for _ in 0..count {
            let offset = map.decimal(&lines.next(self)?)?;
            let bytes = map.decimal(&lines.next(self)?)?;
            map.push(offset, bytes)?;
        }
        Ok(())
    }

    fn records(&mut self, header: &Header) -> Result<Records, TarError> {
        let position = self.position - RECORD as u64;
        let bytes = self.contents(header)?;
        Records::parse(&bytes).ok_or(TarError::Pax(position))
    }

    fn long_name(&mut self, header: &Header) -> Result<Vec<u8>, TarError> {
        let bytes = self.contents(header)?;
        Ok(text(&bytes).to_vec())
    }

    /// The data of a header that describes the next member.
    fn contents(&mut self, header: &Header) -> Result<Vec<u8>, TarError> {
        let size = header.size()?;
        self.check("bytes of a header in front", size, self.limits.header)?;
        let mut bytes = vec![0; size as usize];
        self.exactly(&mut bytes)?;
        self.skip(size.next_multiple_of(RECORD as u64) - size)?;
        Ok(bytes)
    }

    fn check(&self, what: &'static str, found: u64, limit: u64) -> Result<(), TarError> {
        if found > limit {
            let path = self.current.clone();
            return Err(TarError::Limit { path, what, limit });
        }
        Ok(())
    }

    fn skip(&mut self, bytes: u64) -> Result<(), TarError> {
        let skipped = io::copy(&mut self.input.by_ref().take(bytes), &mut io::sink());
        let skipped = skipped.map_err(TarError::Read)?;
        self.position += skipped;
        if skipped < bytes {
            return Err(TarError::Truncated(self.current.clone()));
        }
        Ok(())
    }

    fn exactly(&mut self, buffer: &mut [u8]) -> Result<(), TarError> {
        if self.fill(buffer)? < buffer.len() {
            return Err(TarError::Truncated(self.current.clone()));
        }
        Ok(())
    }

    /// Fills a buffer as far as there are bytes.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, TarError> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.input.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(TarError::Read(error)),
            }
        }
        self.position += filled as u64;
        Ok(filled)
    }
}

/// The stored bytes of the last member, without holes. The archive ends too early: `UnexpectedEof`.
impl<R: Read> Read for TarReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        if wanted == 0 {
            return Ok(0);
        }
        let count = self.input.read(&mut buffer[..wanted])?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= count as u64;
        self.position += count as u64;
        Ok(count)
    }
}

/// Lines in the data of a member, read by records.
struct Lines {
    record: [u8; RECORD],
    at: usize,
}

impl Lines {
    /// The next line, which has at most 20 digits.
    fn next<R: Read>(&mut self, reader: &mut TarReader<R>) -> Result<Vec<u8>, TarError> {
        let mut line = Vec::new();
        loop {
            if self.at == RECORD {
                let Some(left) = reader.left.checked_sub(RECORD as u64) else {
                    return Err(TarError::Sparse(reader.current.clone()));
                };
                reader.exactly(&mut self.record)?;
                reader.left = left;
                self.at = 0;
            }
            let byte = self.record[self.at];
            self.at += 1;
            match byte {
                b'\n' => return Ok(line),
                _ if line.len() == 20 => return Err(TarError::Sparse(reader.current.clone())),
                _ => line.push(byte),
            }
        }
    }
}
