//! Backups of a cloud that runs, and what is restored from them.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fs_err as fs;
use gumnut_cloud::{Backup, BackupOptions, Cloud, CloudError, Restored};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::child;
use crate::common::{Request, TestCloud, config};

/// Clients that change objects while backups are made.
const CLIENTS: usize = 6;
/// Each client goes round these keys.
const KEYS: u64 = 4;
/// Backups that are made under load.
const BACKUPS: usize = 3;
/// Changes that must have happened between two backups.
const CHANGES: usize = 40;
/// Times that a backup is killed.
const KILLS: u32 = 12;

/// The content of an object in a round of its key: it begins with the round, and most are too large to be in a row of the catalogue.
fn content(key: &str, round: u64) -> Vec<u8> {
    let line = format!("{round} {key}\n");
    let size = if round.is_multiple_of(4) { 100 } else { 30_000 };
    line.repeat(size / line.len()).into_bytes()
}

/// The round that a content is of.
fn round_of(content: &[u8]) -> u64 {
    let text = std::str::from_utf8(content).unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

async fn backup(
    cloud: &TestCloud,
    to: &Path,
    options: BackupOptions,
) -> Result<Backup, CloudError> {
    let (data, to) = (cloud.dir.path().to_owned(), to.to_owned());
    let made = tokio::task::spawn_blocking(move || Cloud::backup(&data, &to, options));
    made.await.unwrap()
}

fn restore(from: &Path, to: &Path) -> Result<Restored, CloudError> {
    Cloud::restore(from, to, true)
}

/// Clients that put, replace and delete objects and upload some in parts.
struct Load {
    cloud: TestCloud,
    ended: AtomicBool,
    /// Changes so far.
    changes: AtomicUsize,
    changed: Notify,
    /// The last round of each key that was acknowledged, of those that are never deleted.
    known: Mutex<BTreeMap<String, u64>>,
    rounds: AtomicU64,
}

impl Load {
    async fn client(&self, number: usize) {
        while !self.ended.load(Ordering::SeqCst) {
            let round = self.rounds.fetch_add(1, Ordering::SeqCst);
            let key = format!("kept-{number}-{}", round % KEYS);
            self.put(&key, round).await;
            let known = (key, round);
            self.known.lock().unwrap().extend([known]);
            let short = format!("short-{number}-{}", round % 2);
            self.put(&short, round).await;
            self.upload(&format!("parts-{number}"), round).await;
            let target = format!("/bucket/{short}");
            let deleted = self.cloud.delete(&self.cloud.alice, &target).await;
            assert_eq!(deleted.status, 204, "{}", deleted.text());
            self.changes.fetch_add(1, Ordering::SeqCst);
            self.changed.notify_waiters();
        }
    }

    async fn put(&self, key: &str, round: u64) {
        let (target, body) = (format!("/bucket/{key}"), content(key, round));
        let put = self.cloud.put(&self.cloud.alice, &target, &body).await;
        assert_eq!(put.status, 200, "{}", put.text());
    }

    /// Uploads an object in parts, of which one is replaced; some uploads are left as they are.
    async fn upload(&self, key: &str, round: u64) {
        let request = |method: &str, query: String| {
            let target = format!("/bucket/{key}?{query}");
            self.cloud.request(method, &target)
        };
        let alice = &self.cloud.alice;
        let begun = request("POST", "uploads".to_owned()).v4(alice).send().await;
        let id = begun.element("UploadId").to_owned();
        let mut parts = String::new();
        for number in [1, 2, 2] {
            let query = format!("partNumber={number}&uploadId={id}");
            let body = content(key, round);
            let put = request("PUT", query).body(&body).v4(alice).send().await;
            assert_eq!(put.status, 200, "{}", put.text());
            let etag = put.header("etag").to_owned();
            let part = format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>");
            if !parts.contains(&part) {
                parts += &part;
            }
        }
        if !round.is_multiple_of(3) {
            let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
            let end = request("POST", format!("uploadId={id}")).body(body.as_bytes());
            let ended = end.v4(alice).send().await;
            assert_eq!(ended.status, 200, "{}", ended.text());
        }
    }

    async fn wait_for_changes(&self) {
        let until = self.changes.load(Ordering::SeqCst) + CHANGES;
        while self.changes.load(Ordering::SeqCst) < until {
            let changed = self.changed.notified();
            if self.changes.load(Ordering::SeqCst) < until {
                changed.await;
            }
        }
    }

    fn known(&self) -> BTreeMap<String, u64> {
        self.known.lock().unwrap().clone()
    }
}

/// Restores a backup, and checks that it has these rounds of these keys or later ones, and that nothing is wrong with it.
async fn check_restored(load: &Load, backup: &Path, known: &BTreeMap<String, u64>) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    restore(backup, &data).unwrap();
    let report = Cloud::fsck(&data).unwrap();
    assert!(report.is_clean(), "{:#?}", report.findings);
    let running = Cloud::start(config(&data)).await.unwrap();
    for (key, round) in known {
        let url = format!("{}/bucket/{key}", running.endpoint());
        let get = Request::new(&load.cloud.client, "GET", &url);
        let got = get.v4(&load.cloud.alice).send().await;
        assert_eq!(got.status, 200, "{key}");
        let found = round_of(&got.body);
        assert!(found >= *round, "{key} has round {found}, not {round}");
        assert_eq!(got.body, content(key, found), "{key}");
    }
    running.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_has_all_that_was_acknowledged_before() {
    let backups = tempfile::tempdir().unwrap();
    let load = Arc::new(Load {
        cloud: TestCloud::start().await.with_bucket("bucket").await,
        ended: AtomicBool::new(false),
        changes: AtomicUsize::new(0),
        changed: Notify::new(),
        known: Mutex::default(),
        rounds: AtomicU64::new(0),
    });
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let load = Arc::clone(&load);
        clients.spawn(async move { load.client(number).await });
    }
    let mut made = Vec::new();
    for number in 0..BACKUPS {
        load.wait_for_changes().await;
        let known = load.known();
        let options = BackupOptions::new(number == 1, number == 2);
        let backup = backup(&load.cloud, backups.path(), options).await.unwrap();
        made.push((backup, known));
    }
    load.ended.store(true, Ordering::SeqCst);
    clients.join_all().await;
    for (backup, known) in &made {
        assert!(backup.objects > 0 && known.len() >= CLIENTS, "{backup:?}");
        check_restored(&load, &backup.path, known).await;
    }
    // What could not be deleted while it was copied goes with later deletions, or with the next start.
    let load = Arc::into_inner(load).unwrap();
    load.cloud.running.shutdown().await.unwrap();
    let again = Cloud::start(config(load.cloud.dir.path())).await.unwrap();
    again.shutdown().await.unwrap();
    let report = Cloud::fsck(load.cloud.dir.path());
    let findings = report.map(|report| report.findings);
    assert_eq!(findings.unwrap(), []);
}

