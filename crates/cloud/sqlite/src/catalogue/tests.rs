//! The contract on a file and in memory, and what a file and a thread have beside it.

use std::sync::mpsc;
use std::time::Duration;

use fs_err as fs;
use futures::FutureExt as _;
use futures::executor::block_on;
use gumnut_cloud_catalogue::{
    Account, AccountsChange, Acl, BucketChange, BucketSettings, Catalogue, KeyChange, NewBucket,
    NewUser, UploadRef, contract,
};
use proptest::prelude::*;
use time::macros::datetime;

use super::*;

mod sqlite {
    use super::*;

    gumnut_cloud_catalogue::contract_tests!({
        let guard = tempfile::tempdir()?;
        let path = guard.path().join("catalogue.sqlite");
        let database = SqliteCatalogue::open(&path, Clock::system())?;
        (guard, Catalogue::new(database))
    });
}

mod in_memory {
    use super::*;

    gumnut_cloud_catalogue::contract_tests!({
        (
            (),
            Catalogue::new(SqliteCatalogue::in_memory(Clock::system())?),
        )
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_history_is_that_of_the_model(clients in contract::histories(24)) {
        let database = SqliteCatalogue::in_memory(Clock::system())?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build()?;
        let outcome = runtime.block_on(contract::history(&Catalogue::new(database), clients));
        outcome.map_err(|error| TestCaseError::fail(error.to_string()))?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_copy_has_the_same_rows(rows in contract::catalogues()) {
        let [from, to] = [(); 2].map(|()| SqliteCatalogue::in_memory(Clock::system()));
        let outcome = block_on(contract::a_copy_has_the_same_rows(&from?, &to?, rows));
        outcome.map_err(|error| TestCaseError::fail(format!("{error:?}")))?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn a_move_ends_after_any_interruption(rows in contract::catalogues()) {
        let [from, to] = [(); 2].map(|()| SqliteCatalogue::in_memory(Clock::system()));
        let (from, to) = (Arc::new(from?), Arc::new(to?));
        let outcome = block_on(contract::a_move_ends_after_any_interruption(from, to, rows));
        outcome.map_err(|error| TestCaseError::fail(format!("{error:?}")))?;
    }
}

fn open(folder: &Path) -> Result<SqliteCatalogue, CatalogueError> {
    SqliteCatalogue::open(&folder.join("catalogue.sqlite"), Clock::system())
}

/// Adds a user with an account of the same name.
fn add_user(catalogue: &Catalogue, name: &str, number: u64) -> Result<(), CatalogueError> {
    let number = format!("{number:012}");
    let user = NewUser {
        account: Account {
            number: number.parse().unwrap(),
            name: name.to_owned(),
            canonical_id: format!("owner-{name}"),
            email: None,
        },
        name: name.to_owned(),
        admin: false,
        access_key: format!("AKI-{name}"),
        secret_key: SecretString::new("secret"),
        certificate: None,
    };
    block_on(catalogue.change_accounts(move |_| {
        let change = AccountsChange {
            add: Some(user.clone()),
            ..AccountsChange::default()
        };
        Ok((change, ()))
    }))
}

fn names(catalogue: &Catalogue) -> Vec<String> {
    let users = block_on(catalogue.accounts()).unwrap().users;
    users.into_iter().map(|user| user.name).collect()
}

#[test]
fn what_was_written_is_there_after_the_file_was_closed() {
    let folder = tempfile::tempdir().unwrap();
    let catalogue = Catalogue::new(open(folder.path()).unwrap());
    add_user(&catalogue, "flora", 1).unwrap();
    let log = folder.path().join("catalogue.sqlite-wal");
    assert!(log.exists());
    drop(catalogue);
    assert!(!log.exists(), "the last connection takes its log away");
    let database = open(folder.path()).unwrap();
    database.check().unwrap();
    assert_eq!(names(&Catalogue::new(database)), ["flora"]);
}

#[test]
fn a_file_that_is_no_catalogue_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("catalogue.sqlite"), [b'x'; 4096]).unwrap();
    let error = open(folder.path()).unwrap_err();
    let CatalogueError::Damaged { reason } = error else {
        panic!("{error}");
    };
    assert_eq!(reason, "file is not a database");
}

#[test]
fn a_file_with_a_page_of_something_else_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()).unwrap());
    let path = folder.path().join("catalogue.sqlite");
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = 'parts'";
    let connection = Connection::open(&path).unwrap();
    let page: usize = connection.query_row(sql, [], |row| row.get(0)).unwrap();
    drop(connection);
    let mut bytes = fs::read(&path).unwrap();
    bytes[(page - 1) * 4096..page * 4096].fill(b'x');
    fs::write(&path, bytes).unwrap();
    let error = open(folder.path()).unwrap().check().unwrap_err();
    let CatalogueError::Damaged { reason } = &error else {
        panic!("{error}");
    };
    assert!(reason.contains("Tree"), "{reason}");
}

