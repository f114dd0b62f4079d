//! A catalogue that is missing, empty, older than the files or of another cloud: the cloud does not start, and no file is lost.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use gumnut_cloud::{Cloud, CloudError, Finding, Mismatch, Repair};

use crate::child::ChildCloud;
use crate::common::{Request, TestCloud, admin, client, config, copy, fresh_data_dir};
use gumnut_types::NoProgress;

/// The files of the catalogue itself: what it has not yet brought into its file is in the log.
const CATALOGUE: [&str; 2] = ["catalogue.sqlite", "catalogue.sqlite-wal"];

/// What is in `objects`, `tmp` and `orphans`, and the master key, by path.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for name in ["objects", "tmp", "orphans"] {
        collect(&folder.join(name), folder, &mut found);
    }
    if let Ok(key) = fs_err::read(folder.join("master.key")) {
        found.insert("master.key".into(), key);
    }
    found
}

fn collect(place: &Path, root: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
    let Ok(entries) = fs_err::read_dir(place) else {
        return;
    };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            collect(&path, root, found);
        } else {
            let name = path.strip_prefix(root).unwrap().to_owned();
            found.insert(name, fs_err::read(&path).unwrap());
        }
    }
}

/// Copies the catalogue and nothing else; what is there goes.
fn copy_catalogue(from: &Path, to: &Path) {
    for name in CATALOGUE.into_iter().chain(["catalogue.sqlite-shm"]) {
        let _ = fs_err::remove_file(to.join(name));
    }
    for name in CATALOGUE
        .into_iter()
        .filter(|name| from.join(name).exists())
    {
        fs_err::copy(from.join(name), to.join(name)).unwrap();
    }
}

/// Puts objects through a cloud in a process of its own, and kills it. A copy of the catalogue in between is `old`.
async fn killed(folder: &Path, old: &Path) {
    let child = ChildCloud::start(folder, "");
    let (client, user) = (client(), admin(folder));
    let put = async |key: &str| {
        let url = format!("{}/bucket/{key}", child.endpoint);
        // Long enough for a file.
        let body = if key.is_empty() {
            String::new()
        } else {
            format!("{key:.<20000}")
        };
        let request = Request::new(&client, "PUT", &url).body(body.as_bytes());
        let stored = request.v4(&user).send().await;
        assert_eq!(stored.status, 200, "{}", stored.text());
    };
    put("").await;
    for key in ["one", "two", "three"] {
        put(key).await;
    }
    copy_catalogue(folder, old);
    for key in ["four", "five", "one"] {
        put(key).await;
    }
    child.kill();
}

/// Insists that the cloud does not start and says what to do, and that nobody has lost a file.
async fn refuses(folder: &Path, history: &str) -> CloudError {
    let before = files(folder);
    let refused = Cloud::start(config(folder)).await.unwrap_err();
    assert!(
        matches!(
            refused,
            CloudError::NoCatalogue { .. } | CloudError::WrongCatalogue { .. }
        ),
        "{history}: {refused:?}"
    );
    let said = refused.to_string();
    assert!(said.contains("gumnut cloud fsck"), "{history}: {said}");
    assert!(Cloud::init(&config(folder)).is_err(), "{history}");
    assert!(Cloud::users(&config(folder)).is_err(), "{history}");
    let report = Cloud::fsck(folder).unwrap();
    let has_said = |finding: &Finding| finding.kind() == "catalogue";
    assert!(
        report.findings.iter().any(has_said),
        "{history}: {report:?}"
    );
    assert_eq!(files(folder), before, "{history}");
    refused
}

