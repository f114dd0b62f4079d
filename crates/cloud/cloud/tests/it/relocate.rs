//! A whole cloud that moves to PostgreSQL and a bucket, and back, by a process that is killed again and again.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use fs_err as fs;
use gumnut_cloud::{CatalogueSource, Clock, Cloud, CloudError, MoveBlobs};
use gumnut_cloud_catalogue::{Table, Transfer, Value};
use gumnut_cloud_postgres::PostgresCatalogue;
use gumnut_cloud_postgres::test_server::TestSchema;

use crate::child::{self, Place};
use crate::common::{Request, TestCloud, User, config};
use crate::migrate::digests;
use gumnut_types::NoProgress;

/// How often the process is killed.
const KILLS: u32 = 20;
/// How many objects there are.
const OBJECTS: usize = 40;

/// How many blobs these and a part have.
const BLOBS: u64 = 31;

/// The content of an object: some are in the catalogue, some in blobs.
fn content(number: usize) -> Vec<u8> {
    let byte = u8::try_from(number).unwrap();
    vec![byte; number * number * 200]
}

/// Moves a cloud to `to` by processes that are killed at random moments, and then by one that is not. How long that takes is known
/// from a move to `rehearsal`, which is undone. Gives how many were killed.
async fn moved_with_kills(from: &Place, to: &Place, rehearsal: &Place) -> u32 {
    let begun = Instant::now();
    run(from, rehearsal, None).await;
    let within = begun.elapsed();
    Cloud::undo_relocate(&from.config()).await.unwrap();
    for kills in 0..KILLS {
        let nanos = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .subsec_nanos();
        let random = f64::from(nanos % 1000) / 1000.0;
        // The first moments are early, so that a move that is faster than the rehearsed one is killed, too.
        let moment = within.mul_f64((f64::from(kills) + random) / f64::from(KILLS));
        if run(from, to, Some(moment)).await {
            return kills;
        }
    }
    run(from, to, None).await;
    KILLS
}

/// Runs a process that moves a cloud and is killed after this time; whether it came to its end.
async fn run(from: &Place, to: &Place, killed_after: Option<Duration>) -> bool {
    let mut process = child::relocate(from, to);
    let ended = tokio::task::spawn_blocking(move || {
        let begun = Instant::now();
        while killed_after.is_none_or(|time| begun.elapsed() < time) {
            if let Some(status) = process.try_wait().unwrap() {
                assert!(status.success(), "{status}");
                return true;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        process.kill().unwrap();
        process.wait().unwrap();
        false
    });
    ended.await.unwrap()
}

async fn check_objects(place: &Place, user: &User, client: &reqwest::Client) {
    let running = Cloud::start(place.config()).await.unwrap();
    for number in 0..OBJECTS {
        let url = format!("{}/bucket/{number}", running.endpoint());
        let got = Request::new(client, "GET", &url).v4(user).send().await;
        assert_eq!(got.status, 200, "{number}: {}", got.text());
        assert!(got.body == content(number), "{number}");
    }
    running.shutdown().await.unwrap();
}

/// The place of the shared form, in a bucket of this store.
fn shared_place(store: &TestCloud, schema: &TestSchema, dir: &Path, prefix: &str) -> Place {
    fs::create_dir_all(dir).unwrap();
    let keys = dir.join("blobs.key");
    let credentials = &store.alice.credentials;
    let (id, secret) = (credentials.access_key(), credentials.secret().expose());
    fs::write(&keys, format!("{}\n{secret}\n", id.as_str())).unwrap();
    fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o600)).unwrap();
    let number = std::process::id();
    Place {
        dir: dir.join("front-end"),
        database: format!("{}&application_name=move_{prefix}_{number}", schema.url()),
        bucket: format!("s3://blobs/{prefix}?endpoint={}", store.endpoint()),
        keys,
    }
}

/// A cloud with objects of all kinds, an unfinished upload and a deleted object, which is stopped.
async fn stopped_cloud() -> (tempfile::TempDir, User, reqwest::Client) {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    for number in 0..OBJECTS {
        let target = format!("/bucket/{number}");
        let put = cloud.put(&cloud.alice, &target, &content(number)).await;
        assert_eq!(put.status, 200);
    }
    let begun = cloud.request("POST", "/bucket/unfinished?uploads");
    let begun = begun.v4(&cloud.alice).send().await;
    let upload = begun.element("UploadId");
    let part = format!("/bucket/unfinished?partNumber=1&uploadId={upload}");
    let put = cloud.put(&cloud.alice, &part, &content(30)).await;
    assert_eq!(put.status, 200, "{}", put.text());
    cloud.put(&cloud.alice, "/bucket/gone", &content(30)).await;
    cloud.delete(&cloud.alice, "/bucket/gone").await;
    let TestCloud {
        running,
        dir,
        alice,
        client,
        ..
    } = cloud;
    running.shutdown().await.unwrap();
    (dir, alice, client)
}

/// The names in a directory.
fn names(dir: &Path) -> Vec<std::ffi::OsString> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    names.sort_unstable();
    names
}

