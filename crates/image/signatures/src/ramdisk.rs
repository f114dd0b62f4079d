//! A ramdisk, read as Linux reads it: cpio archives one after another, each compressed or not, with zeroes between them.

use std::collections::BTreeSet;
use std::io::{self, BufRead, Read};

use gumnut_compression::{Compression, Member};

use crate::drivers::Drivers;
use crate::text::printable;

/// A ramdisk and what its file names show.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ramdisk {
    /// How it is packed, at least its beginning: processor microcode often comes first and is not.
    pub compression: Option<Compression>,
    /// How the archives are packed, in their order; several plain ones one after another count once.
    pub archives: Vec<Option<Compression>>,
    /// The kernel releases that it has modules for, sorted.
    pub module_versions: Vec<String>,
    /// The drivers that it has as modules.
    pub drivers: Drivers,
    /// Why Linux would not unpack all of it.
    pub problem: Option<String>,
    /// Why the rest of it was not looked at here, although Linux may unpack it.
    pub not_read: Option<String>,
}

/// All that may come out of the compression, in bytes; a full Debian's ramdisk has 100 MiB.
const MAX_PLAIN: u64 = 1 << 30;
/// Archives that are looked at.
const MAX_ARCHIVES: usize = 1000;
/// Longest file name that Linux takes, in bytes.
const MAX_NAME: u64 = 4096;
const MAX_VERSIONS: usize = 64;
const HEADER: usize = 110;
/// Where modules are, without a leading `/` or `./`.
const MODULES: [&[u8]; 2] = [b"lib/modules/", b"usr/lib/modules/"];

impl Ramdisk {
    /// Whether bytes begin like an archive of the kind that Linux unpacks.
    pub fn begins(head: &[u8]) -> bool {
        head.starts_with(b"070701") || head.starts_with(b"070702")
    }

    /// Reads the file names of a ramdisk: at most 1 GiB of what comes out of it, and any number of bytes that make no sense.
    pub fn read(stream: impl Read) -> Self {
        let mut found = Found::default();
        let done = archives(Input::new(stream), &mut found);
        let (problem, not_read) = match done {
            Ok(()) => (None, None),
            Err(Stop::Linux(error)) => (Some(error.to_string()), None),
            Err(Stop::Limit(reason)) => (found.problem.take(), Some(reason.to_owned())),
        };
        Self {
            compression: found.archives.first().copied().flatten(),
            archives: found.archives,
            module_versions: found.versions.into_iter().collect(),
            drivers: found.drivers,
            // What was noted while reading came first.
            problem: found.problem.or(problem),
            not_read,
        }
    }
}

/// What was found so far.
#[derive(Default)]
struct Found {
    versions: BTreeSet<String>,
    drivers: Drivers,
    archives: Vec<Option<Compression>>,
    /// What Linux would not read, and is read here anyway.
    problem: Option<String>,
}

/// Why reading ended early.
enum Stop {
    /// Linux would end here, too.
    Linux(io::Error),
    /// A limit of ours.
    Limit(&'static str),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Linux(match error.kind() {
            io::ErrorKind::UnexpectedEof => invalid("it is truncated"),
            _ => error,
        })
    }
}

/// Reads archives one behind the other.
fn archives(mut stream: Input<impl Read>, found: &mut Found) -> Result<(), Stop> {
    let mut left = MAX_PLAIN;
    while let Some(first) = stream.first()? {
        if first == 0 {
            stream.consume(1);
            continue;
        }
        if found.archives.len() == MAX_ARCHIVES {
            return Err(Stop::Limit("it has more than 1000 archives"));
        }
        if first == b'0' && stream.position.is_multiple_of(4) {
            note(found, None);
            let before = stream.position;
            members(&mut stream, found, Within::File)?;
            left = spend(left, stream.position - before)?;
            continue;
        }
        let head = stream.at_least(MAGIC)?;
        let Some(compression) = Compression::recognise(head) else {
            return Err(stranger(first, found));
        };
        if let Some(problem) = refused(compression, head) {
            found.problem.get_or_insert(problem);
        }
        note(found, Some(compression));
        let mut plain = Input::new(Member::new(compression, stream)?.take(left));
        let read = members(&mut plain, found, Within::Compression);
        // First the limit: an archive that came to it looks as if it were cut short.
        left = spend(left, plain.position)?;
        read?;
        stream = plain.inner.into_inner().into_inner();
    }
    Ok(())
}

/// Takes what came out from what may still come.
fn spend(left: u64, used: u64) -> Result<u64, Stop> {
    match left.checked_sub(used) {
        None | Some(0) => Err(Stop::Limit("its uncompressed content is larger than 1 GiB")),
        Some(left) => Ok(left),
    }
}

