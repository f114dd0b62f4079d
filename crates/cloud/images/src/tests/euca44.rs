//! The checks of Eucalyptus 4.4, row by row.

use gumnut_cloud_catalogue::ImageState;
use sha2::Digest as _;

use super::*;

async fn world() -> Fixture {
    fixture(ImageRules::of(Profile::Euca44)).await
}

/// A request with a name, which 4.4 wants.
fn named(location: &str) -> RegisterRequest {
    RegisterRequest {
        name: Some("an-image".to_owned()),
        ..request(location)
    }
}

fn generic(result: Result<String, ImageError>, message: &str) {
    let refusal = result.unwrap_err();
    assert_eq!(refusal.kind(), ImageErrorKind::Unspecific);
    assert!(refusal.to_string().contains(message), "{refusal:?}");
}

/// Registers a kernel whose manifest was changed.
async fn edited(edit: impl Fn(String) -> String) -> Result<String, ImageError> {
    let mut world = world().await;
    let location = world.put("disk", &Bundle::kernel());
    world.edit(&location, edit);
    world.register_as(ADMIN, named(&location)).await
}

#[tokio::test]
async fn row_1_ids_have_the_form_of_ids_and_windows_is_a_kernel() {
    let mut world = world().await;
    let with = |kernel: &str| RegisterRequest {
        kernel: Some(kernel.to_owned()),
        ..named("bucket/k")
    };
    for id in ["eki-1", "eki-9046138", "vmlinuz", "eki-904613811"] {
        let result = world.register_as(ADMIN, with(id)).await;
        let message = format!("Value ({id}) for parameter image is invalid.");
        refused(result, ImageErrorKind::InvalidParameterValue, &message);
    }
    let long = world
        .register_as(ADMIN, with("eki-0123456789abcdef0"))
        .await;
    generic(long, "Failed to read manifest file");
    let location = world.put("disk", &Bundle::machine(None, None));
    let windows = RegisterRequest {
        location,
        ..with("windows")
    };
    let id = world.register_as(ADMIN, windows).await.unwrap();
    let image = world.image(&id).await;
    assert_eq!(image.platform.as_deref(), Some("windows"));
    assert_eq!(image.virtualization, "hvm");
}

#[tokio::test]
async fn row_2_a_name_must_be_given_and_have_a_form() {
    let mut world = world().await;
    for name in [
        None,
        Some("ab"),
        Some("with blank"),
        Some(&*"x".repeat(129)),
    ] {
        let request = RegisterRequest {
            name: name.map(str::to_owned),
            ..request("bucket/k")
        };
        let message = "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, \
                       '(', ')', '.', '-', '/' and '_'";
        refused(
            world.register_as(ADMIN, request).await,
            ImageErrorKind::MalformedName,
            message,
        );
    }
}

#[tokio::test]
async fn row_3_names_are_unique_in_the_account() {
    let mut world = world().await;
    let location = world.put("disk", &Bundle::kernel());
    let id = world.register_as(ADMIN, named(&location)).await.unwrap();
    let again = world.register_as(ADMIN, named(&location)).await;
    let message = format!("AMI name an-image is already in use by EMI {id}");
    refused(again, ImageErrorKind::DuplicateName, &message);
    let other = world.register_as(USER, named(&location)).await;
    refused(
        other,
        ImageErrorKind::NotAuthorized,
        "Manifest is not accessible",
    );
}

#[tokio::test]
async fn row_4_descriptions_have_at_most_255_characters() {
    let request = RegisterRequest {
        description: Some("ü".repeat(256)),
        ..named("bucket/k")
    };
    refused(
        world().await.register_as(ADMIN, request).await,
        ImageErrorKind::InvalidParameter,
        "AMI descriptions must be less than 256 characters long",
    );
}

#[tokio::test]
async fn row_5_virtualization_is_paravirtual_or_hvm() {
    let request = RegisterRequest {
        virtualization: Some("xen".to_owned()),
        ..named("bucket/k")
    };
    generic(world().await.register_as(ADMIN, request).await, "xen");
}

#[tokio::test]
async fn row_6_block_devices_are_not_volumes() {
    let request = RegisterRequest {
        block_devices: BlockDevices {
            has_volume: true,
            ..BlockDevices::default()
        },
        ..named("bucket/k")
    };
    generic(
        world().await.register_as(ADMIN, request).await,
        "block devices",
    );
}

#[tokio::test]
async fn row_7_the_location_has_a_bucket_and_a_key_with_prefixes() {
    let mut world = world().await;
    for location in ["bucket", "b/key", "bucket/", ""] {
        let result = world.register_as(ADMIN, named(location)).await;
        generic(result, &format!("Invalid image location: {location}"));
    }
    let location = world.put_in("bucket/deep/folder", "disk", &Bundle::kernel());
    let with_slash = format!("/{location}");
    let id = world.register_as(ADMIN, named(&with_slash)).await.unwrap();
    assert_eq!(world.image(&id).await.location, location);
}

#[tokio::test]
async fn row_8_names_of_kernels_and_ramdisks_are_for_administrators() {
    let mut world = world().await;
    for (key, message) in [
        ("vmlinuz", "Only administrators can register kernel images."),
        ("initrd", "Only administrators can register ramdisk images."),
    ] {
        let location = format!("bucket/a/{key}.manifest.xml");
        generic(world.register_as(USER, named(&location)).await, message);
    }
}

