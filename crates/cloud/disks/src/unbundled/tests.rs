use std::time::Duration;

use gumnut_cloud_catalogue::{Catalogue, Clock, ImageRules};
use gumnut_cloud_images::fixture::Fixture;
use gumnut_cloud_sqlite::SqliteCatalogue;
use gumnut_types::ImageKind;

use super::*;

/// A cloud with kernels, of which each is its own image: their ids and the SHA-256 of their manifests.
async fn cloud<const N: usize>(
    images: [&[u8]; N],
) -> (Fixture, [(String, String); N], tempfile::TempDir) {
    let clock = Clock::fixed(SystemTime::UNIX_EPOCH.into());
    let database = SqliteCatalogue::in_memory(clock.clone()).unwrap();
    let mut world = Fixture::new(Catalogue::new(database), clock, ImageRules::default()).await;
    let mut registered = Vec::new();
    for (number, image) in images.into_iter().enumerate() {
        let name = format!("kernel{number}");
        let location = world.bundle(&name, ImageKind::Kernel, image);
        let id = world.register(&location).await.unwrap();
        let digest = world.image(&id).await.manifest_sha256;
        registered.push((id, digest));
    }
    let registered = registered.try_into().unwrap();
    (world, registered, tempfile::tempdir().unwrap())
}

fn options(folder: &tempfile::TempDir) -> UnbundledOptions {
    let mut options = UnbundledOptions::new(folder.path().join("unbundled"));
    options.free = |_| Ok(u64::MAX);
    options
}

