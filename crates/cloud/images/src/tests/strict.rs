//! The checks of the profile `strict`, row by row of the specification.

use std::sync::Arc;

use gumnut_cloud_catalogue::IdPolicy;
use gumnut_crypto::PrivateKey;
use gumnut_types::{ImageClass, ImageKind};

use super::*;

#[tokio::test]
async fn a_whole_bundle_gets_an_id_and_every_registration_a_new_one() {
    let mut world = fixture(ImageRules::default()).await;
    let location = world.put("a-kernel", &Bundle::kernel());
    let id = world.register(&location).await.unwrap();
    assert!(id.starts_with("eki-"), "{id}");
    assert_ne!(world.register(&location).await.unwrap(), id);
    let image = world.image(&id.to_ascii_uppercase()).await;
    assert_eq!(
        (image.class, image.state.as_str()),
        (ImageClass::Kernel, "available")
    );
    assert_eq!(image.location, location);
    assert!(!image.launch.public);
}

#[tokio::test]
async fn row_1_ids_have_the_form_of_ids() {
    let mut world = fixture(ImageRules::default()).await;
    for (kernel, ramdisk) in [
        (Some("eki-1"), None),
        (Some("vmlinuz"), None),
        (None, Some("eri-12345")),
    ] {
        let request = RegisterRequest {
            kernel: kernel.map(str::to_owned),
            ramdisk: ramdisk.map(str::to_owned),
            ..request("bucket/k")
        };
        let result = world.register_as(ADMIN, request).await;
        refused(
            result,
            ImageErrorKind::InvalidParameterValue,
            "for parameter image is invalid.",
        );
    }
}

#[tokio::test]
async fn row_2_names_have_a_form() {
    let mut world = fixture(ImageRules::default()).await;
    for name in ["ab", "with blank", "ü-umlaut", &"x".repeat(129)] {
        let request = RegisterRequest {
            name: Some(name.to_owned()),
            ..request("bucket/k")
        };
        let result = world.register_as(ADMIN, request).await;
        refused(
            result,
            ImageErrorKind::MalformedName,
            "AMI names must be between 3 and 128 characters long",
        );
    }
}

#[tokio::test]
async fn row_2_a_name_can_be_made_mandatory() {
    let mut rules = ImageRules::default();
    rules.require_name = true;
    let mut world = fixture(rules).await;
    let location = world.put("a-kernel", &Bundle::kernel());
    refused(
        world.register(&location).await,
        ImageErrorKind::MalformedName,
        "AMI names must be between 3 and 128 characters long",
    );
}

#[tokio::test]
async fn settings_of_strict_decide_on_visibility_and_ids() {
    let mut rules = ImageRules::default();
    rules.default_public = true;
    rules.ids = Some(IdPolicy::AdlerMs);
    rules.epoch_ms = vec![1_275_606_157_552];
    let mut world = fixture(rules).await;
    let location = world.put_in("image-bucket", "vmlinuz", &Bundle::kernel());
    let id = world.register(&location).await.unwrap();
    assert_eq!(id, id.to_ascii_uppercase().replace("EKI", "eki"));
    assert!(world.image(&id).await.launch.public);
}

#[tokio::test]
async fn row_6_devices_are_ephemeral_whole_and_different() {
    let mut world = fixture(ImageRules::default()).await;
    let named = |devices: &[&str]| BlockDevices {
        devices: devices.iter().map(|name| (*name).to_owned()).collect(),
        ..BlockDevices::default()
    };
    let unknown = BlockDevices {
        has_unknown: true,
        ..BlockDevices::default()
    };
    for (block_devices, message) in [
        (named(&["sdb", "/dev/sdc1"]), "must not be partitions"),
        (named(&["sdb", "sdc", "sdb"]), "must be different"),
        (unknown, "Only ephemeral and suppressed"),
    ] {
        let request = RegisterRequest {
            block_devices,
            ..request("bucket/k")
        };
        let result = world.register_as(ADMIN, request).await;
        refused(result, ImageErrorKind::InvalidParameterValue, message);
    }
}

