//! A disk that keeps what was synced, and of the rest what it likes.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use fs_err as fs;

use crate::trace::{Call, Event};

/// Bytes that reach a disk together or not at all.
const SECTOR: usize = 512;

/// A small generator (xorshift): the same numbers everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }
}

/// The files of a directory, each with what is on the disk and what is on its way there.
#[derive(Default)]
pub(crate) struct Disk {
    files: Vec<File>,
    /// Names as programs see them, and as they are on the disk: each with the index of a file.
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    /// Changes of names on their way to the disk, which come there in this order.
    renamings: Vec<Renaming>,
    /// Syncs that have begun, by the number of the call: what they will have brought to the disk.
    syncs: HashMap<usize, Sync>,
}

#[derive(Default)]
struct File {
    durable: Vec<u8>,
    /// Changes that are on their way to the disk.
    pending: Vec<Pending>,
}

struct Pending {
    call: usize,
    has_ended: bool,
    change: Change,
}

enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

/// A name, and the file that it is of from now on; `None` when it goes.
type Renaming = (String, Option<usize>);

enum Sync {
    /// The first so many changes of names.
    Names(usize),
    /// These changes of a file, by their calls.
    File(usize, Vec<usize>),
}

/// How much of what is on its way a crash leaves.
#[derive(Clone, Copy)]
enum Left {
    All,
    Nothing,
    /// Some changes.
    Some,
    /// Some sectors of some changes.
    Torn,
}

impl Disk {
    /// The files of a directory, all of which is on the disk.
    pub(crate) fn of(folder: &Path) -> Self {
        let mut disk = Self::default();
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            disk.names.insert(name, disk.files.len());
            disk.files.push(File {
                durable: fs::read(entry.path()).unwrap(),
                pending: Vec::new(),
            });
        }
        disk.durable_names.clone_from(&disk.names);
        disk
    }

    /// Sees something that a program did to the files of this directory.
    pub(crate) fn see(&mut self, event: &Event, folder: &str) {
        let name = |path: &str| {
            let below = path.strip_prefix(folder)?.strip_prefix('/')?;
            Some(below.to_owned())
        };
        match event {
            Event::Begins(number, Call::Sync { path }) if path == folder => {
                let all = Sync::Names(self.renamings.len());
                self.syncs.insert(*number, all);
            }
            Event::Begins(number, Call::Sync { path }) => {
                let Some(&file) = name(path).and_then(|name| self.names.get(&name)) else {
                    return;
                };
                let ended = self.files[file].pending.iter().filter(|it| it.has_ended);
                let calls = ended.map(|it| it.call).collect();
                self.syncs.insert(*number, Sync::File(file, calls));
            }
            Event::Begins(
                number,
                Call::Write {
                    path,
                    offset,
                    bytes,
                },
            ) => {
                // Text that is written to a stream is of no file of a catalogue but its mark when that is made.
                let change = Change::Write(offset.unwrap_or(0), bytes.clone());
                self.change(name(path), *number, change);
            }
            Event::Begins(number, Call::Truncate { path, length }) => {
                self.change(name(path), *number, Change::Truncate(*length));
            }
            Event::Begins(_, Call::Create { path }) => {
                if let Some(name) = name(path).filter(|name| !self.names.contains_key(name)) {
                    self.rename(name, Some(self.files.len()));
                    self.files.push(File::default());
                }
            }
            Event::Begins(_, Call::Unlink { path }) => {
                if let Some(name) = name(path) {
                    self.rename(name, None);
                }
            }
            Event::Begins(_, Call::Rename { from, to }) => {
                if let (Some(from), Some(to)) = (name(from), name(to)) {
                    let file = self.names.get(&from).copied();
                    self.rename(to, file);
                    self.rename(from, None);
                }
            }
            Event::Ends(number) => self.end(*number),
        }
    }

    fn change(&mut self, name: Option<String>, call: usize, change: Change) {
        if let Some(&file) = name.and_then(|name| self.names.get(&name)) {
            self.files[file].pending.push(Pending {
                call,
                has_ended: false,
                change,
            });
        }
    }

    fn rename(&mut self, name: String, file: Option<usize>) {
        match file {
            Some(file) => self.names.insert(name.clone(), file),
            None => self.names.remove(&name),
        };
        self.renamings.push((name, file));
    }

    fn end(&mut self, number: usize) {
        match self.syncs.remove(&number) {
            None => {
                let pending = self.files.iter_mut().flat_map(|file| &mut file.pending);
                for change in pending.filter(|it| it.call == number) {
                    change.has_ended = true;
                }
            }
            Some(Sync::Names(count)) => {
                for (name, file) in self.renamings.drain(..count) {
                    set(&mut self.durable_names, name, file);
                }
            }
            Some(Sync::File(file, calls)) => {
                let File { durable, pending } = &mut self.files[file];
                for change in pending.extract_if(.., |it| calls.contains(&it.call)) {
                    change.change.apply(durable, |_| true);
                }
            }
        }
    }

    /// Writes what a crash leaves to a directory.
    pub(crate) fn crash(&self, to: &Path, random: &mut Random) {
        let left = [Left::All, Left::Nothing, Left::Some, Left::Torn][random.below(4)];
        let mut names = self.durable_names.clone();
        let renamed = match left {
            Left::All => self.renamings.len(),
            Left::Nothing => 0,
            Left::Some | Left::Torn => random.below(self.renamings.len() + 1),
        };
        for (name, file) in self.renamings[..renamed].iter().cloned() {
            set(&mut names, name, file);
        }
        for (name, file) in names {
            let File { durable, pending } = &self.files[file];
            let mut bytes = durable.clone();
            for Pending { change, .. } in pending {
                match left {
                    Left::Nothing => {}
                    Left::Some | Left::Torn if random.below(2) == 0 => {}
                    Left::All | Left::Some => change.apply(&mut bytes, |_| true),
                    Left::Torn => change.apply(&mut bytes, |_| random.below(2) == 0),
                }
            }
            fs::write(to.join(name), bytes).unwrap();
        }
    }
}

