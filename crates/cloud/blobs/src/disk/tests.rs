use std::process::Command;

use fs_err as fs;
use futures::TryStreamExt as _;
use proptest::prelude::*;

use super::folders::Folders;
use super::*;
use crate::contract;

fn open(data_dir: &Path) -> io::Result<Arc<dyn BlobStore>> {
    Ok(Arc::new(DiskBlobs::open(data_dir)?))
}

crate::contract_tests!({
    let guard = tempfile::tempdir()?;
    let store = open(guard.path())?;
    (guard, store)
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_history_is_that_of_the_model(steps in contract::histories(24)) {
        let guard = tempfile::tempdir()?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let outcome = runtime.block_on(contract::history(&open(guard.path())?, steps));
        outcome.map_err(|error| TestCaseError::fail(error.to_string()))?;
    }
}

async fn put(store: &Arc<dyn BlobStore>, body: &'static str) -> PendingBlob {
    let put = store.put(Body::bytes(body), Box::new(())).await;
    put.unwrap().0
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    names
}

/// The variable that marks the child process of the test below, with the path of its data directory.
const CHILD: &str = "GUMNUT_BLOBS_FULL";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_may_not_grow_is_a_full_disk() -> contract::Outcome {
    if let Some(data_dir) = std::env::var_os(CHILD) {
        return contract::full(&open(Path::new(&data_dir))?).await;
    }
    let guard = tempfile::tempdir()?;
    // The child's files may have 1 or 2 MiB, as the shell counts; a larger one fails with EFBIG.
    let child = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 2048; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe()?)
        .args([
            "--exact",
            "disk::tests::a_file_that_may_not_grow_is_a_full_disk",
        ])
        .env(CHILD, guard.path())
        .output()?;
    assert!(child.status.success(), "{child:?}");
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(said.contains("1 passed"), "{said}");
    assert!(names_in(&guard.path().join("tmp")).is_empty());
    Ok(())
}

#[tokio::test]
async fn a_file_lies_in_tmp_until_it_is_kept() {
    let guard = tempfile::tempdir().unwrap();
    let store = open(guard.path()).unwrap();
    let names = |folder: &str| names_in(&guard.path().join(folder));
    let blob = put(&store, "abc").await;
    let name = blob.name().to_string();
    assert_eq!(
        (names("tmp"), names("objects").len()),
        (vec![name.clone()], 0)
    );
    blob.keep();
    assert_eq!(
        (names("tmp").len(), names("objects")),
        (0, vec![name.clone()])
    );
    assert_eq!(
        fs::read(guard.path().join("objects").join(&name)).unwrap(),
        b"abc"
    );
    drop(put(&store, "dropped").await);
    assert_eq!((names("tmp").len(), names("objects")), (0, vec![name]));
}

#[tokio::test]
async fn blobs_of_an_older_data_folder_are_there() {
    let guard = tempfile::tempdir().unwrap();
    let text = "9f86d081884c7d659a2feaa0c55ad015";
    fs::create_dir(guard.path().join("objects")).unwrap();
    fs::write(guard.path().join("objects").join(text), "older").unwrap();
    fs::write(guard.path().join("objects/stray"), "not a blob").unwrap();
    let store = open(guard.path()).unwrap();
    let name: BlobName = text.parse().unwrap();
    let found: Vec<_> = store.list(Folder::Root).try_collect().await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].name, found[0].size), (name, 5));
    let pieces = store.get(name, 1..4).await.unwrap();
    assert_eq!(
        pieces.try_collect::<Vec<_>>().await.unwrap().concat(),
        b"lde"
    );
    assert_eq!(store.delete(&[name]).await.unwrap(), []);
    assert_eq!(names_in(&guard.path().join("objects")), ["stray"]);
}

#[tokio::test]
async fn a_start_removes_nothing_and_tells_what_is_unfinished() {
    let guard = tempfile::tempdir().unwrap();
    let store = open(guard.path()).unwrap();
    let named = put(&store, "named").await.leave();
    let nameless = put(&store, "nameless").await.leave();
    let kept = put(&store, "kept").await.keep();
    drop(store);
    fs::write(guard.path().join("tmp/stray"), "not a blob").unwrap();

    let store = open(guard.path()).unwrap();
    let mut unfinished = store.unfinished().await.unwrap();
    unfinished.sort_unstable();
    let mut left = vec![named, nameless];
    left.sort_unstable();
    assert_eq!(unfinished, left);
    store.adopt(&[named]).await.unwrap();
    assert_eq!(store.delete(&[nameless]).await.unwrap(), []);
    assert_eq!(names_in(&guard.path().join("tmp")), ["stray"]);
    let mut objects = [named.to_string(), kept.to_string()];
    objects.sort_unstable();
    assert_eq!(names_in(&guard.path().join("objects")), objects);
}

