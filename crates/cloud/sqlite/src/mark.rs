//! The mark beside a catalogue's file: which catalogue belongs there, and how far it has come.
//!
//! A catalogue that was lost, exchanged or restored from an older copy does not know of files that are there. The mark shows it
//! apart from the one that does. The number of changes is written after each commit and not brought to the disk: a kill loses
//! nothing of it, and after a power cut it is smaller than that of the catalogue, which is what a catalogue that belongs here may be.

use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt as _;
use gumnut_cloud_catalogue::Mismatch;

/// What the text begins with.
const BEGIN: &str = "gumnut catalogue ";
/// Digits of the number of changes.
const DIGITS: usize = 20;

/// Which catalogue, and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// 32 hex digits.
    pub(crate) id: String,
    /// Units of change so far.
    pub(crate) changes: u64,
}

/// The open file of a mark.
#[derive(Debug)]
pub(crate) struct Mark {
    file: fs::File,
    /// Where the number of changes begins, in bytes.
    offset: u64,
}

/// Where the mark of the catalogue in this file is.
pub(crate) fn path(catalogue: &Path) -> PathBuf {
    catalogue.with_extension("id")
}

/// The mark of the catalogue in this file; `None` when there is none. One that is not understood is an error of its own.
pub(crate) fn read(catalogue: &Path) -> io::Result<Result<Option<State>, Mismatch>> {
    match fs::read_to_string(path(catalogue)) {
        Ok(text) => Ok(parse(&text).map(Some).ok_or(Mismatch::Mark)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Ok(None)),
        Err(error) if error.kind() == ErrorKind::InvalidData => Ok(Err(Mismatch::Mark)),
        Err(error) => Err(error),
    }
}

/// Compares a mark with the catalogue beside it. `Ok` says whether the mark is to be written, because the catalogue has just been
/// made, or is of a gumnut that made no marks.
pub(crate) fn compare(mark: Option<&State>, found: &State) -> Result<bool, Mismatch> {
    match mark {
        None if found.changes == 0 => Ok(true),
        None => Err(Mismatch::Unmarked),
        Some(mark) if mark.id != found.id && mark.changes == 0 && found.changes == 0 => Ok(true),
        Some(mark) if mark.id != found.id => Err(Mismatch::Foreign),
        Some(mark) if mark.changes > found.changes => {
            let missing = mark.changes - found.changes;
            Err(Mismatch::Older { missing })
        }
        Some(_) => Ok(false),
    }
}

fn parse(text: &str) -> Option<State> {
    let (id, changes) = text
        .strip_prefix(BEGIN)?
        .strip_suffix('\n')?
        .split_once(' ')?;
    let is_hex = id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit());
    let is_number = changes.len() == DIGITS && changes.bytes().all(|b| b.is_ascii_digit());
    (is_hex && is_number).then_some(State {
        id: id.to_owned(),
        changes: changes.parse().ok()?,
    })
}

impl Mark {
    /// Writes the mark of a catalogue, whole and durable.
    pub(crate) fn write(catalogue: &Path, state: &State) -> io::Result<()> {
        let (path, new) = (path(catalogue), catalogue.with_extension("id.new"));
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&new)?;
        let State { id, changes } = state;
        file.write_all(format!("{BEGIN}{id} {changes:0DIGITS$}\n").as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }

    /// Opens the mark of a catalogue, to write numbers of changes.
    pub(crate) fn open(catalogue: &Path, id: &str) -> io::Result<Self> {
        let file = fs::OpenOptions::new().write(true).open(path(catalogue))?;
        let offset = (BEGIN.len() + id.len() + 1) as u64;
        Ok(Self { file, offset })
    }

    /// Writes the number of changes.
    pub(crate) fn note(&self, changes: u64) {
        let digits = format!("{changes:0DIGITS$}");
        // An older mark notices less, and refuses nothing that is right.
        let _ = self
            .file
            .file()
            .write_all_at(digits.as_bytes(), self.offset);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn state(id: char, changes: u64) -> State {
        let id = id.to_string().repeat(32);
        State { id, changes }
    }

    #[test]
    fn a_mark_is_written_advanced_and_read() {
        let folder = tempfile::tempdir().unwrap();
        let catalogue = folder.path().join("catalogue.sqlite");
        assert_eq!(read(&catalogue).unwrap(), Ok(None));
        Mark::write(&catalogue, &state('a', 7)).unwrap();
        assert_eq!(read(&catalogue).unwrap(), Ok(Some(state('a', 7))));
        let mark = Mark::open(&catalogue, &state('a', 0).id).unwrap();
        for changes in [8, 123_456_789, u64::MAX] {
            mark.note(changes);
            assert_eq!(read(&catalogue).unwrap(), Ok(Some(state('a', changes))));
        }
        for text in [&b""[..], b"gumnut catalogue", b"\xff\xfe"] {
            fs::write(path(&catalogue), text).unwrap();
            assert_eq!(read(&catalogue).unwrap(), Err(Mismatch::Mark));
        }
    }

    #[test]
    fn another_catalogue_and_an_older_one_are_told_apart() {
        let found = state('a', 7);
        for (mark, expected) in [
            (None, Err(Mismatch::Unmarked)),
            (Some(state('a', 0)), Ok(false)),
            (Some(state('a', 7)), Ok(false)),
            (Some(state('a', 10)), Err(Mismatch::Older { missing: 3 })),
            (Some(state('b', 7)), Err(Mismatch::Foreign)),
            (Some(state('b', 0)), Err(Mismatch::Foreign)),
        ] {
            assert_eq!(compare(mark.as_ref(), &found), expected, "{mark:?}");
        }
        let new = state('a', 0);
        for (mark, expected) in [
            (None, Ok(true)),
            // A first start that was cut short.
            (Some(state('b', 0)), Ok(true)),
            (Some(state('b', 1)), Err(Mismatch::Foreign)),
            (Some(state('a', 1)), Err(Mismatch::Older { missing: 1 })),
        ] {
            assert_eq!(compare(mark.as_ref(), &new), expected, "{mark:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_would_be_written(text in "gumnut catalogue [0-9a-f]{31,33} [0-9]{19,21}\n|.*") {
            if let Some(State { id, changes }) = parse(&text) {
                prop_assert_eq!(format!("{BEGIN}{id} {changes:0DIGITS$}\n"), text);
            }
        }
    }
}
