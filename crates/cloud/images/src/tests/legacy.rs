//! The checks of Eucalyptus 1.6 and 2.0, row by row.

use std::sync::Arc;

use gumnut_cloud_catalogue::{AccountsChange, CatalogueError, ImageState};
use gumnut_types::ImageKind;

use super::*;

const BOTH: [Profile; 2] = [Profile::Euca16, Profile::Euca20];
const BAD_MANIFEST: &str =
    "Image registration failed because the manifest referenced is invalid or unavailable.";

async fn world(profile: Profile) -> Fixture {
    fixture(ImageRules::of(profile)).await
}

/// Makes the certificates of all users useless.
async fn revoke_certificates(world: &Fixture) {
    for user in world.catalogue.accounts().await.unwrap().users {
        let revoked = world.catalogue.change_accounts(move |_| {
            let change = AccountsChange {
                revoke: Some(user.id),
                ..AccountsChange::default()
            };
            Ok::<_, CatalogueError>((change, ()))
        });
        revoked.await.unwrap();
    }
}

fn bobs(kind: ImageKind) -> Bundle {
    Bundle {
        kind,
        user: USER.to_owned(),
        signer: Arc::new(cloud_key()),
        ..Bundle::kernel()
    }
}

fn says(result: Result<String, ImageError>, message: &str) {
    assert_eq!(result.unwrap_err().to_string(), message);
}

#[tokio::test]
async fn row_1_the_location_is_bucket_and_key() {
    for profile in BOTH {
        let mut world = world(profile).await;
        for location in [
            "bucket",
            "/bucket/key",
            "bucket/a/key",
            "bucket/",
            "/key",
            "",
        ] {
            says(
                world.register(location).await,
                "Image registration failed:  Invalid image location.",
            );
        }
    }
}

#[tokio::test]
async fn row_2_users_own_the_bucket_and_administrators_need_not() {
    for profile in BOTH {
        let mut world = world(profile).await;
        let mut locations = Vec::new();
        for bucket in ["bucket", "bobs", "absent"] {
            let bundle = bobs(Bundle::machine(None, None).kind);
            locations.push(world.put_in(bucket, "disk", &bundle));
        }
        let refusal = "Image registration failed: you must own the bucket containing the image.";
        for at in [0, 2] {
            let result = world.register_as(USER, request(&locations[at])).await;
            says(result, refusal);
        }
        let own = world.register_as(USER, request(&locations[1])).await;
        own.unwrap();
        let kernel = world.put_in("bobs", "vmlinuz", &Bundle::kernel());
        world.register(&kernel).await.unwrap();
    }
}

#[tokio::test]
async fn row_3_the_manifest_can_be_read_by_the_cloud() {
    for profile in BOTH {
        let mut world = world(profile).await;
        says(world.register("bucket/absent").await, BAD_MANIFEST);
        let text = b"<manifest>".to_vec();
        world.objects.insert("bucket/bad".to_owned(), text);
        says(world.register("bucket/bad").await, BAD_MANIFEST);
    }
}

#[tokio::test]
async fn row_4_the_signature_gates_in_1_6_and_a_certificate_is_enough_in_2_0() {
    for profile in BOTH {
        let mut world = world(profile).await;
        let location = world.put_in("bucket", "vmlinuz", &Bundle::kernel());
        world.register(&location).await.unwrap();
        world.edit(&location, |text| text.replace("x86_64", "i386"));
        let changed = world.register(&location).await;
        if profile == Profile::Euca16 {
            says(changed, BAD_MANIFEST);
        } else {
            assert_eq!(world.image(&changed.unwrap()).await.architecture, "i386");
        }
        let location = world.put_in("bucket", "vmlinuz", &Bundle::kernel());
        revoke_certificates(&world).await;
        says(world.register(&location).await, BAD_MANIFEST);
    }
}

#[tokio::test]
async fn row_5_the_cloud_can_open_the_key() {
    for profile in BOTH {
        let mut world = world(profile).await;
        let bundle = Bundle {
            recipient: stranger_key().public_key().clone(),
            ..Bundle::kernel()
        };
        let location = world.put_in("bucket", "vmlinuz", &bundle);
        says(world.register(&location).await, BAD_MANIFEST);
    }
}

#[tokio::test]
async fn row_6_every_failure_of_the_manifest_has_one_message() {
    let mut world = world(Profile::Euca20).await;
    let refusal = world.register("bucket/absent").await.unwrap_err();
    assert_eq!(refusal.to_string(), BAD_MANIFEST);
}

#[tokio::test]
async fn row_7_the_manifest_can_be_read_by_the_caller() {
    for profile in BOTH {
        let mut world = world(profile).await;
        let location = world.put_in("bucket", "vmlinuz", &Bundle::kernel());
        world.denied.insert(location.clone());
        let message = format!("Failed to read manifest file: {location}");
        says(world.register(&location).await, &message);
    }
}