#[tokio::test]
async fn row_3_names_are_unique_in_the_account() {
    let mut world = fixture(ImageRules::default()).await;
    let location = world.put("a-kernel", &Bundle::kernel());
    let named = || RegisterRequest {
        name: Some("kernel-1".to_owned()),
        ..request(&location)
    };
    let id = world.register_as(ADMIN, named()).await.unwrap();
    let result = world.register_as(ADMIN, named()).await;
    refused(
        result,
        ImageErrorKind::DuplicateName,
        &format!("AMI name kernel-1 is already in use by EMI {id}"),
    );
}

#[tokio::test]
async fn rows_4_to_7_description_virtualization_devices_and_location() {
    let mut world = fixture(ImageRules::default()).await;
    let description = Some("x".repeat(256));
    let result = world
        .register_as(
            ADMIN,
            RegisterRequest {
                description,
                ..request("bucket/k")
            },
        )
        .await;
    refused(
        result,
        ImageErrorKind::InvalidParameter,
        "AMI descriptions must be less than 256 characters long",
    );
    let virtualization = Some("xen".to_owned());
    let result = world
        .register_as(
            ADMIN,
            RegisterRequest {
                virtualization,
                ..request("bucket/k")
            },
        )
        .await;
    refused(result, ImageErrorKind::InvalidParameterValue, "xen");
    let result = world
        .register_as(
            ADMIN,
            RegisterRequest {
                block_devices: BlockDevices {
                    has_volume: true,
                    ..BlockDevices::default()
                },
                ..request("bucket/k")
            },
        )
        .await;
    refused(
        result,
        ImageErrorKind::InvalidParameterValue,
        "block devices",
    );
    for location in ["bucket", "b/key", "bucket/", ""] {
        let result = world.register_as(ADMIN, request(location)).await;
        refused(
            result,
            ImageErrorKind::InvalidManifest,
            &format!("Invalid image location: {location}"),
        );
    }
}

#[tokio::test]
async fn row_8_names_of_kernels_and_ramdisks_are_for_administrators() {
    let mut world = fixture(ImageRules::default()).await;
    let result = world
        .register_as(USER, request("bucket/vmlinuz.manifest.xml"))
        .await;
    refused(
        result,
        ImageErrorKind::NotAuthorized,
        "Only administrators can register kernel images.",
    );
    let result = world
        .register_as(USER, request("bucket/a/initrd.manifest.xml"))
        .await;
    refused(
        result,
        ImageErrorKind::NotAuthorized,
        "Only administrators can register ramdisk images.",
    );
}

#[tokio::test]
async fn row_9_the_manifest_can_be_read() {
    let mut world = fixture(ImageRules::default()).await;
    let result = world.register("bucket/absent.manifest.xml").await;
    refused(
        result,
        ImageErrorKind::InvalidManifest,
        "Failed to read manifest file: bucket/absent.manifest.xml (NoSuchKey)",
    );
    let location = world.put("disk", &Bundle::kernel());
    world.denied.insert(location.clone());
    refused(
        world.register(&location).await,
        ImageErrorKind::InvalidManifest,
        "(AccessDenied)",
    );
    world
        .objects
        .insert("bucket/huge".to_owned(), vec![b' '; (5 << 20) + 1]);
    refused(
        world.register("bucket/huge").await,
        ImageErrorKind::InvalidManifest,
        "(EntityTooLarge)",
    );
}

#[tokio::test]
async fn the_owner_of_a_private_bucket_hears_what_is_missing_in_it() {
    let mut world = fixture(ImageRules::default()).await;
    let unreadable = world.put("unreadable", &Bundle::kernel());
    world.denied.insert(unreadable.clone());
    let incomplete = world.put("disk", &Bundle::kernel());
    world.objects.remove("bucket/folder/disk.part.01");
    let closed = world.put("closed", &Bundle::kernel());
    world
        .denied
        .insert("bucket/folder/closed.part.00".to_owned());
    world.close_bucket("bucket", ADMIN).await;
    for (user, location, cause) in [
        (ADMIN, "bucket/absent", "bucket/absent (NoSuchKey)"),
        (USER, "bucket/absent", "bucket/absent (AccessDenied)"),
        (ADMIN, &unreadable, "(AccessDenied)"),
        (ADMIN, "nowhere/absent", "nowhere/absent (NoSuchBucket)"),
        (
            ADMIN,
            &incomplete,
            "Part disk.part.01 is not available (NoSuchKey)",
        ),
        (
            ADMIN,
            &closed,
            "Part closed.part.00 is not available (AccessDenied)",
        ),
    ] {
        let result = world.register_as(user, request(location)).await;
        refused(result, ImageErrorKind::InvalidManifest, cause);
    }
}