#[tokio::test]
async fn row_9_the_manifest_can_be_read_and_has_5_mib_at_most() {
    let mut world = world().await;
    let location = world.put("disk", &Bundle::kernel());
    world.denied.insert(location.clone());
    let huge = vec![b' '; (5 << 20) + 1];
    world.objects.insert("bucket/huge".to_owned(), huge);
    for location in ["bucket/absent", "bucket/huge", &location] {
        let result = world.register_as(ADMIN, named(location)).await;
        let message = format!("Failed to read manifest file: {location}");
        assert_eq!(result.as_ref().unwrap_err().to_string(), message);
        generic(result, &message);
    }
}

#[tokio::test]
async fn row_10_the_manifest_parses_and_its_numbers_and_architecture_make_sense() {
    let edits: [Edit; 6] = [
        |text| text.replace("</manifest>", ""),
        |text| text.replace("<size>100</size>", ""),
        |text| text.replace("<size>100<", "<size>many<"),
        |text| text.replace("<bundled_size>48<", "<bundled_size><"),
        |text| text.replace(">x86_64<", ">armhf<"),
        |text| text.replace("<architecture>x86_64</architecture>", ""),
    ];
    for edit in edits {
        generic(edited(edit).await, "");
    }
    for architecture in ["i386", "other"] {
        let change = |text: String| text.replace(">x86_64<", &format!(">{architecture}<"));
        edited(change).await.unwrap();
    }
}

#[tokio::test]
async fn row_11_the_type_counts_and_ids_count_when_they_look_like_ids() {
    let mut world = world().await;
    for (kind, prefix) in [("kernel", "eki-"), ("ramdisk", "eri-")] {
        let location = world.put(kind, &Bundle::machine(None, None));
        let typed = format!("<type>{kind}</type>");
        world.edit(&location, |text| {
            text.replace("<type>machine</type>", &typed)
        });
        let request = RegisterRequest {
            name: Some(kind.to_owned()),
            ..request(&location)
        };
        let id = world.register_as(ADMIN, request).await.unwrap();
        assert!(id.starts_with(prefix), "{id}");
    }
    let ids = Bundle::machine(Some("aki-00000001"), Some("ari-00000001"));
    let location = world.put("disk", &ids);
    let result = world.register_as(ADMIN, named(&location)).await;
    refused(
        result,
        ImageErrorKind::MissingParameter,
        "Kernel ID must be specified",
    );
}

#[tokio::test]
async fn row_12_the_first_user_is_the_caller() {
    for replacement in ["<user>000000000002</user>", ""] {
        let result = edited(|text| text.replace("<user>000000000001</user>", replacement)).await;
        refused(
            result,
            ImageErrorKind::NotAuthorized,
            "Manifest is not accessible",
        );
    }
}

#[tokio::test]
async fn row_13_the_platform_is_linux_or_windows() {
    let mut world = world().await;
    let location = world.put("disk", &Bundle::machine(None, None));
    let on = |platform: &str| RegisterRequest {
        platform: Some(platform.to_owned()),
        ..named(&location)
    };
    generic(world.register_as(ADMIN, on("vms")).await, "vms");
    let linux = world.register_as(ADMIN, on("linux")).await;
    refused(
        linux,
        ImageErrorKind::MissingParameter,
        "Kernel ID must be specified",
    );
    let id = world.register_as(ADMIN, on("Windows")).await.unwrap();
    assert_eq!(world.image(&id).await.virtualization, "hvm");
}

#[tokio::test]
async fn row_14_a_paravirtual_machine_names_kernel_and_ramdisk_which_need_not_exist() {
    let mut world = world().await;
    let location = world.put("disk", &Bundle::machine(Some("eki-00000001"), None));
    let result = world.register_as(ADMIN, named(&location)).await;
    refused(
        result,
        ImageErrorKind::MissingParameter,
        "Ramdisk ID must be specified",
    );
    let request = RegisterRequest {
        ramdisk: Some("eri-00000002".to_owned()),
        ..named(&location)
    };
    let id = world.register_as(ADMIN, request).await.unwrap();
    let image = world.image(&id).await;
    assert_eq!(image.kernel.as_deref(), Some("eki-00000001"));
    assert_eq!(image.ramdisk.as_deref(), Some("eri-00000002"));
}

#[tokio::test]
async fn row_15_images_have_a_largest_size() {
    let result = edited(|text| text.replace("<size>100<", "<size>32212254721<")).await;
    let message = "Cannot register image of size 32212254721 bytes because it exceeds the configured maximum \
                   instance-store image size of 30 GB.";
    generic(result, message);
}

#[tokio::test]
async fn row_16_the_row_is_private_and_has_the_digest_of_the_manifest() {
    let mut world = world().await;
    let location = world.put("disk", &Bundle::kernel());
    let wanted = RegisterRequest {
        architecture: Some("i386".to_owned()),
        description: Some("for a test".to_owned()),
        ..named(&location)
    };
    let id = world.register_as(ADMIN, wanted).await.unwrap();
    let image = world.image(&id).await;
    assert_eq!(image.state, ImageState::Available);
    assert!(!image.launch.public);
    assert_eq!(image.architecture, "i386");
    assert_eq!(image.description.as_deref(), Some("for a test"));
    let digest = sha2::Sha256::digest(&world.objects[&location]);
    assert_eq!(image.manifest_sha256, data_encoding::BASE64.encode(&digest));
    assert_eq!(id, id.to_ascii_lowercase());
}

#[tokio::test]
async fn neither_signature_nor_key_nor_parts_are_looked_at() {
    let mut world = world().await;
    let bundle = Bundle {
        recipient: stranger_key().public_key().clone(),
        ..Bundle::kernel()
    };
    let location = world.put("disk", &bundle);
    world.objects.remove("bucket/folder/disk.part.00");
    world.edit(&location, |text| {
        let start = text.find("<signature>").unwrap();
        format!("{}</manifest>", &text[..start])
    });
    world.register_as(ADMIN, named(&location)).await.unwrap();
}
