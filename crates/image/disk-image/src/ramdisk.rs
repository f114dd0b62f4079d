//! A ramdisk: one or more cpio archives, compressed or not, and the kernels it has modules for.

use std::collections::BTreeSet;
use std::io::{self, BufRead, BufReader, Read};

use crate::compression::Compression;
use crate::text::printable;
use crate::window::Window;

/// A ramdisk and what its file names tell.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ramdisk {
    /// How it is packed, at least its beginning: processor microcode often comes first and is not.
    pub compression: Option<Compression>,
    /// The kernel releases that it has modules for, sorted.
    pub module_versions: Vec<String>,
    /// Why not all of it could be read.
    pub problem: Option<String>,
}

/// All that may come out of the compression; a full Debian's ramdisk has 100 MiB.
const MAX_PLAIN: u64 = 1 << 30;
/// Longest file name, in bytes.
const MAX_NAME: u64 = 4096;
const MAX_VERSIONS: usize = 64;
const HEADER: usize = 110;
/// Where modules are, without a leading `/` or `./`.
const MODULES: [&[u8]; 2] = [b"lib/modules/", b"usr/lib/modules/"];

impl Ramdisk {
    /// Reads the file names of a ramdisk.
    pub(crate) fn read(window: &Window, compression: Option<Compression>) -> Self {
        let mut versions = BTreeSet::new();
        let read = archives(BufReader::new(window.reader()), &mut versions);
        Self {
            compression,
            module_versions: versions.into_iter().collect(),
            problem: read.err().map(|error| error.to_string()),
        }
    }
}

/// Reads archives one behind the other, each compressed or not.
fn archives(mut stream: impl BufRead, versions: &mut BTreeSet<String>) -> io::Result<()> {
    let mut left = MAX_PLAIN;
    loop {
        skip_zeros(&mut stream)?;
        let head = stream.fill_buf()?;
        if head.is_empty() {
            return Ok(());
        }
        match Compression::recognise(head) {
            // Nothing stands behind a compressed archive that another would follow.
            Some(compression) => {
                let mut plain = BufReader::new(compression.reader(stream)?.take(left));
                members(&mut plain, versions)?;
                // The check sums stand at the end.
                io::copy(&mut plain, &mut io::sink())?;
                return Ok(());
            }
            None => left = left.saturating_sub(members(&mut stream, versions)?),
        }
    }
}

/// Reads the members of one archive up to its end mark; gives its length in bytes.
fn members(mut stream: impl BufRead, versions: &mut BTreeSet<String>) -> io::Result<u64> {
    let mut position = 0;
    loop {
        let mut header = [0; HEADER];
        stream.read_exact(&mut header)?;
        if !header.starts_with(b"07070") {
            return Err(invalid("it is no cpio archive of the kernel's kind"));
        }
        let (size, name_size) = (field(&header, 6)?, field(&header, 11)?);
        if name_size == 0 || name_size > MAX_NAME {
            return Err(invalid("a file name in it is too long"));
        }
        let mut name = Vec::new();
        (&mut stream).take(name_size).read_to_end(&mut name)?;
        position += HEADER as u64 + name_size;
        let padding = position.next_multiple_of(4) - position;
        let rest = padding + size.next_multiple_of(4);
        position += rest;
        name.pop();
        if name == b"TRAILER!!!" {
            skip(&mut stream, padding)?;
            return Ok(position);
        }
        if versions.len() < MAX_VERSIONS {
            versions.extend(version(&name));
        }
        skip(&mut stream, rest)?;
    }
}

/// The kernel release in the path of a module or of its folder.
fn version(name: &[u8]) -> Option<String> {
    let rooted = name.strip_prefix(b".").unwrap_or(name);
    let path = rooted.strip_prefix(b"/").unwrap_or(rooted);
    let rest = MODULES
        .iter()
        .find_map(|folder| path.strip_prefix(*folder))?;
    let version = rest.split(|byte| *byte == b'/').next()?;
    (!version.is_empty()).then(|| printable(version, 256))
}

fn field(header: &[u8; HEADER], index: usize) -> io::Result<u64> {
    header
        .get(6 + index * 8..14 + index * 8)
        .and_then(|digits| std::str::from_utf8(digits).ok())
        .and_then(|digits| u32::from_str_radix(digits, 16).ok())
        .map(u64::from)
        .ok_or_else(|| invalid("a number in it makes no sense"))
}

fn skip(stream: &mut impl Read, count: u64) -> io::Result<()> {
    match io::copy(&mut stream.take(count), &mut io::sink())? {
        skipped if skipped == count => Ok(()),
        _ => Err(invalid("it is cut short")),
    }
}

fn skip_zeros(stream: &mut impl BufRead) -> io::Result<()> {
    loop {
        let bytes = stream.fill_buf()?;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        let all = zeros == bytes.len();
        stream.consume(zeros);
        if !all || zeros == 0 {
            return Ok(());
        }
    }
}

fn invalid(message: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
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

    fn versions(bytes: &[u8]) -> io::Result<Vec<String>> {
        let mut versions = BTreeSet::new();
        archives(bytes, &mut versions)?;
        Ok(versions.into_iter().collect())
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
        assert_eq!(
            versions(&archive("lib/modules/2.6.28-11-server")).unwrap(),
            ["2.6.28-11-server"]
        );
        assert!(versions(&archive("mylib/modules/x")).unwrap().is_empty());
    }

    #[test]
    fn cut_and_foreign_archives_are_errors() {
        let whole = archive("lib/modules/x");
        assert!(versions(&whole[..whole.len() - 20]).is_err());
        assert!(versions(b"070701nonsense").is_err());
        assert!(versions(&[b'x'; 200]).is_err());
    }
}
