//! Reading a tar stream of many members, such as the tarballs that images are distributed in.

use std::io::BufRead;

use super::MemberReader;
use super::reader::Headers;
use crate::ArchiveError;

/// Bytes that may follow the end of the archive: tar pads to blocks of 10 KiB, tapes to more.
const MAX_TRAILER: u64 = 1 << 26;

/// A member of a tar stream.
#[derive(Debug)]
pub enum Entry<'a, R> {
    /// A file, whole or sparse in any of the forms that GNU tar writes by default.
    File(&'a mut MemberReader<R>),
    /// Anything else: a directory has kind `5`.
    Other {
        /// The name. It is for people to read; code that makes a path of it has to check it first.
        name: &'a [u8],
        /// The type flag.
        kind: char,
    },
}

/// Shows every member of a tar stream to `visit`, which need not read the files, and reads the stream
/// to its very end, so that check sums behind it have been compared. `map_limit` is that of
/// [`MemberReader::open`].
///
/// # Errors
///
/// The stream is malformed or ends early, or `visit` fails.
pub fn read_members<R: BufRead, E: From<ArchiveError>>(
    mut inner: R,
    map_limit: usize,
    mut visit: impl FnMut(Entry<'_, &mut R>) -> Result<(), E>,
) -> Result<(), E> {
    let mut first = true;
    loop {
        let mut headers = Headers::lenient(&mut inner);
        let found = match headers.next_member() {
            // Without the mark of its end, more was to come.
            Err(ArchiveError::NoMember) if !first => return Err(ArchiveError::TarCut.into()),
            found => found?,
        };
        first = false;
        let Some(found) = found else {
            break;
        };
        if found.is_file() {
            let mut reader = headers.file(found, map_limit)?;
            visit(Entry::File(&mut reader))?;
            reader.skip()?;
        } else {
            let kind = found.kind();
            let name = found.name().to_vec();
            headers.pass(&found)?;
            visit(Entry::Other { name: &name, kind })?;
        }
    }
    let mut rest = inner.take(MAX_TRAILER + 1);
    let read = std::io::copy(&mut rest, &mut std::io::sink()).map_err(ArchiveError::from_io)?;
    if read > MAX_TRAILER {
        return Err(ArchiveError::TarJunk.into());
    }
    Ok(())
}