#[test]
fn two_programs_share_a_file() {
    let folder = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for program in 0..2_u64 {
            let folder = folder.path();
            scope.spawn(move || {
                let catalogue = Catalogue::new(open(folder).unwrap());
                for number in 0..10 {
                    let name = format!("user-{program}-{number}");
                    add_user(&catalogue, &name, program * 100 + number).unwrap();
                }
            });
        }
    });
    let catalogue = Catalogue::new(open(folder.path()).unwrap());
    assert_eq!(names(&catalogue).len(), 20);
}

#[test]
fn a_unit_waits_for_that_of_another_program() {
    let folder = tempfile::tempdir().unwrap();
    let one = Catalogue::new(open(folder.path()).unwrap());
    let other = Catalogue::new(open(folder.path()).unwrap());
    let (begun, has_begun) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| {
            block_on(one.change_accounts(move |_| {
                begun.send(()).unwrap();
                // The other unit has not begun when this ends: it finds the file locked.
                let waited = may_go_on.recv_timeout(Duration::from_millis(100));
                assert!(waited.is_err());
                Ok::<_, CatalogueError>((AccountsChange::default(), ()))
            }))
        });
        has_begun.recv().unwrap();
        let quick = block_on(other.change_accounts(move |_| {
            // Nobody waits for this any more.
            let _ = go_on.send(());
            Ok::<_, CatalogueError>((AccountsChange::default(), ()))
        }));
        quick.unwrap();
        slow.join().unwrap().unwrap();
    });
}

#[test]
fn a_decision_that_panics_changes_nothing_and_ends_nothing() {
    let catalogue = Catalogue::new(SqliteCatalogue::in_memory(Clock::system()).unwrap());
    add_user(&catalogue, "flora", 1).unwrap();
    let keys = vec![KeyRef::default(); 2];
    let panicked = block_on(catalogue.change_keys(keys, |index, _| {
        assert_eq!(index, 0, "the second decision panics");
        Ok::<_, CatalogueError>((KeyChange::default(), ()))
    }));
    let error = panicked.unwrap_err();
    assert!(error.is_outcome_unknown());
    let CatalogueError::Database(source) = error else {
        panic!("{error}");
    };
    assert_eq!(
        source.to_string(),
        "a decision panicked; please report this"
    );
    add_user(&catalogue, "robin", 2).unwrap();
    assert_eq!(names(&catalogue), ["flora", "robin"]);
}

#[test]
fn a_decision_may_hold_the_last_handle() {
    let folder = tempfile::tempdir().unwrap();
    let catalogue = Catalogue::new(open(folder.path()).unwrap());
    let (go_on, may_go_on) = mpsc::channel();
    let slow = catalogue.change_accounts(move |_| {
        may_go_on.recv().unwrap();
        Ok::<_, CatalogueError>((AccountsChange::default(), ()))
    });
    let held = catalogue.clone();
    let (decided, has_decided) = mpsc::channel();
    let last = catalogue.change_accounts(move |_| {
        decided.send(format!("{held:?}")).unwrap();
        Ok::<_, CatalogueError>((AccountsChange::default(), ()))
    });
    // Both callers are dropped while the first unit is at work.
    assert!(slow.now_or_never().is_none() && last.now_or_never().is_none());
    drop(catalogue);
    go_on.send(()).unwrap();
    has_decided.recv().unwrap();
    has_decided.recv().unwrap_err();
    add_user(&Catalogue::new(open(folder.path()).unwrap()), "flora", 1).unwrap();
}

