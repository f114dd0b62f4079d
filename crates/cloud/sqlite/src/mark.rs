//! The mark beside a catalogue's file: which catalogue belongs there, and how far it has come.
//!
//! A catalogue that was lost, exchanged or restored from an older copy does not know of files that are there. The mark shows it
//! apart from the one that does. The number of changes is written after each commit and not brought to the disk: a kill loses
//! nothing of it, and after a power cut it is smaller than that of the catalogue, which is what a catalogue that belongs here may be.
//!
//! A second line has the number of the last change of accounts. Who keeps access keys in memory looks there whether they are still
//! good, which takes one system call; another process may have changed them.

use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt as _;
use gumnut_cloud_catalogue::Mismatch;

/// What the text begins with.
const BEGIN: &str = "gumnut catalogue ";
/// What the second line begins with.
const ACCOUNTS: &str = "accounts ";
/// Digits of a number of changes.
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
    changes: u64,
    /// Where that of the last change of accounts begins.
    accounts: u64,
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
    let (first, second) = text.strip_prefix(BEGIN)?.split_once('\n')?;
    let (id, changes) = first.split_once(' ')?;
    let is_hex = id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit());
    // Marks of before have one line.
    if !second.is_empty() {
        number(second.strip_prefix(ACCOUNTS)?.strip_suffix('\n')?)?;
    }
    let changes = number(changes)?;
    is_hex.then(|| State {
        id: id.to_owned(),
        changes,
    })
}

/// A number with all its digits.
fn number(text: &str) -> Option<u64> {
    let is_number = text.len() == DIGITS && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

impl Mark {
    /// Writes the mark of a catalogue, whole and durable.
    pub(crate) fn write(catalogue: &Path, state: &State) -> io::Result<()> {
        let (path, new) = (path(catalogue), catalogue.with_extension("id.new"));
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&new)?;
        let State { id, changes } = state;
        let text = format!("{BEGIN}{id} {changes:0DIGITS$}\n{ACCOUNTS}{changes:0DIGITS$}\n");
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }

    /// Opens the mark of a catalogue, to read and write numbers of changes.
    pub(crate) fn open(catalogue: &Path, id: &str) -> io::Result<Self> {
        let mut options = fs::OpenOptions::new();
        let file = options.read(true).write(true).open(path(catalogue))?;
        let changes = (BEGIN.len() + id.len() + 1) as u64;
        let second = changes + DIGITS as u64 + 1;
        if file.metadata()?.len() <= second {
            let text = format!("{ACCOUNTS}{:0DIGITS$}\n", 0);
            file.file().write_all_at(text.as_bytes(), second)?;
        }
        Ok(Self {
            file,
            changes,
            accounts: second + ACCOUNTS.len() as u64,
        })
    }

    /// Writes the number of changes, and after a change of accounts that of the last one.
    pub(crate) fn note(&self, changes: u64, are_of_accounts: bool) {
        let digits = format!("{changes:0DIGITS$}");
        let write = |offset| self.file.file().write_all_at(digits.as_bytes(), offset);
        // An older mark notices less, and refuses nothing that is right.
        let _ = write(self.changes);
        if are_of_accounts {
            // Who does not see it asks for keys again in some seconds.
            let _ = write(self.accounts);
        }
    }

    /// The number of the last change of accounts, by whatever process; `None` when it cannot be read.
    pub(crate) fn accounts(&self) -> Option<u64> {
        let mut digits = [0; DIGITS];
        let read = self.file.file().read_exact_at(&mut digits, self.accounts);
        read.ok()?;
        number(std::str::from_utf8(&digits).ok()?)
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
        assert_eq!(mark.accounts(), Some(7));
        for changes in [8, 123_456_789, u64::MAX] {
            mark.note(changes, false);
            assert_eq!(read(&catalogue).unwrap(), Ok(Some(state('a', changes))));
            assert_eq!(mark.accounts(), Some(7));
        }
        mark.note(9, true);
        let another = Mark::open(&catalogue, &state('a', 0).id).unwrap();
        assert_eq!((mark.accounts(), another.accounts()), (Some(9), Some(9)));
        for text in [&b""[..], b"gumnut catalogue", b"\xff\xfe"] {
            fs::write(path(&catalogue), text).unwrap();
            assert_eq!(read(&catalogue).unwrap(), Err(Mismatch::Mark));
        }
    }

    #[test]
    fn a_mark_of_before_gets_its_second_line() {
        let folder = tempfile::tempdir().unwrap();
        let catalogue = folder.path().join("catalogue.sqlite");
        let State { id, changes } = state('a', 7);
        let old = format!("{BEGIN}{id} {changes:0DIGITS$}\n");
        fs::write(path(&catalogue), old).unwrap();
        assert_eq!(read(&catalogue).unwrap(), Ok(Some(state('a', 7))));
        let mark = Mark::open(&catalogue, &id).unwrap();
        assert_eq!(mark.accounts(), Some(0));
        mark.note(8, true);
        assert_eq!(mark.accounts(), Some(8));
        assert_eq!(read(&catalogue).unwrap(), Ok(Some(state('a', 8))));
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
        fn what_is_read_is_what_would_be_written(
            text in "gumnut catalogue [0-9a-f]{31,33} [0-9]{19,21}\n(accounts [0-9]{19,21}\n)?|.*",
        ) {
            if let Some(State { id, changes }) = parse(&text) {
                let first = format!("{BEGIN}{id} {changes:0DIGITS$}\n");
                let second = text.strip_prefix(&first);
                prop_assert!(second.is_some_and(|it| it.is_empty() || it.len() == ACCOUNTS.len() + DIGITS + 1));
            }
        }
    }
}