impl Change {
    /// Does this to the bytes of a file; of a write the sectors that are wanted, by their number.
    fn apply(&self, file: &mut Vec<u8>, mut is_wanted: impl FnMut(usize) -> bool) {
        match self {
            Self::Truncate(length) => file.resize(*length, 0),
            Self::Write(offset, bytes) => {
                for (at, byte_run) in sectors(*offset, bytes) {
                    if !is_wanted(at / SECTOR) {
                        continue;
                    }
                    let end = at + byte_run.len();
                    file.resize(file.len().max(end), 0);
                    file[at..end].copy_from_slice(byte_run);
                }
            }
        }
    }
}

/// The bytes of a write, sector by sector, each with where it begins.
fn sectors(offset: usize, mut bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = offset;
    std::iter::from_fn(move || {
        let length = (SECTOR - at % SECTOR).min(bytes.len());
        let (sector, rest) = bytes.split_at(length);
        let found = (at, sector);
        (at, bytes) = (at + length, rest);
        (length > 0).then_some(found)
    })
}

fn set(names: &mut BTreeMap<String, usize>, name: String, file: Option<usize>) {
    match file {
        Some(file) => names.insert(name, file),
        None => names.remove(&name),
    };
}

#[test]
fn what_was_synced_stays_and_the_rest_may_go() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), b"old").unwrap();
    let mut disk = Disk::of(folder.path());
    let path = || "/d/file".to_owned();
    let write = |offset, bytes: &[u8]| Call::Write {
        path: path(),
        offset: Some(offset),
        bytes: bytes.to_vec(),
    };
    let calls = [
        write(0, b"new"),
        Call::Sync { path: path() },
        write(3, b"er"),
    ];
    for (number, call) in calls.into_iter().enumerate() {
        disk.see(&Event::Begins(number, call), "/d");
        disk.see(&Event::Ends(number), "/d");
    }
    let mut random = Random(7);
    let mut found: Vec<_> = (0..40)
        .map(|_| {
            let crashed = tempfile::tempdir().unwrap();
            disk.crash(crashed.path(), &mut random);
            fs::read_to_string(crashed.path().join("file")).unwrap()
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    assert_eq!(found, ["new", "newer"]);
}