#[tokio::test]
async fn row_10_the_manifest_is_well_formed() {
    let mut world = fixture(ImageRules::default()).await;
    let edits: [Edit; 5] = [
        |text| text.replace("</manifest>", ""),
        |text| text.replace("<manifest>", "<!DOCTYPE x><manifest>"),
        |text| text.replace("manifest>", "html>"),
        |text| text.replace("<image>", "<image x='1'>"),
        |text| text.replace("<image>", "<image></image><image>"),
    ];
    for edit in edits {
        let result = world.register_edited(&Bundle::kernel(), edit).await;
        refused(
            result,
            ImageErrorKind::InvalidManifest,
            "Manifest is not well formed: ",
        );
    }
}

#[tokio::test]
async fn row_11_every_element_is_there_and_makes_sense() {
    let mut world = fixture(ImageRules::default()).await;
    let edits: [(Edit, &str); 5] = [
        (|text| text.replace("2007-10-10", "2008-01-01"), "version"),
        (|text| text.replace("<size>100</size>", ""), "size"),
        (|text| text.replace("<size>100", "<size>-1"), "size"),
        (|text| text.replace(">x86_64<", ">pdp11<"), "architecture"),
        (|text| text.replace(" count=\"2\"", ""), "parts count"),
    ];
    for (edit, element) in edits {
        let result = world.register_edited(&Bundle::kernel(), edit).await;
        refused(
            result,
            ImageErrorKind::InvalidManifest,
            &format!("Manifest element {element} is missing or invalid"),
        );
    }
}

#[tokio::test]
async fn row_12_the_manifest_belongs_to_the_caller() {
    let mut world = fixture(ImageRules::default()).await;
    let bundle = Bundle {
        user: "000000000003".to_owned(),
        ..Bundle::kernel()
    };
    let location = world.put("disk", &bundle);
    refused(
        world.register(&location).await,
        ImageErrorKind::NotAuthorized,
        "Manifest is not accessible",
    );
}

#[tokio::test]
async fn what_the_caller_may_not_read_is_not_quoted() {
    let secret = "TOP/SECRET-OF-ANOTHER";
    for profile in [Profile::Strict, Profile::Euca44] {
        let mut world = fixture(ImageRules::of(profile)).await;
        let location = world.put("disk", &Bundle::kernel());
        let edits: [Edit; 4] = [
            |text| text.replace("disk.part.00", "TOP/SECRET-OF-ANOTHER"),
            |text| text.replace("<size>100<", "<size>TOP/SECRET-OF-ANOTHER<"),
            |text| text.replace(">x86_64<", ">TOP/SECRET-OF-ANOTHER<"),
            |text| text.replace("<image>", "<TOP/SECRET-OF-ANOTHER><image>"),
        ];
        for edit in edits {
            let whole = world.objects[&location].clone();
            world.edit(&location, edit);
            let request = || RegisterRequest {
                name: Some("disk".to_owned()),
                ..request(&location)
            };
            world.exec_only.insert(location.clone());
            let refusal = world.register_as(USER, request()).await.unwrap_err();
            assert_eq!(refusal.kind(), ImageErrorKind::NotAuthorized, "{refusal}");
            assert!(!refusal.to_string().contains(secret), "{refusal}");
            // A caller who may read it learns what is wrong, or that it is the manifest of another.
            world.exec_only.clear();
            let refusal = world.register_as(USER, request()).await.unwrap_err();
            assert!(!refusal.to_string().is_empty());
            world.objects.insert(location.clone(), whole);
        }
    }
}

#[tokio::test]
async fn row_13_kernels_by_the_manifest_are_for_administrators_too() {
    let mut world = fixture(ImageRules::default()).await;
    for (kind, message) in [
        (ImageKind::Kernel, "kernel images."),
        (ImageKind::Ramdisk, "ramdisk images."),
    ] {
        let bundle = Bundle {
            kind,
            user: USER.to_owned(),
            signer: Arc::new(cloud_key()),
            ..Bundle::kernel()
        };
        let location = world.put("innocent", &bundle);
        let result = world.register_as(USER, request(&location)).await;
        refused(result, ImageErrorKind::NotAuthorized, message);
    }
}

