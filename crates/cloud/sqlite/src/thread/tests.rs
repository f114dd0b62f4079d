//! Units of change that share a transaction.

use std::path::Path;
use std::sync::Mutex;

use fs_err as fs;
use futures::FutureExt as _;
use futures::executor::block_on;
use futures::future::{join, join_all, try_join};
use gumnut_cloud_catalogue::Conflict;
use proptest::prelude::*;
use rusqlite::OptionalExtension as _;

use super::*;

/// What a unit of a test does after it has written its row.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Well,
    Conflict,
    Panic,
    /// Writes more than the file may become long.
    Full,
}

/// A file with one table, which may grow to so many pages, and its thread.
fn table(folder: &Path, most_pages: Option<i64>) -> ConnectionThread {
    let connection = Connection::open(folder.join("test.sqlite")).unwrap();
    connection
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE rows (number, text);")
        .unwrap();
    if let Some(pages) = most_pages {
        connection
            .pragma_update(None, "max_page_count", pages)
            .unwrap();
    }
    ConnectionThread::start(connection, None).unwrap()
}

/// Runs units that all wait when the first begins, and gives whether each was said to be done.
fn together(thread: &ConnectionThread, ends: &[End]) -> Vec<bool> {
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let first = thread.change(move |_, _| {
        let _ = may_go_on.recv();
        Ok(())
    });
    let units = ends.iter().enumerate().map(|(number, &end)| {
        thread.change(move |connection, _| {
            let length = if end == End::Full { 1 << 20 } else { 1 };
            connection.execute(
                "INSERT INTO rows VALUES (?1, zeroblob(?2))",
                (i64::try_from(number).unwrap(), length),
            )?;
            match end {
                End::Well | End::Full => Ok(()),
                End::Conflict => Err(Conflict::Name.into()),
                End::Panic => std::panic::resume_unwind(Box::new("a decision panics")),
            }
        })
    });
    let (first, outcomes) = block_on(async {
        let mut first = Box::pin(first);
        let mut rest = Box::pin(join_all(units));
        // Each is asked for when it is looked at for the first time.
        assert!((&mut first).now_or_never().is_none());
        assert!((&mut rest).now_or_never().is_none());
        // It may run twice, and must not wait the second time.
        drop(go_on);
        join(first, rest).await
    });
    first.unwrap();
    outcomes.iter().map(Result::is_ok).collect()
}

fn numbers(thread: &ConnectionThread) -> Vec<usize> {
    let read = thread.read(|connection| {
        let mut statement = connection.prepare("SELECT number FROM rows ORDER BY number")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    });
    block_on(read).unwrap()
}

/// Transactions in the log of a file, as the file format has it: the last frame of each has the length of the file.
fn commits(folder: &Path) -> usize {
    let log = fs::read(folder.join("test.sqlite-wal")).unwrap();
    let frames = log[32..].chunks_exact(24 + 4096);
    frames.filter(|frame| frame[4..8] != [0; 4]).count()
}

/// Writes down what it hears.
#[derive(Debug, Default)]
struct Heard(Mutex<Vec<usize>>);

impl CommitObserver for Heard {
    fn committed(&self, units: usize) {
        self.0.lock().unwrap().push(units);
    }
}

#[test]
fn units_that_wait_share_a_commit() {
    let folder = tempfile::tempdir().unwrap();
    let thread = table(folder.path(), None);
    let heard = Arc::new(Heard::default());
    thread.observed_by(heard.clone());
    let before = commits(folder.path());
    assert_eq!(together(&thread, &[End::Well; 64]), [true; 64]);
    assert_eq!(commits(folder.path()) - before, 1);
    // The one that lets the others wait is with them.
    assert_eq!(*heard.0.lock().unwrap(), [65]);
    let refused = together(&thread, &[End::Conflict; 2]);
    assert_eq!(refused, [false; 2]);
    assert_eq!(*heard.0.lock().unwrap(), [65, 1]);
    assert_eq!(numbers(&thread), (0..64).collect::<Vec<_>>());
}

#[test]
fn a_unit_that_is_refused_leaves_those_beside_it_alone() {
    const UNITS: usize = 6;
    let folder = tempfile::tempdir().unwrap();
    let thread = table(folder.path(), None);
    let mut expected = [0; UNITS];
    for round in 0..1000 {
        let refused = round % UNITS;
        let end = if round % 5 == 0 {
            End::Panic
        } else {
            End::Conflict
        };
        let mut ends = [End::Well; UNITS];
        ends[refused] = end;
        let told = together(&thread, &ends);
        for (number, told) in told.into_iter().enumerate() {
            assert_eq!(told, number != refused, "round {round}");
            expected[number] += usize::from(told);
        }
    }
    let counts = (0..UNITS).map(|number| {
        let there = numbers(&thread).into_iter();
        there.filter(|it| *it == number).count()
    });
    assert_eq!(counts.collect::<Vec<_>>(), expected);
}

#[test]
fn a_read_behind_a_unit_sees_it_committed() {
    let folder = tempfile::tempdir().unwrap();
    let thread = table(folder.path(), None);
    let other = Connection::open(folder.path().join("test.sqlite")).unwrap();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let slow = thread.change(move |connection, _| {
        let _ = may_go_on.recv();
        connection.execute("INSERT INTO rows VALUES (7, '')", [])?;
        Ok(())
    });
    let look = thread.read(move |_| {
        let found = other.query_row("SELECT number FROM rows", [], |row| row.get(0));
        Ok(found.optional()?)
    });
    let ((), seen): ((), Option<i64>) = block_on(async {
        let mut both = Box::pin(try_join(slow, look));
        assert!((&mut both).now_or_never().is_none());
        go_on.send(()).unwrap();
        both.await.unwrap()
    });
    assert_eq!(seen, Some(7));
}

#[test]
fn a_unit_that_does_not_fit_is_refused_and_those_beside_it_are_done() {
    let folder = tempfile::tempdir().unwrap();
    let thread = table(folder.path(), Some(20));
    let told = together(&thread, &[End::Well, End::Full, End::Well]);
    assert_eq!(told, [true, false, true]);
    assert_eq!(numbers(&thread), [0, 2]);
    assert_eq!(together(&thread, &[End::Well]), [true]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_is_said_to_be_done_is_there_and_nothing_else(
        ends in prop::collection::vec(
            prop_oneof![
                6 => Just(End::Well),
                2 => Just(End::Conflict),
                1 => Just(End::Panic),
                1 => Just(End::Full),
            ],
            1..40,
        ),
    ) {
        let folder = tempfile::tempdir()?;
        let thread = table(folder.path(), Some(60));
        let told = together(&thread, &ends);
        let done = (0..ends.len()).filter(|&number| told[number]);
        prop_assert_eq!(numbers(&thread), done.collect::<Vec<_>>());
        for (end, told) in ends.iter().zip(told) {
            prop_assert_eq!(told, *end == End::Well);
        }
    }
}