#[test]
fn a_full_disk_is_told_and_nothing_has_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalogue.sqlite");
    let mut connection = Connection::open(&path).unwrap();
    schema::prepare(&mut connection).unwrap();
    let pages: i64 = connection
        .pragma_query_value(None, "page_count", |row| row.get(0))
        .unwrap();
    connection
        .pragma_update(None, "max_page_count", pages + 1)
        .unwrap();
    let thread = ConnectionThread::start(connection, None).unwrap();
    let clock = Clock::system();
    let catalogue = Catalogue::new(SqliteCatalogue {
        accounts: Accounts::Counted(AtomicU64::new(0)),
        readers: None,
        thread,
        clock,
    });
    let long = "x".repeat(20_000);
    let error = add_user(&catalogue, &long, 1).unwrap_err();
    assert!(matches!(error, CatalogueError::Full(_)), "{error}");
    assert!(!error.is_outcome_unknown());
    assert_eq!(names(&catalogue), [""; 0]);
    add_user(&catalogue, "flora", 1).unwrap();
}

#[test]
fn what_gives_room_back_gets_the_reserve_and_nothing_else_does() {
    use rusqlite::ffi::{Error, SQLITE_FULL};
    let folder = tempfile::tempdir().unwrap();
    let catalogue = open(folder.path()).unwrap();
    // A unit that finds no room with others is run alone.
    for (gives, expected) in [(false, vec![true; 2]), (true, vec![true, true, false])] {
        let reserve = folder.path().join("catalogue.reserve");
        let (see, seen) = mpsc::channel();
        let outcome = block_on(catalogue.thread.change(move |_, gives_room| {
            gives_room.say(gives);
            see.send(reserve.exists()).unwrap();
            if reserve.exists() {
                let full = rusqlite::Error::SqliteFailure(Error::new(SQLITE_FULL), None);
                return Err(full.into());
            }
            Ok(())
        }));
        assert_eq!(outcome.is_ok(), gives, "{outcome:?}");
        assert_eq!(seen.iter().collect::<Vec<_>>(), expected);
    }
    assert!(!folder.path().join("catalogue.reserve").exists());
    add_user(&Catalogue::new(catalogue), "flora", 1).unwrap();
    assert!(folder.path().join("catalogue.reserve").exists());
}

/// What is beside the catalogue's file in a directory, and the file itself.
fn copy(from: &Path, to: &Path) {
    for name in ["catalogue.sqlite", "catalogue.sqlite-wal", "catalogue.id"] {
        if from.join(name).exists() {
            fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }
}

#[test]
fn another_catalogue_or_an_older_one_is_noticed() {
    let [folder, old, other] = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let path = folder.path().join("catalogue.sqlite");
    let catalogue = Catalogue::new(open(folder.path()).unwrap());
    add_user(&catalogue, "flora", 1).unwrap();
    copy(folder.path(), old.path());
    add_user(&catalogue, "robin", 2).unwrap();
    drop(catalogue);
    let stranger = Catalogue::new(open(other.path()).unwrap());
    add_user(&stranger, "stranger", 3).unwrap();
    drop(stranger);
    let mismatch = |folder: &Path| match open(folder) {
        Err(CatalogueError::Mismatch(mismatch)) => Some(mismatch),
        Err(error) => panic!("{error}"),
        Ok(_) => None,
    };
    // A whole copy is as good as the original, be it older.
    assert_eq!(mismatch(old.path()), None);
    assert_eq!(mismatch(folder.path()), None);

    let right = fs::read(&path).unwrap();
    for (content, expected) in [
        (
            fs::read(old.path().join("catalogue.sqlite")).unwrap(),
            Mismatch::Older { missing: 1 },
        ),
        (
            fs::read(other.path().join("catalogue.sqlite")).unwrap(),
            Mismatch::Foreign,
        ),
        (Vec::new(), Mismatch::Empty),
    ] {
        fs::write(&path, content).unwrap();
        assert_eq!(mismatch(folder.path()), Some(expected));
    }
    fs::remove_file(&path).unwrap();
    assert_eq!(mismatch(folder.path()), Some(Mismatch::Missing));
    assert!(!path.exists(), "nothing is made in its place");
    fs::write(&path, &right).unwrap();
    fs::remove_file(folder.path().join("catalogue.id")).unwrap();
    assert_eq!(mismatch(folder.path()), Some(Mismatch::Unmarked));
    SqliteCatalogue::accept(&path, Clock::system()).unwrap();
    assert_eq!(mismatch(folder.path()), None);
}

#[test]
fn a_catalogue_in_use_is_copied_as_it_is_at_one_moment() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let catalogue = Catalogue::new(open(folder.path()).unwrap());
    let path = folder.path().join("catalogue.sqlite");
    for number in 1..10 {
        add_user(&catalogue, &format!("user{number}"), number).unwrap();
        let to = elsewhere.path().join(format!("a%20 {number}.sqlite"));
        SqliteCatalogue::copy(&path, &to).unwrap();
        let mode = fs::metadata(&to).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let copied = SqliteCatalogue::look_at_copy(&to, Clock::system()).unwrap();
        assert_eq!(names(&Catalogue::new(copied)), names(&catalogue));
        // With the mark that was made it is a catalogue like any other.
        let copied = SqliteCatalogue::open(&to, Clock::system()).unwrap();
        copied.check().unwrap();
    }
    let again = SqliteCatalogue::copy(&path, &elsewhere.path().join("a%20 1.sqlite"));
    assert!(
        matches!(again, Err(CatalogueError::Database(_))),
        "{again:?}"
    );
    fs::remove_file(folder.path().join("catalogue.id")).unwrap();
    let unmarked = SqliteCatalogue::copy(&path, &elsewhere.path().join("unmarked.sqlite"));
    let mismatch = CatalogueError::Mismatch(Mismatch::Unmarked).to_string();
    assert_eq!(unmarked.unwrap_err().to_string(), mismatch);
    let missing = folder.path().join("missing.sqlite");
    let missing = SqliteCatalogue::copy(&missing, &elsewhere.path().join("missing.sqlite"));
    let mismatch = CatalogueError::Mismatch(Mismatch::Missing).to_string();
    assert_eq!(missing.unwrap_err().to_string(), mismatch);
}