#[tokio::test]
async fn row_14_the_signature_is_the_callers_or_the_clouds() {
    let mut world = fixture(ImageRules::default()).await;
    let by = |signer: PrivateKey| Bundle {
        signer: Arc::new(signer),
        ..Bundle::kernel()
    };
    let location = world.put("by-cloud", &by(cloud_key()));
    world.register(&location).await.unwrap();
    let stranger = PrivateKey::from_pem(stranger_key().to_pem().unwrap().as_bytes()).unwrap();
    let location = world.put("by-stranger", &by(stranger));
    refused(
        world.register(&location).await,
        ImageErrorKind::InvalidManifest,
        "Manifest has invalid signature",
    );
    let changed = world
        .register_edited(&Bundle::kernel(), |text| text.replace("x86_64", "i386"))
        .await;
    refused(
        changed,
        ImageErrorKind::InvalidManifest,
        "Manifest has invalid signature",
    );
    let cut = |text: String| {
        let (start, end) = (
            text.find("<signature>").unwrap(),
            text.find("</signature>").unwrap(),
        );
        format!("{}<signature>UNSIGNED{}", &text[..start], &text[end..])
    };
    let unsigned = world.register_edited(&Bundle::kernel(), cut).await;
    refused(
        unsigned,
        ImageErrorKind::InvalidManifest,
        "Manifest is not signed",
    );
}

#[tokio::test]
async fn row_15_the_cloud_can_open_the_key_or_not_and_says_no_more() {
    let mut world = fixture(ImageRules::default()).await;
    let for_others = Bundle {
        recipient: stranger_key().public_key().clone(),
        ..Bundle::kernel()
    };
    let location = world.put("disk", &for_others);
    let result = world.register(&location).await;
    let message = "Manifest key cannot be decrypted with the cloud certificate";
    refused(result.clone(), ImageErrorKind::InvalidManifest, message);
    assert_eq!(result.unwrap_err().to_string(), message);
}

#[tokio::test]
async fn row_16_the_list_of_parts_adds_up() {
    let mut world = fixture(ImageRules::default()).await;
    let edits: [Edit; 4] = [
        |text| text.replace("count=\"2\"", "count=\"3\""),
        |text| text.replace("index=\"1\"", "index=\"7\""),
        |text| text.replace("<filename>disk.part.01", "<filename>../disk.part.01"),
        |text| text.replace("<filename>disk.part.01", "<filename>disk.part.00"),
    ];
    for edit in edits {
        let result = world.register_edited(&Bundle::kernel(), edit).await;
        refused(
            result,
            ImageErrorKind::InvalidManifest,
            "Part list is invalid: ",
        );
    }
}

#[tokio::test]
async fn rows_17_to_19_every_part_is_there_whole_and_right() {
    let mut world = fixture(ImageRules::default()).await;
    let location = world.put("disk", &Bundle::kernel());
    let part = "bucket/folder/disk.part.01";
    let bytes = world.objects.remove(part).unwrap();
    refused(
        world.register(&location).await,
        ImageErrorKind::InvalidManifest,
        "Part disk.part.01 is not available",
    );
    world.objects.insert(part.to_owned(), bytes[..8].to_vec());
    refused(
        world.register(&location).await,
        ImageErrorKind::InvalidManifest,
        "Bundled size is 48, parts add up to 40",
    );
    world.objects.insert(part.to_owned(), vec![9; 16]);
    refused(
        world.register(&location).await,
        ImageErrorKind::InvalidManifest,
        "Digest of part disk.part.01 does not match",
    );
    world.objects.insert(part.to_owned(), bytes);
    world.denied.insert(part.to_owned());
    refused(
        world.register(&location).await,
        ImageErrorKind::InvalidManifest,
        "Part disk.part.01 is not available",
    );
    world.denied.clear();
    world.register(&location).await.unwrap();
}

