//! Logs that are brought into their file, and pages that are given back.

use std::collections::BTreeSet;

use fs_err as fs;
use tempfile::TempDir;

use super::*;

/// A file as a catalogue is, with a table.
fn file() -> (TempDir, PathBuf, Connection) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.sqlite");
    let connection = Connection::open(&path).unwrap();
    let set_up =
        "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; CREATE TABLE rows (bytes);";
    connection.execute_batch(set_up).unwrap();
    (folder, path, connection)
}

fn put(connection: &Connection, bytes: usize) {
    let sql = "INSERT INTO rows VALUES (zeroblob(?))";
    connection.execute(sql, [bytes]).unwrap();
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).unwrap().len()
}

/// Waits until something is so that a thread does by itself.
fn wait_until(is_so: impl Fn() -> bool) {
    while !is_so() {
        thread::yield_now();
    }
}

#[test]
fn the_log_starts_again_while_others_commit() {
    let (_folder, path, mut connection) = file();
    let log = path.with_extension("sqlite-wal");
    let upkeep = Upkeep::start(&path, &mut connection).unwrap();
    // Far more than a log of the largest length, in commits of 1 MiB each.
    for _ in 0..200 {
        put(&connection, 1 << 20);
        if upkeep.log.is_asked.load(Ordering::SeqCst) {
            wait_until(|| upkeep.log.is_almost_done.load(Ordering::SeqCst));
        }
        upkeep.finish(&connection);
    }
    let most = 2 * u64::from(LONG_LOG) * 4096;
    assert!(length(&log) < most, "{} of {most}", length(&log));
    assert!(length(&path) > 128 << 20);
}

#[test]
fn a_long_read_does_not_make_each_commit_ask() {
    let (_folder, path, mut connection) = file();
    let upkeep = Upkeep::start(&path, &mut connection).unwrap();
    let mut reader = Connection::open(&path).unwrap();
    let look = reader.transaction().unwrap();
    look.query_row("SELECT count(*) FROM rows", [], |_| Ok(()))
        .unwrap();
    put(&connection, (LONG_LOG as usize) * 4096);
    wait_until(|| upkeep.log.is_almost_done.load(Ordering::SeqCst));
    upkeep.finish(&connection);
    assert!(upkeep.log.is_long_at.load(Ordering::SeqCst) >= LONG_LOG + AGAIN);
    put(&connection, 1);
    assert!(!upkeep.log.is_asked.load(Ordering::SeqCst));
    drop(look);
    put(&connection, (AGAIN as usize) * 4096);
    wait_until(|| upkeep.log.is_almost_done.load(Ordering::SeqCst));
    upkeep.finish(&connection);
    assert_eq!(upkeep.log.is_long_at.load(Ordering::SeqCst), LONG_LOG);
}

#[test]
fn an_idle_file_has_everything_and_gives_free_pages_back() {
    let (_folder, path, mut connection) = file();
    let upkeep = Upkeep::start(&path, &mut connection).unwrap();
    put(&connection, 32 << 20);
    wait_until(|| length(&path) > 32 << 20);
    connection.execute("DELETE FROM rows", []).unwrap();
    let kept = u64::from(KEPT) * 4096;
    wait_until(|| length(&path) < kept + (1 << 20));
    assert!(length(&path) > kept, "some are kept for what is put next");
    drop(upkeep);
    put(&connection, 1);
}

#[test]
fn the_log_has_room_ahead_and_loses_nothing() {
    let (_folder, path, mut connection) = file();
    let log = path.with_extension("sqlite-wal");
    let upkeep = Upkeep::start(&path, &mut connection).unwrap();
    let mut lengths = BTreeSet::new();
    for number in 0..300 {
        let transaction = connection.transaction().unwrap();
        put(&transaction, 1000 + number);
        upkeep.make_room();
        transaction.commit().unwrap();
        lengths.insert(length(&log));
    }
    assert!(lengths.len() < 6, "it grows seldom: {lengths:?}");
    // As a process that was killed leaves both.
    let copy = path.with_extension("copy");
    fs::copy(&path, &copy).unwrap();
    fs::copy(&log, path.with_extension("copy-wal")).unwrap();
    let copied = Connection::open(&copy).unwrap();
    let sql = "SELECT count(*), sum(length(bytes)) FROM rows";
    let found: (usize, usize) = copied
        .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    assert_eq!(found, (300, 300 * 1000 + 299 * 300 / 2));
}