#[test]
fn a_copy_is_looked_at_and_the_file_stays() {
    let [folder, elsewhere] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let path = folder.path().join("catalogue.sqlite");
    let catalogue = Catalogue::new(open(folder.path()).unwrap());
    // It is open still, so that the user is in the log alone.
    add_user(&catalogue, "flora", 1).unwrap();
    let before = fs::read(&path).unwrap();
    let opened = SqliteCatalogue::open_copy(&path, elsewhere.path(), Clock::system());
    let (catalogue_there, mismatch) = opened.unwrap();
    assert_eq!(mismatch, None);
    assert_eq!(names(&Catalogue::new(catalogue_there)), ["flora"]);
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn units_have_their_time_from_the_clock() {
    let clock = Clock::fixed(datetime!(2010-06-03 22:15:57.552 UTC));
    let catalogue = Catalogue::new(SqliteCatalogue::in_memory(clock.clone()).unwrap());
    add_user(&catalogue, "flora", 1).unwrap();
    clock.set(datetime!(2010-06-03 22:15:57.553 UTC));
    let at = BucketRef {
        name: "b".to_owned(),
        count_of: None,
    };
    let made = block_on(catalogue.change_bucket(at, |state| {
        assert_eq!(state.now, 1_275_603_357_553);
        let create = NewBucket {
            account: "000000000001".to_owned(),
            acl: Acl::default(),
            settings: BucketSettings::default(),
        };
        let change = BucketChange {
            create: Some(create),
            ..BucketChange::default()
        };
        Ok::<_, CatalogueError>((change, ()))
    }));
    assert!(made.unwrap().garbage.is_empty());
    let bucket = block_on(catalogue.bucket("b")).unwrap().unwrap();
    assert_eq!(bucket.created, 1_275_603_357_553);
    let (upload, _) = block_on(catalogue.upload(UploadRef::default(), 0, 1)).unwrap();
    assert_eq!(upload.now, 1_275_603_357_553);
}

#[test]
fn a_read_of_a_file_waits_for_no_change() {
    let folder = tempfile::tempdir().unwrap();
    let catalogue = Catalogue::new(open(folder.path()).unwrap());
    add_user(&catalogue, "flora", 1).unwrap();
    let (begun, has_begun) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let slow = catalogue.change_accounts(move |_| {
        begun.send(()).unwrap();
        let _ = may_go_on.recv();
        Ok::<_, CatalogueError>((AccountsChange::default(), ()))
    });
    let mut slow = Box::pin(slow);
    assert!((&mut slow).now_or_never().is_none());
    has_begun.recv().unwrap();
    // The thread is in the middle of a change until this read has ended.
    assert_eq!(names(&catalogue), ["flora"]);
    go_on.send(()).unwrap();
    block_on(slow).unwrap();
}