/// The names in the directory.
fn names(options: &UnbundledOptions) -> Vec<String> {
    let entries = fs_err::read_dir(&options.folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

/// Bytes that do not become a hole.
fn noise(seed: u8, length: usize) -> Vec<u8> {
    (0..length)
        .map(|at| u8::try_from(at % 251).unwrap() ^ seed | 1)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_requests_at_once_restore_the_image_once() {
    let image = noise(7, 3 << 20);
    let (mut world, [(id, digest)], folder) = cloud([&image]).await;
    let unbundled = Unbundled::open(options(&folder), world.images().await.clone()).unwrap();
    let requests = (0..20).map(|_| {
        let (unbundled, id, digest) = (unbundled.clone(), id.clone(), digest.clone());
        tokio::spawn(async move { unbundled.get(&id, &digest).await.unwrap() })
    });
    let requests: Vec<_> = requests.collect();
    for request in requests {
        let found = request.await.unwrap();
        assert_eq!(found.length(), 3 << 20);
        assert_eq!(fs_err::read(found.path()).unwrap(), image);
    }
    unbundled.get(&id, &digest).await.unwrap();
    assert_eq!(unbundled.restored(), 1);
    // Neither does the next start need the bundle.
    world.objects.clear();
    let next = Unbundled::open(options(&folder), world.images().await.clone()).unwrap();
    next.get(&id, &digest).await.unwrap();
    assert_eq!(next.restored(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_given_up_does_not_end_the_run_of_the_others() {
    let image = noise(9, 1 << 20);
    let (mut world, [(id, digest)], folder) = cloud([&image]).await;
    let unbundled = Unbundled::open(options(&folder), world.images().await.clone()).unwrap();
    // It begins the run, and is dropped at once.
    let given_up = tokio::time::timeout(Duration::ZERO, unbundled.get(&id, &digest));
    assert!(given_up.await.is_err());
    let found = unbundled.get(&id, &digest).await.unwrap();
    assert_eq!(fs_err::read(found.path()).unwrap(), image);
    assert_eq!(unbundled.restored(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_bundle_is_said_and_leaves_no_file() {
    let image = noise(1, 1 << 20);
    let (mut world, [(id, digest)], folder) = cloud([&image]).await;
    let options = options(&folder);
    let unbundled = Unbundled::open(options.clone(), world.images().await.clone()).unwrap();
    let stock = world.objects.clone();
    let (part, manifest) = (
        "bucket/folder/kernel0.part.00",
        "bucket/folder/kernel0.manifest.xml",
    );

    // One byte of a part.
    world.objects.get_mut(part).unwrap()[1000] ^= 1;
    world.images().await;
    let error = unbundled.get(&id, &digest).await.unwrap_err();
    assert!(matches!(error, DiskError::Restore { .. }), "{error:?}");
    assert_eq!(error.fault(), gumnut_types::Fault::Input);
    assert!(
        format!("{error:?}").contains("kernel0.part.00"),
        "{error:?}"
    );

    world.objects.remove(part);
    world.images().await;
    let error = unbundled.get(&id, &digest).await.unwrap_err();
    let DiskError::Open { source, .. } = &error else {
        panic!("{error:?}");
    };
    let missing = "Part kernel0.part.00 is not available (NoSuchKey)";
    assert_eq!(source.to_string(), missing);

    // A valid manifest of another bundle of the same owner.
    world.objects = stock.clone();
    world.bundle("kernel0", ImageKind::Kernel, b"another");
    world.images().await;
    let error = unbundled.get(&id, &digest).await.unwrap_err();
    let DiskError::Open { source, .. } = &error else {
        panic!("{error:?}");
    };
    let changed = "Image manifest was changed after registration";
    assert_eq!(source.to_string(), changed);

    world.objects.remove(manifest);
    world.images().await;
    let error = unbundled.get(&id, &digest).await.unwrap_err();
    assert!(format!("{error:?}").contains("NoSuchKey"), "{error:?}");

    assert!(names(&options).is_empty());
    assert_eq!(unbundled.restored(), 0);
    // The errors are not kept.
    world.objects = stock;
    world.images().await;
    unbundled.get(&id, &digest).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_found_before_anything_is_written() {
    let image = noise(2, 1 << 20);
    let (mut world, [(id, digest)], folder) = cloud([&image]).await;
    let mut options = options(&folder);
    options.reserve = 1 << 20;
    options.free = |_| Ok((2 << 20) - 1);
    let unbundled = Unbundled::open(options.clone(), world.images().await.clone()).unwrap();
    let error = unbundled.get(&id, &digest).await.unwrap_err();
    assert!(error.is_for_lack_of_room(), "{error:?}");
    assert!(names(&options).is_empty());
    options.free = |_| Ok(2 << 20);
    let unbundled = Unbundled::open(options, world.images().await.clone()).unwrap();
    unbundled.get(&id, &digest).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_interrupted_is_removed_and_the_oldest_images_go() {
    let [one, two, three] = [3, 4, 5].map(|seed| noise(seed, 1 << 20));
    let (mut world, ids, folder) = cloud([&one, &two, &three]).await;
    let mut options = options(&folder);
    // Room for two, whatever blocks the file system has.
    options.limit = (5 << 20) / 2;
    fs_err::create_dir_all(&options.folder).unwrap();
    fs_err::write(options.folder.join(".gumnut-x.tmp"), "half").unwrap();
    let unbundled = Unbundled::open(options.clone(), world.images().await.clone()).unwrap();
    assert!(names(&options).is_empty());
    let name = |index: usize| file_name(&ids[index].1).unwrap();
    let get = async |index: usize| unbundled.get(&ids[index].0, &ids[index].1).await.unwrap();
    let first = get(0).await;
    get(1).await;
    // The first is older and in use.
    get(2).await;
    let mut expected = vec![name(0), name(2)];
    expected.sort();
    assert_eq!(names(&options), expected);
    drop(first);
    get(1).await;
    let mut expected = vec![name(1), name(2)];
    expected.sort();
    assert_eq!(names(&options), expected);
    // A smaller limit holds from the next start.
    drop(unbundled);
    options.limit = (3 << 20) / 2;
    Unbundled::open(options.clone(), world.images().await.clone()).unwrap();
    assert_eq!(names(&options), [name(1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_restored_when_the_cloud_ends() {
    let image = noise(6, 1 << 20);
    let (mut world, [(id, digest)], folder) = cloud([&image]).await;
    let options = options(&folder);
    let unbundled = Unbundled::open(options.clone(), world.images().await.clone()).unwrap();
    unbundled.stop();
    let error = unbundled.get(&id, &digest).await.unwrap_err();
    assert_eq!(error.fault(), gumnut_types::Fault::Cancelled);
    assert!(names(&options).is_empty());
}

#[test]
fn only_a_digest_becomes_a_name() {
    assert_eq!(
        file_name("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=").unwrap(),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    for text in [
        "",
        "../x",
        "47DEQpj8",
        "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=",
    ] {
        assert!(
            matches!(file_name(text), Err(DiskError::Digest(_))),
            "{text:?}"
        );
    }
}