#[tokio::test]
async fn an_empty_part_is_legal_at_the_end_only() {
    let mut world = fixture(ImageRules::default()).await;
    let parts = |parts: [usize; 2]| Bundle {
        parts: parts.map(|size| vec![1; size]).to_vec(),
        ..Bundle::kernel()
    };
    let location = world.put("last", &parts([16, 0]));
    world.register(&location).await.unwrap();
    let location = world.put("first", &parts([0, 16]));
    refused(
        world.register(&location).await,
        ImageErrorKind::InvalidManifest,
        "Part list is invalid: first.part.00 is empty",
    );
}

#[tokio::test]
async fn row_20_a_paravirtual_machine_needs_kernel_and_ramdisk() {
    let mut world = fixture(ImageRules::default()).await;
    let location = world.put("disk", &Bundle::machine(None, None));
    refused(
        world.register(&location).await,
        ImageErrorKind::MissingParameter,
        "Kernel ID must be specified",
    );
    let kernel = world.put("kernel", &Bundle::kernel());
    let kernel = world.register(&kernel).await.unwrap();
    let location = world.put("disk", &Bundle::machine(Some(&kernel), None));
    refused(
        world.register(&location).await,
        ImageErrorKind::MissingParameter,
        "Ramdisk ID must be specified",
    );
    let hvm = RegisterRequest {
        virtualization: Some("HVM".to_owned()),
        ..request(&location)
    };
    assert!(
        world
            .register_as(ADMIN, hvm)
            .await
            .unwrap()
            .starts_with("emi-")
    );
}

#[tokio::test]
async fn row_21_kernel_and_ramdisk_exist_and_are_of_their_type() {
    let mut world = fixture(ImageRules::default()).await;
    let kernel = world.put("kernel", &Bundle::kernel());
    let kernel = world.register(&kernel).await.unwrap();
    let ramdisk = world.put("ramdisk", &Bundle::of(ImageKind::Ramdisk));
    let ramdisk = world.register(&ramdisk).await.unwrap();
    let location = world.put(
        "disk",
        &Bundle::machine(Some("eki-00000000"), Some(&ramdisk)),
    );
    refused(
        world.register(&location).await,
        ImageErrorKind::NotFound,
        "The image ID 'eki-00000000' does not exist",
    );
    let swapped = RegisterRequest {
        kernel: Some(ramdisk.clone()),
        ..request(&location)
    };
    let result = world.register_as(ADMIN, swapped).await;
    refused(result, ImageErrorKind::NotFound, &ramdisk);
    let right = RegisterRequest {
        kernel: Some(kernel.to_ascii_uppercase().replace("EKI", "eki")),
        ..request(&location)
    };
    assert!(
        world
            .register_as(ADMIN, right)
            .await
            .unwrap()
            .starts_with("emi-")
    );
    let others = Bundle {
        user: USER.to_owned(),
        signer: Arc::new(cloud_key()),
        ..Bundle::machine(Some(&kernel), Some(&ramdisk))
    };
    let location = world.put("others", &others);
    let result = world.register_as(USER, request(&location)).await;
    refused(result, ImageErrorKind::NotFound, &kernel);
}

#[tokio::test]
async fn row_22_images_have_a_largest_size() {
    let mut world = fixture(ImageRules::default()).await;
    let bundle = Bundle {
        size: (30 << 30) + 1,
        ..Bundle::kernel()
    };
    let location = world.put("disk", &bundle);
    let message = "Cannot register image of size 32212254721 bytes because it exceeds the configured maximum \
                   instance-store image size of 30 GB.";
    refused(
        world.register(&location).await,
        ImageErrorKind::InvalidManifest,
        message,
    );
}

#[tokio::test]
async fn lists_of_product_codes_are_taken_apart() {
    let mut world = fixture(ImageRules::default()).await;
    let bundle = Bundle {
        product_codes: vec!["A,B".to_owned(), "C".to_owned()],
        ..Bundle::machine(None, None)
    };
    let location = world.put("disk", &bundle);
    let hvm = RegisterRequest {
        virtualization: Some("hvm".to_owned()),
        ..request(&location)
    };
    let id = world.register_as(ADMIN, hvm).await.unwrap();
    assert_eq!(world.image(&id).await.product_codes, ["A", "B", "C"]);
}