#[tokio::test]
async fn a_blob_that_was_deleted_before_it_was_kept_does_not_come_back() {
    let guard = tempfile::tempdir().unwrap();
    let store = open(guard.path()).unwrap();
    let blob = put(&store, "overwritten at once").await;
    assert_eq!(store.delete(&[blob.name()]).await.unwrap(), []);
    let name = blob.keep();
    assert!(matches!(
        store.check(&[name]).await,
        Err(BlobError::NotFound(_))
    ));
}

#[test]
fn a_file_that_moves_while_it_is_looked_for_is_found() {
    let guard = tempfile::tempdir().unwrap();
    let folders = Folders::open(guard.path()).unwrap();
    let name = BlobName::fresh(Folder::Root).unwrap();
    fs::write(folders.temporary_path(name), "moves").unwrap();
    let found = folders.find(name, |path| {
        // It is moved after the first look and before the second.
        let found = fs::read(path);
        if path.starts_with(folders.objects()) && found.is_err() {
            folders.keep(name)?;
        }
        found
    });
    assert_eq!(found.unwrap(), b"moves");
}

#[tokio::test]
async fn a_pinned_blob_goes_with_its_last_pin() {
    let guard = tempfile::tempdir().unwrap();
    let store = open(guard.path()).unwrap();
    let name = store
        .put(Body::bytes("abc"), Box::new(()))
        .await
        .unwrap()
        .0
        .keep();
    let path = guard.path().join("objects").join(name.to_string());
    let (first, second) = (store.pin(&[name]), store.pin(&[name]));
    assert_eq!(store.delete(&[name]).await.unwrap(), [name]);
    drop(second);
    assert!(path.exists());
    drop(first);
    assert!(!path.exists());
}

#[tokio::test]
async fn nothing_is_deleted_while_somebody_holds_the_blobs() {
    let guard = tempfile::tempdir().unwrap();
    let store = open(guard.path()).unwrap();
    let put =
        async |text: &'static str| store.put(Body::bytes(text), Box::new(())).await.unwrap().0;
    let (kept, refused) = (put("abc").await.keep(), put("def").await);
    let hold = DiskHold::take(guard.path()).unwrap();
    assert_eq!(store.delete(&[kept]).await.unwrap(), [kept]);
    assert_eq!(hold.with_file(kept, |path| fs::read(path)).unwrap(), b"abc");
    // Never named by a row, so that no copy needs it.
    let never = refused.name();
    drop(refused);
    let absent = hold.with_file(never, |path| fs::read(path)).unwrap_err();
    assert_eq!(absent.kind(), io::ErrorKind::NotFound);
    drop(hold);
    assert_eq!(store.delete(&[kept]).await.unwrap(), []);
    assert!(names_in(&guard.path().join("objects")).is_empty());
}

#[tokio::test]
async fn a_file_that_is_open_is_read_whatever_another_process_deletes() {
    let guard = tempfile::tempdir().unwrap();
    let [store, other] = [0; 2].map(|_| open(guard.path()).unwrap());
    let body = vec![7; 1_000_000];
    let name = store
        .put(Body::bytes(body.clone()), Box::new(()))
        .await
        .unwrap()
        .0
        .keep();
    let pieces = store.get(name, 0..1_000_000).await.unwrap();
    assert_eq!(other.delete(&[name]).await.unwrap(), []);
    let pieces: Vec<_> = pieces.try_collect().await.unwrap();
    assert_eq!(pieces.concat(), body);
}

#[tokio::test]
async fn a_put_that_is_dropped_leaves_no_file_in_tmp() -> contract::Outcome {
    let guard = tempfile::tempdir()?;
    let store = open(guard.path())?;
    contract::a_put_that_is_dropped_leaves_nothing(&store).await?;
    contract::a_body_that_fails_leaves_nothing(&store).await?;
    contract::a_tap_may_refuse(&store).await?;
    assert!(names_in(&guard.path().join("tmp")).is_empty());
    Ok(())
}