#[tokio::test(flavor = "multi_thread")]
async fn no_file_is_lost_whatever_has_become_of_the_catalogue() {
    let (dir, old, other) = (fresh_data_dir(), fresh_data_dir(), fresh_data_dir());
    killed(dir.path(), old.path()).await;
    let stranger = tempfile::tempdir().unwrap();
    Cloud::init(&config(stranger.path())).unwrap();
    let right = tempfile::tempdir().unwrap();
    copy_catalogue(dir.path(), right.path());
    let catalogue = dir.path().join("catalogue.sqlite");
    let mismatch = |refused: &CloudError| match refused {
        CloudError::NoCatalogue { mismatch, .. } | CloudError::WrongCatalogue { mismatch, .. } => {
            *mismatch
        }
        other => panic!("{other:?}"),
    };

    fs_err::remove_file(dir.path().join("catalogue.sqlite-wal")).unwrap();
    let refused = refuses(dir.path(), "the log was deleted").await;
    assert!(matches!(mismatch(&refused), Mismatch::Older { .. }));

    copy_catalogue(old.path(), dir.path());
    let refused = refuses(dir.path(), "an older copy was put back").await;
    assert!(matches!(mismatch(&refused), Mismatch::Older { .. }));

    copy_catalogue(stranger.path(), dir.path());
    let refused = refuses(dir.path(), "it is that of another cloud").await;
    assert_eq!(mismatch(&refused), Mismatch::Foreign);

    copy_catalogue(other.path(), dir.path());
    fs_err::write(&catalogue, "").unwrap();
    let refused = refuses(dir.path(), "it was emptied").await;
    assert_eq!(mismatch(&refused), Mismatch::Empty);

    fs_err::remove_file(&catalogue).unwrap();
    let refused = refuses(dir.path(), "it was deleted").await;
    assert_eq!(mismatch(&refused), Mismatch::Missing);
    assert!(!catalogue.exists(), "nothing was made in its place");

    // The mark goes with it: nothing but the files says that there was a cloud.
    let mark = dir.path().join("catalogue.id");
    let marked = fs_err::read(&mark).unwrap();
    fs_err::remove_file(&mark).unwrap();
    let refused = refuses(dir.path(), "all of it was deleted").await;
    assert_eq!(mismatch(&refused), Mismatch::Missing);
    fs_err::write(&catalogue, "").unwrap();
    let refused = refuses(dir.path(), "it was emptied, and the mark deleted").await;
    assert_eq!(mismatch(&refused), Mismatch::Empty);

    copy_catalogue(right.path(), dir.path());
    let refused = refuses(dir.path(), "the mark was deleted").await;
    assert_eq!(mismatch(&refused), Mismatch::Unmarked);
    fs_err::write(&mark, &marked[..20]).unwrap();
    let refused = refuses(dir.path(), "the mark is damaged").await;
    assert_eq!(mismatch(&refused), Mismatch::Mark);

    fs_err::write(&mark, &marked).unwrap();
    let running = Cloud::start(config(dir.path())).await.unwrap();
    running.shutdown().await.unwrap();
    assert!(Cloud::fsck(dir.path()).unwrap().is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_was_copied_whole_is_as_good() {
    let (dir, old) = (fresh_data_dir(), fresh_data_dir());
    killed(dir.path(), old.path()).await;
    let copied = tempfile::tempdir().unwrap();
    copy(dir.path(), copied.path());
    let before = files(copied.path());
    let running = Cloud::start(config(copied.path())).await.unwrap();
    running.shutdown().await.unwrap();
    for (name, content) in files(copied.path()) {
        assert_eq!(before.get(&name), Some(&content), "{name:?}");
    }
    assert!(Cloud::fsck(copied.path()).unwrap().is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_catalogue_that_is_accepted_costs_no_file() {
    let (dir, old) = (fresh_data_dir(), fresh_data_dir());
    killed(dir.path(), old.path()).await;
    copy_catalogue(old.path(), dir.path());
    // A body whose row the lost catalogue had, and which was not brought to its place.
    let unfinished = format!("tmp/{}", "0".repeat(32));
    fs_err::write(dir.path().join(&unfinished), "acknowledged").unwrap();
    let before = files(dir.path());
    let accept = Repair {
        accept_catalogue: true,
        ..Repair::default()
    };
    let report = Cloud::repair(dir.path(), accept, &NoProgress).unwrap();
    let count = |kind: &str| {
        let found = report.findings.iter();
        found.filter(|finding| finding.kind() == kind).count()
    };
    // What was put later is unknown, and what it had replaced is gone.
    assert_eq!(
        (count("orphan"), count("missing"), count("catalogue")),
        (3, 1, 0)
    );
    let running = Cloud::start(config(dir.path())).await.unwrap();
    running.shutdown().await.unwrap();
    let after = files(dir.path());
    let mut contents: Vec<_> = after.values().collect();
    contents.sort();
    let mut expected: Vec<_> = before.values().collect();
    expected.sort();
    assert_eq!(contents, expected);

    let put_aside = Repair {
        move_orphans: true,
        ..Repair::default()
    };
    let report = Cloud::repair(dir.path(), put_aside, &NoProgress).unwrap();
    let moved = report.findings.iter().filter(|it| it.kind() == "moved");
    assert_eq!(moved.count(), 3);
    assert_eq!(files(dir.path()).len(), after.len());
    let report = Cloud::fsck(dir.path()).unwrap();
    assert!(report.findings.iter().all(|it| it.kind() == "missing"));
}

#[tokio::test]
async fn orphans_stay_where_they_are_while_the_catalogue_is_wrong() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    cloud.put(&cloud.alice, "/bucket/k", b"text").await;
    let TestCloud { running, dir, .. } = cloud;
    running.shutdown().await.unwrap();
    fs_err::write(dir.path().join("catalogue.sqlite"), "").unwrap();
    let before = files(dir.path());
    let move_orphans = Repair {
        move_orphans: true,
        ..Repair::default()
    };
    let report = Cloud::repair(dir.path(), move_orphans, &NoProgress).unwrap();
    assert!(!report.is_clean());
    let accept = Repair {
        accept_catalogue: true,
        ..Repair::default()
    };
    let refused = Cloud::repair(dir.path(), accept, &NoProgress).unwrap_err();
    assert!(matches!(refused, CloudError::NoCatalogue { .. }));
    assert_eq!(files(dir.path()), before);
}

/// The paths below a directory, and their modes.
fn modes(folder: &Path) -> BTreeMap<PathBuf, u32> {
    let mut found = BTreeMap::new();
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let mode = fs_err::metadata(&path).unwrap().permissions().mode() & 0o777;
        if path.is_dir() {
            found.extend(modes(&path));
        }
        found.insert(path, mode);
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_may_read_what_a_cloud_keeps_whatever_the_umask() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let child = ChildCloud::start(&data, "umask 000;");
    let (client, user) = (client(), admin(&data));
    for target in ["bucket", "bucket/k"] {
        let url = format!("{}/{target}", child.endpoint);
        let request = Request::new(&client, "PUT", &url).body(b"text");
        let request = if target == "bucket" {
            request.body(b"")
        } else {
            request
        };
        assert_eq!(request.v4(&user).send().await.status, 200);
    }
    let found = modes(dir.path());
    for name in [
        "lock",
        "catalogue.sqlite",
        "catalogue.sqlite-wal",
        "catalogue.sqlite-shm",
    ] {
        assert!(found.contains_key(&data.join(name)), "{name}: {found:?}");
    }
    assert!(
        found
            .keys()
            .any(|path| path.starts_with(data.join("objects/")))
    );
    for (path, mode) in &found {
        assert_eq!(mode & 0o077, 0, "{path:?} has mode {mode:o}");
    }
    child.kill();
    // What an older gumnut has left open is closed.
    for path in found.keys() {
        let mode = if path.is_dir() { 0o755 } else { 0o644 };
        fs_err::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }
    Cloud::start(config(&data))
        .await
        .unwrap()
        .shutdown()
        .await
        .unwrap();
    let found = modes(dir.path());
    for name in ["lock", "catalogue.sqlite", "objects", "tmp", "master.key"] {
        let mode = found[&data.join(name)];
        assert_eq!(mode & 0o077, 0, "{name} has mode {mode:o}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_written_is_checked_and_stays_as_it_is() {
    let (dir, old) = (fresh_data_dir(), fresh_data_dir());
    killed(dir.path(), old.path()).await;
    let stand = |folder: &Path| {
        let paths = modes(folder).into_iter();
        let times = paths.map(|(path, mode)| {
            let times = fs_err::metadata(&path).unwrap();
            (path, mode, times.modified().unwrap(), times.len())
        });
        times.collect::<Vec<_>>()
    };
    let close = |folders: &[&str], mode| {
        for name in folders {
            let path = dir.path().join(name);
            fs_err::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        }
    };
    close(&["objects", "tmp", ""], 0o500);
    let before = stand(dir.path());
    let report = Cloud::fsck(dir.path()).unwrap();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(report.files, 5);
    assert_eq!(stand(dir.path()), before);
    close(&["", "objects", "tmp"], 0o700);
}