/// A cloud that has ended, with some objects.
async fn with_objects(objects: u64) -> tempfile::TempDir {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    for number in 0..objects {
        let (target, body) = (format!("/bucket/{number}"), content("k", number * 4 + 1));
        let put = cloud.put(&cloud.alice, &target, &body).await;
        assert_eq!(put.status, 200);
    }
    let TestCloud { running, dir, .. } = cloud;
    running.shutdown().await.unwrap();
    dir
}

/// The names in a directory.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_killed_is_not_taken_for_one() {
    let data = with_objects(200).await;
    let folder = tempfile::tempdir().unwrap();
    let (backups, restored) = (
        folder.path().join("backups"),
        folder.path().join("restored"),
    );
    let mut completed = 0;
    for kill in 1..=KILLS {
        let mut child = child::backup(data.path(), &backups, "");
        // Somewhere in the time that it takes: the lots are the number of the kill.
        let enough = tokio::time::Instant::now() + Duration::from_millis(u64::from(kill) * 7);
        tokio::time::sleep_until(enough).await;
        child.kill().unwrap();
        child.wait().unwrap();
        let whole = if backups.exists() {
            names(&backups)
        } else {
            Vec::new()
        };
        let whole = whole.iter().filter(|name| name.ends_with('Z')).count();
        completed += usize::from(whole > 0);
        match restore(&backups, &restored) {
            Ok(_) => {
                assert!(whole > 0);
                assert!(Cloud::fsck(&restored).unwrap().is_clean());
                fs::remove_dir_all(&restored).unwrap();
            }
            Err(error) => {
                assert_eq!(whole, 0, "{error}");
                assert!(!restored.exists());
            }
        }
    }
    assert!(
        completed < usize::try_from(KILLS).unwrap(),
        "no backup was killed"
    );
    let mut last = child::backup(data.path(), &backups, "");
    assert!(last.wait().unwrap().success());
    assert!(
        !names(&backups)
            .iter()
            .any(|name| name.ends_with(".partial"))
    );
    let told = restore(&backups, &restored).unwrap();
    assert_eq!(told.objects, 200);
    assert_eq!(names(&restored.join("objects")).len(), 200);
    assert!(Cloud::fsck(&restored).unwrap().is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_backup_shares_the_files_of_the_first() {
    let data = with_objects(3).await;
    let backups = tempfile::tempdir().unwrap();
    let make = |copy| Cloud::backup(data.path(), backups.path(), BackupOptions::new(copy, true));
    let first = make(true).unwrap();
    assert_eq!((first.objects, first.linked), (3, 0));
    let second = make(true).unwrap();
    assert_eq!((second.objects, second.linked), (3, 3));
    assert!(first.path < second.path, "{first:?} {second:?}");
    let inodes = |folder: &Path| -> Vec<_> {
        let objects = folder.join("objects");
        let paths = names(&objects).into_iter().map(|name| objects.join(name));
        paths
            .map(|path| fs::metadata(path).unwrap().ino())
            .collect()
    };
    assert_eq!(inodes(&first.path), inodes(&second.path));
    assert_ne!(inodes(&first.path), inodes(data.path()));
    // With the master key the keys in the catalogue can be used.
    let master_key = |folder: &Path| fs::read(folder.join("master.key")).unwrap();
    assert_eq!(master_key(&second.path), master_key(data.path()));
    // With the first backup goes nothing of the second.
    fs::remove_dir_all(&first.path).unwrap();
    let restored = backups.path().with_extension("restored");
    let told = restore(backups.path(), &restored).unwrap();
    assert_eq!(told.backup, second.path);
    assert!(Cloud::fsck(&restored).unwrap().is_clean());
    fs::remove_dir_all(restored).unwrap();
    let report = Cloud::fsck(&second.path).unwrap();
    assert_eq!((report.files, report.findings), (3, Vec::new()));
}

fn said<T: std::fmt::Debug>(result: Result<T, CloudError>) -> String {
    result.unwrap_err().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_backed_up_is_said() {
    let data = with_objects(2).await;
    let folder = tempfile::tempdir().unwrap();
    let make = |to: &Path| Cloud::backup(data.path(), to, BackupOptions::default());
    let inside = data.path().join("backups");
    assert!(said(make(&inside)).contains("inside the data directory"));
    assert!(!inside.exists());
    fs::write(folder.path().join("other"), "").unwrap();
    assert!(said(make(folder.path())).contains("is not empty and has no backups"));
    let backups = folder.path().join("backups");
    make(&backups).unwrap();
    let held = fs::File::open(backups.join("gumnut-backups")).unwrap();
    held.file().lock().unwrap();
    assert!(said(make(&backups)).contains("another backup"));
    drop(held);
    let stranger = tempfile::tempdir().unwrap();
    Cloud::init(&config(stranger.path())).unwrap();
    let stranger = Cloud::backup(stranger.path(), &backups, BackupOptions::default());
    assert!(said(stranger).contains("of another cloud"));
    let nothing = tempfile::tempdir().unwrap();
    let nothing = Cloud::backup(nothing.path(), &backups, BackupOptions::default());
    assert!(said(nothing).contains("there is no cloud"));

    let object = data
        .path()
        .join("objects")
        .join(&names(&data.path().join("objects"))[0]);
    // The backup has the same file, which must not change.
    fs::remove_file(&object).unwrap();
    fs::write(&object, "short").unwrap();
    assert!(said(make(&folder.path().join("new"))).contains("has 5 bytes, not"));
    fs::remove_file(&object).unwrap();
    let before = names(&backups);
    assert!(said(make(&folder.path().join("new"))).contains("is missing"));
    assert!(make(&backups).is_ok(), "an earlier backup has it");
    assert_eq!(names(&backups).len(), before.len() + 1);
    assert_eq!(names(&folder.path().join("new")), ["gumnut-backups"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_to_a_full_disk_leaves_nothing() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    let put = cloud
        .put(&cloud.alice, "/bucket/k", &vec![7; 2 << 20])
        .await;
    assert_eq!(put.status, 200);
    let folder = tempfile::tempdir().unwrap();
    // A file may have 0.5 or 1 MiB, as the unit of the shell is; the signal would end the process.
    let shell = "trap '' XFSZ; ulimit -f 1024;";
    let mut child = child::backup(cloud.dir.path(), folder.path(), shell);
    let mut words = String::new();
    let mut told = child.stdout.take().unwrap();
    told.read_to_string(&mut words).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(101), "{words}");
    assert!(words.contains("there is no space left in"), "{words}");
    assert_eq!(names(folder.path()), ["gumnut-backups"]);
    let options = BackupOptions::new(true, true);
    let made = backup(&cloud, folder.path(), options).await.unwrap();
    assert_eq!((made.objects, made.bytes), (1, 2 << 20));
}

/// What is done to a backup, and what is said of it then.
type Harm = (fn(&Path), &'static str);

fn object_in(backup: &Path) -> PathBuf {
    let objects = backup.join("objects");
    objects.join(&names(&objects)[0])
}

/// Writes a byte of a file again, without changing others that share it.
fn change_byte(path: &Path) {
    let mut content = fs::read(path).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    fs::remove_file(path).unwrap();
    fs::write(path, content).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_backup_is_not_restored() {
    let data = with_objects(3).await;
    let folder = tempfile::tempdir().unwrap();
    let backups = folder.path().join("backups");
    let harms: [Harm; 8] = [
        (|it| change_byte(&object_in(it)), "its digest is wrong"),
        (|it| fs::remove_file(object_in(it)).unwrap(), "No such file"),
        (
            |it| fs::write(object_in(it), "short").unwrap(),
            "has 5 bytes, not",
        ),
        (
            |it| change_byte(&it.join("catalogue.sqlite")),
            "catalogue.sqlite has other content",
        ),
        (
            |it| fs::remove_file(it.join("catalogue.id")).unwrap(),
            "catalogue.id is missing",
        ),
        (
            |it| change_byte(&it.join("master.key")),
            "master.key has other content",
        ),
        (
            |it| {
                fs::create_dir(it.join("keys")).unwrap();
                fs::write(it.join("keys/new"), "").unwrap();
            },
            "keys/new is not in the manifest",
        ),
        (
            |it| fs::write(it.join("backup.json"), "{\"format\":2}").unwrap(),
            "format 2",
        ),
    ];
    let to = folder.path().join("restored");
    for (harm, message) in harms {
        let made = Cloud::backup(data.path(), &backups, BackupOptions::new(true, false)).unwrap();
        harm(&made.path);
        let refused = said(restore(&made.path, &to));
        assert!(refused.contains(message), "{refused}");
        assert_eq!(names(folder.path()), ["backups"]);
        fs::remove_dir_all(&made.path).unwrap();
    }
    assert!(said(restore(&backups, &to)).contains("there is no backup"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_restored_to_a_new_directory_only() {
    let data = with_objects(1).await;
    let folder = tempfile::tempdir().unwrap();
    let (backups, to) = (folder.path().join("backups"), folder.path().join("data"));
    let made = Cloud::backup(data.path(), &backups, BackupOptions::default()).unwrap();
    let running = TestCloud::start().await;
    assert!(said(restore(&backups, running.dir.path())).contains("another cloud uses"));
    fs::create_dir(&to).unwrap();
    fs::write(to.join("file"), "").unwrap();
    assert!(said(restore(&backups, &to)).contains("is not empty"));
    fs::remove_file(to.join("file")).unwrap();
    // What a restore that was killed has left is in the way of none.
    fs::create_dir_all(folder.path().join(".data.restore.partial/objects")).unwrap();
    restore(&made.path, &to).unwrap();
    assert_eq!(names(folder.path()), ["backups", "data"]);
    assert!(Cloud::fsck(&to).unwrap().is_clean());
    let started = Cloud::start(config(&made.path)).await;
    assert!(said(started.map(drop)).contains("is a backup"));
    let partial = made.path.with_extension("partial");
    fs::rename(&made.path, &partial).unwrap();
    assert!(said(restore(&partial, &folder.path().join("none"))).contains("was not completed"));
}