/// The rows of a table, with the names of blobs as they are on disk.
async fn rows(database: &dyn Transfer, table: Table) -> Vec<String> {
    let mut rows = database.rows(table, None, 10_000).await.unwrap();
    for value in rows.iter_mut().flatten() {
        if let Value::Text(text) = value
            && let Some(name) = text.strip_prefix("0/")
        {
            *text = name.to_owned();
        }
    }
    let mut rows: Vec<_> = rows.iter().map(|row| format!("{row:?}")).collect();
    rows.sort_unstable();
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloud_moves_and_comes_back_however_often_it_is_killed() {
    let (dir, alice, client) = stopped_cloud().await;
    let store = TestCloud::start().await.with_bucket("blobs").await;
    let other = tempfile::tempdir().unwrap();
    let schemas = [
        TestSchema::fresh().await.unwrap(),
        TestSchema::fresh().await.unwrap(),
    ];
    let first = Place::in_dir(dir.path());
    let second = shared_place(&store, &schemas[0], other.path(), "one");
    let before = digests(dir.path()).await;
    let files = names(&dir.path().join("objects"));

    let rehearsal = shared_place(&store, &schemas[1], &other.path().join("other"), "other");
    let kills = moved_with_kills(&first, &second, &rehearsal).await;
    assert!(kills > 0, "no process was killed");
    let sqlite = gumnut_cloud_sqlite::SqliteCatalogue::open(
        &dir.path().join("catalogue.sqlite"),
        Clock::system(),
    );
    let sqlite = sqlite.unwrap();
    {
        let CatalogueSource::Postgres(postgres) = second.config().catalogue else {
            panic!("another catalogue");
        };
        let moved = PostgresCatalogue::open_existing(&postgres, Clock::system());
        let moved = moved.await.unwrap();
        for table in Table::ALL {
            assert_eq!(rows(&moved, table).await, rows(&sqlite, table).await);
        }
    }
    drop(sqlite);
    // What was there is there as before, and is no longer served.
    assert_eq!(digests(dir.path()).await, before);
    assert_eq!(names(&dir.path().join("objects")), files);
    let left = Cloud::start(first.config()).await.unwrap_err();
    assert!(
        left.to_string().contains("it was moved to PostgreSQL"),
        "{left}"
    );
    let report = Cloud::fsck_shared(&second.config(), true, &NoProgress)
        .await
        .unwrap();
    assert_eq!(report.findings, []);
    assert_eq!(report.files, BLOBS);

    let back = Place::in_dir(&other.path().join("back"));
    let rehearsal = Place::in_dir(&other.path().join("rehearsal"));
    let kills = moved_with_kills(&second, &back, &rehearsal).await;
    assert!(kills > 0, "no process was killed");
    assert_eq!(digests(&back.dir).await, before);
    let report = Cloud::fsck(&back.dir).unwrap();
    assert!(report.is_clean(), "{:#?}", report.findings);
    assert_eq!(report.files, BLOBS);
    check_objects(&back, &alice, &client).await;
    let left = Cloud::start(second.config()).await.unwrap_err();
    assert!(
        left.to_string()
            .contains("it was moved to the data directory"),
        "{left}"
    );
    Cloud::undo_relocate(&second.config()).await.unwrap();
    check_objects(&second, &alice, &client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloud_moves_from_postgres_to_postgres_and_not_to_a_place_with_something() {
    let (dir, alice, client) = stopped_cloud().await;
    let store = TestCloud::start().await.with_bucket("blobs").await;
    let other = tempfile::tempdir().unwrap();
    let schemas = [
        TestSchema::fresh().await.unwrap(),
        TestSchema::fresh().await.unwrap(),
    ];
    let first = Place::in_dir(dir.path());
    let second = shared_place(&store, &schemas[0], other.path(), "two");
    let moved = Cloud::relocate(&first.config(), &second.config(), None, &NoProgress).await;
    let moved = moved.unwrap();
    assert_eq!((moved.copied, moved.present), (BLOBS, 0));

    // The bytes remain in the bucket.
    let mut third = shared_place(&store, &schemas[1], other.path(), "two");
    third.dir = other.path().join("third");
    let again = Cloud::relocate(&second.config(), &third.config(), None, &NoProgress).await;
    let again = again.unwrap();
    assert_eq!((again.rows, again.copied), (moved.rows, 0));
    assert_eq!(again.present, moved.copied);
    check_objects(&third, &alice, &client).await;

    // A bucket, a database and a directory with something in it.
    let refused = async |from: &Place, to: &Place, blobs| {
        let error = Cloud::relocate(&from.config(), &to.config(), blobs, &NoProgress).await;
        error.unwrap_err()
    };
    let schema = TestSchema::fresh().await.unwrap();
    let mut fourth = shared_place(&store, &schema, other.path(), "two");
    fourth.dir = other.path().join("fourth");
    let full = refused(&third, &fourth, Some(MoveBlobs::Copy)).await;
    assert!(matches!(full, CloudError::BlobsNotEmpty), "{full}");
    fourth.bucket = fourth.bucket.replace("/two?", "/empty?");
    let missing = refused(&third, &fourth, Some(MoveBlobs::Keep)).await;
    assert!(matches!(missing, CloudError::MoveBlob { .. }), "{missing}");
    let full = refused(&third, &second, None).await;
    assert!(full.to_string().contains("is not empty"), "{full}");
    let full = refused(&third, &first, None).await;
    assert!(full.to_string().contains("is not empty"), "{full}");
    // Another key than the one that the secrets are encrypted with.
    let fifth = Place::in_dir(&other.path().join("fifth"));
    Cloud::init(&config(&fifth.dir)).unwrap();
    for name in ["catalogue.sqlite", "catalogue.id"] {
        fs::remove_file(fifth.dir.join(name)).unwrap();
    }
    let key = refused(&third, &fifth, None).await;
    assert!(matches!(key, CloudError::OtherMasterKey { .. }), "{key}");
    // A cloud that runs.
    let running = Cloud::start(third.config()).await.unwrap();
    let in_use = refused(&third, &Place::in_dir(&other.path().join("sixth")), None).await;
    assert!(matches!(in_use, CloudError::InUse(_)), "{in_use}");
    running.shutdown().await.unwrap();
}