fn note(found: &mut Found, archive: Option<Compression>) {
    if archive.is_some() || found.archives.last() != Some(&None) {
        found.archives.push(archive);
    }
}

/// What is in the place of an archive, and is not one.
fn stranger(first: u8, found: &Found) -> Stop {
    Stop::Linux(invalid(if first == b'0' {
        "an archive in it does not begin at a multiple of 4 bytes"
    } else if found.archives.is_empty() {
        "it is neither a cpio archive nor compressed in a way that Linux knows"
    } else {
        "an archive is followed by other data than archives and zeros"
    }))
}

/// Why Linux does not unpack what is compressed so, though it is read here.
fn refused(compression: Compression, head: &[u8]) -> Option<String> {
    // Bits of the flags of an xz stream.
    const CRC32: u8 = 1;
    match compression {
        Compression::Lz4Frame => Some(
            "it is compressed in the frame format of lz4, and Linux reads the old one only: use `lz4 -l`"
                .to_owned(),
        ),
        Compression::Xz if head.get(7).is_some_and(|check| *check > CRC32) => Some(
            "its xz stream has a check that Linux does not know: use `xz --check=crc32`".to_owned(),
        ),
        Compression::Zstd if head.first() != Some(&0x28) => Some(
            "its zstd stream begins with a skippable frame, which Linux does not support".to_owned(),
        ),
        other if !other.is_read_by_linux() => {
            Some(format!("it is compressed with {other}, which Linux does not read"))
        }
        _ => None,
    }
}

/// Where an archive is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    File,
    Compression,
}

/// Reads members up to the end, or in a file up to what is no member. Zeroes may stand before each of them; the end mark is a
/// member like others.
fn members(stream: &mut Input<impl Read>, found: &mut Found, within: Within) -> Result<(), Stop> {
    while let Some(first) = stream.first()? {
        match first {
            0 => stream.consume(1),
            _ if !stream.position.is_multiple_of(4) => {
                return Err(Stop::Linux(invalid(
                    "the zeros between its archives do not end at a multiple of 4 bytes",
                )));
            }
            b'0' => member(stream, found)?,
            _ if within == Within::File => return Ok(()),
            _ => {
                return Err(Stop::Linux(invalid(
                    "an archive contains data that is neither a file nor zeros",
                )));
            }
        }
    }
    Ok(())
}

fn member(stream: &mut Input<impl Read>, found: &mut Found) -> Result<(), Stop> {
    let mut header = [0; HEADER];
    stream.read_exact(&mut header)?;
    if !Ramdisk::begins(&header) {
        return Err(Stop::Linux(invalid(if header.starts_with(b"070707") {
            "it is a cpio archive of the old kind: use `cpio -H newc`"
        } else {
            "it is not a cpio archive in the format of the kernel"
        })));
    }
    let (size, name_size) = (field(&header, 6)?, field(&header, 11)?);
    if name_size == 0 || name_size > MAX_NAME {
        return Err(Stop::Linux(invalid(
            "a file name in it is too long, or missing",
        )));
    }
    let mut name = Vec::new();
    stream.by_ref().take(name_size).read_to_end(&mut name)?;
    if name.last() != Some(&0) {
        return Err(Stop::Linux(invalid("a file name in it has no end")));
    }
    name.pop();
    if found.versions.len() < MAX_VERSIONS {
        found.versions.extend(version(&name));
    }
    found.drivers = found.drivers | Drivers::of_module(&name);
    let data = (HEADER as u64 + name_size).next_multiple_of(4) + size;
    skip(stream, data.next_multiple_of(4) - HEADER as u64 - name_size)
}

/// The kernel release in the path of a module or of its directory.
fn version(name: &[u8]) -> Option<String> {
    let rooted = name.strip_prefix(b".").unwrap_or(name);
    let path = rooted.strip_prefix(b"/").unwrap_or(rooted);
    let rest = MODULES
        .iter()
        .find_map(|folder| path.strip_prefix(*folder))?;
    let version = rest.split(|byte| *byte == b'/').next()?;
    (!version.is_empty()).then(|| printable(version, 256))
}

fn field(header: &[u8; HEADER], index: usize) -> Result<u64, Stop> {
    header
        .get(6 + index * 8..14 + index * 8)
        .and_then(|digits| std::str::from_utf8(digits).ok())
        .and_then(|digits| u32::from_str_radix(digits, 16).ok())
        .map(u64::from)
        .ok_or_else(|| Stop::Linux(invalid("a number in it is invalid")))
}

/// Skips bytes; the padding of the last member may be missing.
fn skip(stream: &mut impl Read, count: u64) -> Result<(), Stop> {
    match io::copy(&mut stream.take(count), &mut io::sink())? {
        skipped if skipped == count => Ok(()),
        _ => Err(Stop::Linux(invalid("it is truncated"))),
    }
}