#[tokio::test]
async fn row_8_the_architecture_is_what_the_manifest_says() {
    let mut world = world(Profile::Euca20).await;
    let location = world.put_in("bucket", "vmlinuz", &Bundle::kernel());
    world.edit(&location, |text| text.replace(">x86_64<", ">pdp11<"));
    let id = world.register(&location).await.unwrap();
    assert_eq!(world.image(&id).await.architecture, "pdp11");
}

#[tokio::test]
async fn row_9_kernels_and_ramdisks_are_for_administrators() {
    for profile in BOTH {
        let mut world = world(profile).await;
        for (kind, message) in [
            (
                ImageKind::Kernel,
                "Only administrators can register kernel images.",
            ),
            (
                ImageKind::Ramdisk,
                "Only administrators can register ramdisk images.",
            ),
        ] {
            let location = world.put_in("bobs", "innocent", &bobs(kind));
            says(world.register_as(USER, request(&location)).await, message);
        }
    }
}

#[tokio::test]
async fn row_10_named_kernels_and_ramdisks_are_registered() {
    for profile in BOTH {
        let mut world = world(profile).await;
        let with = |kernel, ramdisk| bobs(Bundle::machine(kernel, ramdisk).kind);
        let location = world.put_in("bobs", "disk", &with(Some("eki-00000001"), None));
        let result = world.register_as(USER, request(&location)).await;
        says(result, "Referenced kernel id is invalid: eki-00000001");
        let location = world.put_in("bobs", "disk", &with(None, Some("eri-00000001")));
        let result = world.register_as(USER, request(&location)).await;
        says(result, "Referenced ramdisk id is invalid: eri-00000001");
        let windows = world.put_in("bobs", "windows7", &with(Some("eki-00000001"), None));
        let result = world.register_as(USER, request(&windows)).await;
        if profile == Profile::Euca16 {
            says(result, "Referenced kernel id is invalid: eki-00000001");
        } else {
            let image = world.image(&result.unwrap()).await;
            assert_eq!(image.platform.as_deref(), Some("windows"));
        }
    }
}

#[tokio::test]
async fn row_11_the_row_is_public_and_keeps_signature_and_product_codes() {
    for profile in BOTH {
        let mut world = world(profile).await;
        let bundle = Bundle {
            product_codes: vec!["A,B".to_owned()],
            ..bobs(Bundle::machine(None, None).kind)
        };
        let location = world.put_in("bobs", "disk", &bundle);
        let id = world.register_as(USER, request(&location)).await.unwrap();
        let image = world.image(&id).await;
        assert_eq!(image.state, ImageState::Available);
        assert!(image.launch.public);
        assert_eq!(image.product_codes, ["A", "B"]);
        let text = String::from_utf8(world.objects[&location].clone()).unwrap();
        assert!(text.contains(&format!("<signature>{}</signature>", image.signature)));
        assert_eq!(image.signature.len(), 512);
    }
}

#[tokio::test]
async fn nothing_else_is_looked_at() {
    for profile in BOTH {
        let mut world = world(profile).await;
        let location = world.put_in("bobs", "disk", &bobs(Bundle::machine(None, None).kind));
        world.objects.remove("bobs/disk.part.00");
        let asked = RegisterRequest {
            name: Some("?".to_owned()),
            description: Some("x".repeat(300)),
            architecture: Some("pdp11".to_owned()),
            kernel: Some("nonsense".to_owned()),
            virtualization: Some("xen".to_owned()),
            ..request(&location)
        };
        let id = world.register_as(USER, asked).await.unwrap();
        let image = world.image(&id).await;
        assert_eq!((image.name, image.description), (None, None));
        assert_eq!((image.kernel, &*image.architecture), (None, "x86_64"));
    }
}

#[tokio::test]
async fn ids_follow_from_location_and_time() {
    let mut rules = ImageRules::of(Profile::Euca20);
    rules.epoch_ms = vec![1_276_410_057_498, 1_275_215_482_490, 1_275_606_157_552];
    let mut world = fixture(rules).await;
    let kernel = world.put_in("kernel-bucket", "vmlinuz-2.6.24-19-xen", &Bundle::kernel());
    assert_eq!(world.register(&kernel).await.unwrap(), "eki-90461381");
    let refused = world.register("ramdisk-bucket/absent").await;
    says(refused, BAD_MANIFEST);
    let ramdisk = Bundle::of(ImageKind::Ramdisk);
    let ramdisk = world.put_in("ramdisk-bucket", "initrd.img-2.6.24-19-xen", &ramdisk);
    assert_eq!(world.register(&ramdisk).await.unwrap(), "eri-E85914C7");
    let disk = Bundle::machine(Some("eki-90461381"), Some("eri-E85914C7"));
    let disk = world.put_in("image-bucket", "new_centos.5-3.x86.img", &disk);
    assert_eq!(world.register(&disk).await.unwrap(), "emi-9FE813FD");
    let again = world.register(&disk).await.unwrap();
    assert!(
        again.starts_with("emi-") && again != "emi-9FE813FD",
        "{again}"
    );
}
