//! What was acknowledged survives a kill at any moment, with many who write at once.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use futures::executor::block_on;
use gumnut_cloud_catalogue::{Catalogue, Content, Key};

use crate::tools::{self, BUCKET, make, open};

/// Kills.
const ROUNDS: usize = 200;
/// Who writes at once.
const WRITERS: usize = 8;
/// Each writer puts its objects under these many keys in turn, so that objects are replaced too.
const KEYS: usize = 3;
/// Names the directory of the catalogue to the process that is killed.
const DIRECTORY: &str = "GUMNUT_KILLED_DIRECTORY";
/// How long an acknowledgement may take: more than it ever does.
const PATIENCE: Duration = Duration::from_mins(2);

fn key(writer: usize, number: usize) -> String {
    format!("{writer}-{}", number % KEYS)
}

/// What a writer puts the `number`th time: it says what it is, and is longer than a page.
fn content(writer: usize, number: usize) -> Bytes {
    format!("{writer} {number}\n").repeat(1000).into()
}

fn put(catalogue: &Catalogue, writer: usize, number: usize) {
    let (key, etag) = (key(writer, number), format!("{writer} {number}"));
    let bytes = Some(content(writer, number));
    tools::replace(catalogue, Key::new(key).unwrap(), etag, bytes).unwrap();
}

/// The side of the process that is killed: writes, and says what is acknowledged. Nothing when the tests are run as such.
#[test]
fn write_until_killed() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return;
    };
    let catalogue = Catalogue::new(open(&PathBuf::from(directory)).unwrap());
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let catalogue = &catalogue;
            scope.spawn(move || {
                for number in 1.. {
                    put(catalogue, writer, number);
                    // One write, which a kill does not cut in two.
                    let line = format!("\nput {writer} {number}\n");
                    std::io::stdout().write_all(line.as_bytes()).unwrap();
                }
            });
        }
    });
}

/// Lets a process write until it has said so many acknowledgements, kills it, and gives the last one of each writer.
fn acknowledged(directory: &Path, lines: usize) -> [usize; WRITERS] {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kills::write_until_killed", "--nocapture"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut last = [0; WRITERS];
    let mut count = 0;
    let said = said(child.stdout.take().unwrap());
    loop {
        let [writer, number] = match said.recv_timeout(PATIENCE) {
            Ok(numbers) => numbers,
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                child.kill().unwrap();
                panic!("the child acknowledges nothing in {PATIENCE:?}");
            }
        };
        last[writer] = number;
        count += 1;
        if count == lines {
            child.kill().unwrap();
        }
    }
    assert!(count >= lines, "the child ended by itself");
    child.wait().unwrap();
    last
}

/// The acknowledgements that a process prints, until it ends.
fn said(stdout: ChildStdout) -> mpsc::Receiver<[usize; 2]> {
    let (tell, said) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let Some(numbers) = line.strip_prefix("put ") else {
                continue;
            };
            let (writer, number) = numbers.split_once(' ').unwrap();
            let numbers = [writer, number].map(|number| number.parse().unwrap());
            if tell.send(numbers).is_err() {
                return;
            }
        }
    });
    said
}

/// Insists that each key has what was acknowledged last, or what was put then and not acknowledged.
fn check(catalogue: &Catalogue, last: [usize; WRITERS]) {
    for (writer, last) in last.into_iter().enumerate() {
        for number in (1..=last).rev().take(KEYS) {
            let key = key(writer, number);
            let found = block_on(catalogue.object(BUCKET, &key, None, true)).unwrap();
            // The first put after the last acknowledged one may be there, too; it is on the key of the one that is `KEYS` before.
            let mut possible = vec![content(writer, number)];
            if number + KEYS == last + 1 {
                possible.push(content(writer, last + 1));
            }
            let Content::Inline(bytes) = found.content else {
                panic!("{key} has no bytes");
            };
            assert!(
                possible.contains(&bytes),
                "{key} is not what was acknowledged: put {number} of {last}"
            );
            assert_eq!(found.object.unwrap().size, bytes.len() as u64);
        }
    }
}

#[test]
fn two_hundred_kills_lose_nothing_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    make(directory.path());
    for round in 0..ROUNDS {
        // From the first commit on, and with some hundred behind it.
        let last = acknowledged(directory.path(), 1 + round * 7 % 150);
        let catalogue = Catalogue::new(open(directory.path()).unwrap());
        check(&catalogue, last);
        if round % 20 == 0 {
            assert_eq!(block_on(catalogue.faults()).unwrap(), [""; 0]);
        }
    }
}