fn invalid(message: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// A stream of which one may see so many bytes before they are read, and that knows how far it is.
struct Input<R> {
    inner: R,
    buffer: Vec<u8>,
    /// How much of the buffer was read.
    used: usize,
    /// Bytes that were read.
    position: u64,
    /// What comes behind the buffer.
    failed: Option<io::Error>,
}

/// Bytes that show what an archive is.
const MAGIC: usize = 16;
/// Bytes that are fetched at once.
const PIECE: u64 = 32 << 10;

impl<R: Read> Input<R> {
    fn new(inner: R) -> Self {
        Self {
            inner,
            buffer: Vec::new(),
            used: 0,
            position: 0,
            failed: None,
        }
    }

    /// The next byte; `None` at the end.
    fn first(&mut self) -> io::Result<Option<u8>> {
        Ok(self.fill_buf()?.first().copied())
    }

    /// The next bytes, at least so many unless the stream ends before or fails.
    fn at_least(&mut self, count: usize) -> io::Result<&[u8]> {
        if self.buffer.len() - self.used < count && self.failed.is_none() {
            self.buffer.drain(..self.used);
            self.used = 0;
            let mut piece = self.inner.by_ref().take(PIECE);
            // To the end of the piece: a decoder may give a few bytes at a time.
            self.failed = piece.read_to_end(&mut self.buffer).err();
        }
        if self.used == self.buffer.len()
            && let Some(error) = self.failed.take()
        {
            return Err(error);
        }
        Ok(&self.buffer[self.used..])
    }
}

impl<R: Read> Read for Input<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut bytes = self.fill_buf()?;
        let count = bytes.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl<R: Read> BufRead for Input<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.at_least(1)
    }

    fn consume(&mut self, count: usize) {
        self.used += count;
        self.position += count as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, data: &[u8]) -> Vec<u8> {
        let fields = [
            0,
            0o644,
            0,
            0,
            1,
            0,
            data.len(),
            0,
            0,
            0,
            0,
            name.len() + 1,
            0,
        ];
        let mut bytes = b"070701".to_vec();
        for field in fields {
            bytes.extend(format!("{field:08x}").bytes());
        }
        bytes.extend(name.bytes());
        bytes.push(0);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn versions(bytes: &[u8]) -> Result<Vec<String>, String> {
        let ramdisk = Ramdisk::read(bytes);
        match ramdisk.problem {
            Some(problem) => Err(problem),
            None => Ok(ramdisk.module_versions),
        }
    }

    fn archive(module: &str) -> Vec<u8> {
        [member(module, b"data"), member("TRAILER!!!", b"")].concat()
    }

    #[test]
    fn versions_are_found_behind_microcode_and_in_both_folders() {
        let mut bytes = archive("kernel/x86/microcode/AuthenticAMD.bin");
        bytes.resize(bytes.len() + 300, 0);
        bytes.extend(archive("./usr/lib/modules/6.1.0-50/kernel/a.ko"));
        assert_eq!(versions(&bytes).unwrap(), ["6.1.0-50"]);
        assert_eq!(Ramdisk::read(&bytes[..]).archives, [None]);
        assert_eq!(
            versions(&archive("lib/modules/2.6.28-11-server")).unwrap(),
            ["2.6.28-11-server"]
        );
        assert!(versions(&archive("mylib/modules/x")).unwrap().is_empty());
    }

    #[test]
    fn the_end_mark_may_be_missing_and_zeroes_may_stand_between_members() {
        let mut bytes = member("lib/modules/one/a.ko", b"a");
        bytes.resize(bytes.len() + 8, 0);
        bytes.extend(member("lib/modules/two/a.ko", b"a"));
        assert_eq!(versions(&bytes).unwrap(), ["one", "two"]);
        bytes.resize(bytes.len() + 5, 0);
        assert_eq!(versions(&bytes).unwrap(), ["one", "two"]);
        // Zeroes that end elsewhere than Linux expects.
        bytes.extend(member("lib/modules/three/a.ko", b"a"));
        assert!(versions(&bytes).unwrap_err().contains("multiple of 4"));
    }

    #[test]
    fn cut_and_foreign_archives_are_errors() {
        let whole = archive("lib/modules/x");
        assert!(versions(&whole[..whole.len() - 20]).is_err());
        assert!(versions(b"070701nonsense").is_err());
        assert!(versions(&[b'x'; 200]).is_err());
        let old = [b"070707".as_slice(), &[b'0'; 200]].concat();
        assert!(versions(&old).unwrap_err().contains("newc"));
        let behind = [whole.as_slice(), b"text"].concat();
        assert!(versions(&behind).unwrap_err().contains("other data"));
    }
}
