//! Row 23: bundles of other programs, restored to nowhere.

use gumnut_manifest::{Manifest, UnsignedManifest, UntrustedManifest};
use gumnut_types::{ImageKind, Limits};

use super::*;

/// Puts the bundle of a fixture on the shelf; `change` may change what its owner signs.
fn put(world: &mut Fixture, fixture: &str, change: impl Fn(&mut Manifest)) -> String {
    let folder = format!("{}/fixtures/{fixture}", env!("CARGO_MANIFEST_DIR"));
    let mut location = String::new();
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let key = format!("bucket/{name}");
        let mut bytes = fs_err::read(&path).unwrap();
        if name.ends_with(".manifest.xml") {
            let read = UntrustedManifest::parse(&bytes, &Limits::default()).unwrap();
            let (before, mut manifest) = (read.manifest(), read.manifest().clone());
            change(&mut manifest);
            if manifest != *before {
                let unsigned = UnsignedManifest::new(manifest).unwrap();
                let signed = unsigned.sign(&admin_key()).unwrap();
                bytes = signed.bytes().to_vec();
            }
            location.clone_from(&key);
        }
        world.objects.insert(key, bytes);
    }
    location
}

async fn unbundling() -> Fixture {
    let mut rules = ImageRules::default();
    rules.full_unbundle = true;
    fixture(rules).await
}

const KERNEL: &str = "euca2ools-2.1.4-kernel";

#[tokio::test]
async fn row_23_bundles_of_others_open_to_what_they_name() {
    let mut world = unbundling().await;
    for (fixture, prefix) in [(KERNEL, "eki-"), ("euca2ools-3.4.1-ramdisk", "eri-")] {
        let location = put(&mut world, fixture, |_| {});
        let id = world.register(&location).await.unwrap();
        assert!(id.starts_with(prefix), "{id}");
    }
}

#[tokio::test]
async fn row_23_an_image_of_unknown_digest_is_taken() {
    let mut world = unbundling().await;
    let location = put(&mut world, "euca2ools-1.2-tiny", |manifest| {
        assert_eq!(manifest.image_digest, sha1(b""));
        manifest.kind = ImageKind::Kernel;
    });
    world.register(&location).await.unwrap();
}

#[tokio::test]
async fn row_23_content_that_is_another_is_refused() {
    let changes: [fn(&mut Manifest); 2] = [
        |manifest| manifest.image_digest = sha1(b"another"),
        |manifest| manifest.image_size += 1,
    ];
    for change in changes {
        let mut world = unbundling().await;
        let location = put(&mut world, KERNEL, change);
        let result = world.register(&location).await;
        let message = "Bundle content does not match the manifest: ";
        refused(result, ImageErrorKind::InvalidManifest, message);
        world.set_rules(ImageRules::default());
        world.register(&location).await.unwrap();
    }
}

#[tokio::test]
async fn row_23_parts_that_are_no_image_are_refused() {
    let mut world = unbundling().await;
    let location = world.put("disk", &Bundle::kernel());
    let message = "Bundle content does not match the manifest: ";
    refused(
        world.register(&location).await,
        ImageErrorKind::InvalidManifest,
        message,
    );
}
