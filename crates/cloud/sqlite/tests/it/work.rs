//! What the process does that crashes: several threads, each with keys of its own, put and delete.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use bytes::Bytes;
use fs_err as fs;
use futures::executor::block_on;
use gumnut_cloud_catalogue::{Catalogue, Content, Key};

use crate::disk::Random;
use crate::tools::{self, BUCKET, open};

pub(crate) const THREADS: usize = 6;
/// How often the file is opened, and how many units of change each thread makes then.
const TIMES: usize = 3;
const UNITS: usize = 14;
const KEYS: usize = 3;
/// Most bytes of an object.
const MOST: usize = 16 << 10;

/// Names the directory to the process.
const FOLDER: &str = "GUMNUT_CRASH_FOLDER";
/// The file that acknowledged units are written to, beside the directory.
pub(crate) const LOG: &str = "acknowledged";

/// What a thread does as its unit with this number: a key, and the bytes that it gets; `None` when it is deleted.
fn unit(thread: usize, number: usize) -> (usize, Option<Vec<u8>>) {
    let start = (thread * 1000 + number + 1) as u64;
    let mut random = Random(start.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let (key, kind) = (random.below(KEYS), random.below(4));
    let length = random.below(MOST);
    let line = format!("{thread} {number}\n");
    let bytes = line.bytes().cycle().take(length).collect();
    (key, (kind > 0).then_some(bytes))
}

/// The bytes of each key of a thread that has made its first `count` units.
pub(crate) fn after(thread: usize, count: usize) -> [Option<Vec<u8>>; KEYS] {
    let mut keys = [const { None }; KEYS];
    for (key, bytes) in (0..count).map(|number| unit(thread, number)) {
        keys[key] = bytes;
    }
    keys
}

/// The bytes of each key of a thread that are there.
pub(crate) fn found(catalogue: &Catalogue, thread: usize) -> [Option<Vec<u8>>; KEYS] {
    std::array::from_fn(|key| {
        let at = name(thread, key);
        let found = block_on(catalogue.object(BUCKET, &at, None, true)).unwrap();
        found.object.map(|object| match found.content {
            Content::Inline(bytes) => {
                assert_eq!(object.size, bytes.len() as u64);
                bytes.to_vec()
            }
            Content::Blobs(_) => panic!("a small object has its bytes in the catalogue"),
        })
    })
}

fn name(thread: usize, key: usize) -> Key {
    Key::new(format!("{thread}-{key}")).unwrap()
}

/// The command that works in a directory below this one.
pub(crate) fn command(folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "work::work_until_it_is_done", "--nocapture"])
        .env(FOLDER, folder);
    command
}

/// The process's own side; nothing when the tests are run as such.
#[test]
fn work_until_it_is_done() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else {
        return;
    };
    let log = fs::File::create(folder.join(LOG)).unwrap();
    for time in 0..TIMES {
        let catalogue = Catalogue::new(open(&folder.join("data")).unwrap());
        thread::scope(|scope| {
            for number in 0..THREADS {
                let (catalogue, mut log) = (catalogue.clone(), log.file());
                scope.spawn(move || {
                    for unit in time * UNITS..(time + 1) * UNITS {
                        make(&catalogue, number, unit);
                        log.write_all(&[u8::try_from(number).unwrap()]).unwrap();
                    }
                });
            }
        });
    }
}

fn make(catalogue: &Catalogue, thread: usize, number: usize) {
    let (key, bytes) = unit(thread, number);
    let bytes = bytes.map(Bytes::from);
    tools::replace(catalogue, name(thread, key), number.to_string(), bytes).unwrap();
}
