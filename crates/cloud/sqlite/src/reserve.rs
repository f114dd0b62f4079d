//! Room that is kept for changes that give room back: without it nothing could be deleted on a full disk.

use std::cell::Cell;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt as _;

/// Bytes of the reserve: enough for the largest unit that deletes.
const SIZE: usize = 2 << 20;

/// A file that takes room until that is needed.
#[derive(Debug)]
pub(crate) struct Reserve {
    path: PathBuf,
    is_there: bool,
}

/// Whether a unit gives room back, which it says once it knows.
#[derive(Debug, Default)]
pub(crate) struct GivesRoom(Cell<bool>);

impl GivesRoom {
    /// Says so.
    pub(crate) fn say(&self, gives_room: bool) {
        self.0.set(gives_room);
    }

    /// What was said last.
    pub(crate) fn is_said(&self) -> bool {
        self.0.get()
    }
}

impl Reserve {
    /// The reserve of the catalogue in this file, made if there is room for it.
    pub(crate) fn of(catalogue: &Path) -> Self {
        let path = catalogue.with_extension("reserve");
        let is_there = fs::metadata(&path).is_ok_and(|found| found.len() >= SIZE as u64);
        let mut reserve = Self { path, is_there };
        reserve.keep();
        reserve
    }

    /// Takes the room again if it was given up and there is room.
    pub(crate) fn keep(&mut self) {
        if !self.is_there {
            self.is_there = self.make().is_ok();
            if !self.is_there {
                // A part of it would take what others need and be too little for a unit.
                let _ = self.remove();
            }
        }
    }

    /// Gives the room up.
    pub(crate) fn give_up(&mut self) -> io::Result<()> {
        self.is_there = false;
        self.remove()
    }

    fn make(&self) -> io::Result<()> {
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&self.path)?;
        // Written, and not only made long: a hole takes no room.
        file.write_all(&vec![0; SIZE])
    }

    fn remove(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_taken_given_up_and_taken_again() {
        let folder = tempfile::tempdir().unwrap();
        let catalogue = folder.path().join("catalogue.sqlite");
        let length = || fs::metadata(folder.path().join("catalogue.reserve")).map(|it| it.len());
        let mut reserve = Reserve::of(&catalogue);
        assert_eq!(length().unwrap(), SIZE as u64);
        reserve.give_up().unwrap();
        assert!(length().is_err());
        reserve.give_up().unwrap();
        reserve.keep();
        assert_eq!(length().unwrap(), SIZE as u64);
        fs::write(folder.path().join("catalogue.reserve"), "short").unwrap();
        let _reserve = Reserve::of(&catalogue);
        assert_eq!(length().unwrap(), SIZE as u64);
    }
}
