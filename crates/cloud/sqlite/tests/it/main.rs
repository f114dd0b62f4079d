//! What was acknowledged survives a kill at any moment, with many who write at once.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bytes::Bytes;
use futures::executor::block_on;
use gumnut_cloud_catalogue::{
    Account, AccountsChange, Acl, BucketChange, BucketRef, BucketSettings, Catalogue,
    CatalogueError, Clock, Content, Key, KeyChange, KeyRef, NULL_VERSION, NewBucket, NewUser,
    NewVersion, ObjectHeaders, TagsAndLock,
};
use gumnut_cloud_sqlite::SqliteCatalogue;
use gumnut_types::SecretString;

/// Kills.
const ROUNDS: usize = 200;
/// Who writes at once.
const WRITERS: usize = 8;
/// Each writer puts its objects under these many keys in turn, so that objects are replaced too.
const KEYS: usize = 3;
/// Names the directory of the catalogue to the process that is killed.
const DIRECTORY: &str = "GUMNUT_KILLED_DIRECTORY";
const BUCKET: &str = "bucket";
const ACCOUNT: &str = "123456789012";

fn open(directory: &Path) -> Catalogue {
    let path = directory.join("catalogue.sqlite");
    Catalogue::new(SqliteCatalogue::open(&path, Clock::system()).unwrap())
}

/// Makes an account and its bucket.
fn make(catalogue: &Catalogue) {
    let add = NewUser {
        account: Account {
            number: ACCOUNT.parse().unwrap(),
            name: "nursery".to_owned(),
            canonical_id: "owner".to_owned(),
            email: None,
        },
        name: "flora".to_owned(),
        admin: true,
        access_key: "AKIFLORA".to_owned(),
        secret_key: SecretString::new("gumnut"),
        certificate: None,
    };
    let added = catalogue.change_accounts(move |_| {
        let change = AccountsChange {
            add: Some(add.clone()),
            ..AccountsChange::default()
        };
        Ok::<_, CatalogueError>((change, ()))
    });
    block_on(added).unwrap();
    let at = BucketRef {
        name: BUCKET.to_owned(),
        count_of: None,
    };
    let made = catalogue.change_bucket(at, |_| {
        let create = NewBucket {
            account: ACCOUNT.to_owned(),
            acl: Acl::private("owner"),
            settings: BucketSettings::default(),
        };
        let change = BucketChange {
            create: Some(create),
            ..BucketChange::default()
        };
        Ok::<_, CatalogueError>((change, ()))
    });
    assert_eq!(block_on(made).unwrap().garbage, [""; 0]);
}

fn key(writer: usize, number: usize) -> String {
    format!("{writer}-{}", number % KEYS)
}

/// What a writer puts the `number`th time: it says what it is, and is longer than a page.
fn content(writer: usize, number: usize) -> Bytes {
    format!("{writer} {number}\n").repeat(1000).into()
}

fn put(catalogue: &Catalogue, writer: usize, number: usize) -> Result<(), CatalogueError> {
    let at = KeyRef {
        bucket: BUCKET.to_owned(),
        key: Key::new(key(writer, number)).unwrap(),
        ..KeyRef::default()
    };
    let new = NewVersion {
        version: NULL_VERSION.to_owned(),
        marker: false,
        account: ACCOUNT.to_owned(),
        acl: Acl::private("owner"),
        headers: ObjectHeaders::default(),
        tags_and_lock: TagsAndLock::default(),
        etag: format!("{writer} {number}"),
        modified: 0,
        upload: None,
        content: Content::Inline(content(writer, number)),
    };
    let changed = catalogue.change_key(at, move |state| {
        let change = KeyChange {
            delete: state.named.iter().map(|named| named.id).collect(),
            insert: Some(new.clone()),
            ..KeyChange::default()
        };
        Ok::<_, CatalogueError>((change, ()))
    });
    block_on(changed).map(drop)
}

/// The side of the process that is killed: writes, and says what is acknowledged. Nothing when the tests are run as such.
#[test]
fn write_until_killed() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return;
    };
    let catalogue = open(&PathBuf::from(directory));
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let catalogue = &catalogue;
            scope.spawn(move || {
                for number in 1.. {
                    put(catalogue, writer, number).unwrap();
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
        .args(["--exact", "write_until_killed", "--nocapture"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut last = [0; WRITERS];
    let mut count = 0;
    let said = BufReader::new(child.stdout.take().unwrap()).lines();
    for line in said.map_while(Result::ok) {
        let mut words = line.split(' ');
        if words.next() != Some("put") {
            continue;
        }
        let numbers: Vec<usize> = words.map(|word| word.parse().unwrap()).collect();
        last[numbers[0]] = numbers[1];
        count += 1;
        if count == lines {
            child.kill().unwrap();
        }
    }
    assert!(count >= lines, "the child ended by itself");
    child.wait().unwrap();
    last
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
    make(&open(directory.path()));
    for round in 0..ROUNDS {
        // From the first commit on, and with some hundred behind it.
        let last = acknowledged(directory.path(), 1 + round * 7 % 150);
        let catalogue = open(directory.path());
        check(&catalogue, last);
        if round % 20 == 0 {
            assert_eq!(block_on(catalogue.faults()).unwrap(), [""; 0]);
        }
    }
}
