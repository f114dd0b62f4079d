//! Requests about instances, on a catalogue.

use gumnut_cloud_catalogue::{Image, ImageState, LaunchPermissions, Reason};
use gumnut_types::ImageClass;

use super::*;
use crate::testing::{IMAGE, KERNEL, RAMDISK, World, caller, image};

/// Why a request is refused.
async fn refused(world: &World, number: u32, request: RunRequest) -> (InstanceErrorKind, String) {
    let error = world
        .instances()
        .run(&caller(number), request)
        .await
        .unwrap_err();
    assert!(
        world.catalogue.instances(None).await.unwrap().is_empty(),
        "{error}"
    );
    (error.kind(), error.to_string())
}

#[tokio::test]
async fn an_instance_has_what_its_image_and_its_request_say() {
    let world = World::new(Profile::Strict).await;
    let instances = world.instances();
    let request = RunRequest {
        key: Some("mykey".to_owned()),
        user_data: Some(b"#!".to_vec()),
        protected: true,
        monitoring: true,
        tags: vec![Tag {
            key: "k".to_owned(),
            value: "v".to_owned(),
        }],
        ..RunRequest::of("emi-0000000a")
    };
    let launched = instances.run(&caller(1), request).await.unwrap();
    let described = instances.describe(&caller(1), &[]).await.unwrap();
    assert_eq!(described, launched);
    let Instance {
        id,
        state,
        launch,
        settings,
        groups,
        tags,
        ..
    } = &launched[0];
    assert_eq!(*state, InstanceState::Pending);
    assert!(
        id.starts_with("i-") && id.len() == 10 && *id == id.to_lowercase(),
        "{id}"
    );
    assert_eq!(
        (launch.image.id.as_str(), launch.root_device.as_str()),
        (IMAGE, "/dev/sda1")
    );
    assert_eq!(launch.kernel.as_ref().unwrap().id, KERNEL);
    let ramdisk = launch.ramdisk.as_ref().unwrap();
    assert_eq!(ramdisk.location, format!("images/{RAMDISK}.manifest.xml"));
    assert_eq!(ramdisk.manifest_sha256, format!("digest of {RAMDISK}"));
    assert_eq!(
        (launch.instance_type.as_str(), launch.memory_mib),
        ("m1.small", 256)
    );
    assert_eq!(launch.key.as_ref().unwrap().name, "mykey");
    assert!(settings.protected && launch.monitoring);
    assert_eq!((groups[0].1.as_str(), tags.len()), ("default", 1));
    let data = instances.user_data(&caller(1), id).await.unwrap();
    assert_eq!(data.as_deref(), Some(&b"#!"[..]));
    let live = instances.view().await.unwrap().instances;
    assert_eq!(
        (live[0].user_data.as_deref(), live[0].instance.tags.len()),
        (Some(&b"#!"[..]), 1)
    );
    assert!(
        !format!("{live:?}").contains("[35, 33]"),
        "user data is not shown"
    );
    // Another account sees nothing of it.
    assert!(
        instances
            .describe(&caller(2), &[])
            .await
            .unwrap()
            .is_empty()
    );
    let hidden = instances.one(&caller(2), id).await.unwrap_err();
    assert_eq!(hidden.kind(), InstanceErrorKind::InstanceNotFound);
}

#[tokio::test]
async fn what_is_not_there_or_not_the_callers_is_not_run() {
    let world = World::new(Profile::Strict).await;
    let not_found = |id: &str| {
        (
            InstanceErrorKind::ImageNotFound,
            format!("The image ID '{id}' does not exist"),
        )
    };
    for id in ["emi-0000000b", KERNEL, ""] {
        assert_eq!(refused(&world, 1, RunRequest::of(id)).await, not_found(id));
    }
    assert_eq!(
        refused(&world, 2, RunRequest::of(IMAGE)).await,
        not_found(IMAGE)
    );
    let wrong = RunRequest {
        kernel: Some(RAMDISK.to_owned()),
        ..RunRequest::of(IMAGE)
    };
    assert_eq!(refused(&world, 1, wrong).await, not_found(RAMDISK));
    let wrong = RunRequest {
        key: Some("other".to_owned()),
        ..RunRequest::of(IMAGE)
    };
    assert_eq!(
        refused(&world, 1, wrong).await.0,
        InstanceErrorKind::KeyPairNotFound
    );
    let hidden = Image {
        state: ImageState::Deregistered,
        ..image("emi-0000000c", ImageClass::Machine)
    };
    world.register(hidden).await;
    let found = refused(&world, 1, RunRequest::of("emi-0000000c")).await;
    assert_eq!(found, not_found("emi-0000000c"));
    // Everybody may run a public image, but needs the right to its kernel, too.
    let public = Image {
        launch: LaunchPermissions {
            public: true,
            ..LaunchPermissions::default()
        },
        ..image("emi-0000000d", ImageClass::Machine)
    };
    world.register(public.clone()).await;
    assert_eq!(
        refused(&world, 2, RunRequest::of("emi-0000000d")).await,
        not_found(KERNEL)
    );
    let whole = Image {
        id: "emi-0000000e".to_owned(),
        kernel: None,
        ramdisk: None,
        ..public
    };
    world.register(whole).await;
    let launched = world
        .instances()
        .run(&caller(2), RunRequest::of("emi-0000000e"))
        .await
        .unwrap();
    assert_eq!(launched[0].launch.kernel, None);
}

#[tokio::test]
async fn types_and_images_that_do_not_go_together_are_refused_in_the_words_of_the_profile() {
    for (profile, unknown, too_large) in [
        (
            Profile::Euca20,
            "instance type does not exist: m9.huge",
            "image too large [size=20481MB] for instance type m1.small [disk=10240MB]",
        ),
        (
            Profile::Euca44,
            "Invalid value 'm9.huge' for InstanceType.",
            "Unable to run instance emi-0000000b in which the size 21474836481 bytes of the instance is greater than the vmType \
             m1.small size 5 GB.",
        ),
    ] {
        let world = World::new(profile).await;
        let large = Image {
            size: (20 << 30) + 1,
            ..image("emi-0000000b", ImageClass::Machine)
        };
        world.register(large).await;
        let arm = Image {
            architecture: "arm64".to_owned(),
            ..image("emi-0000000c", ImageClass::Machine)
        };
        world.register(arm).await;
        let huge = RunRequest {
            instance_type: Some("m9.huge".to_owned()),
            ..RunRequest::of(IMAGE)
        };
        let expected = (InstanceErrorKind::InvalidParameterValue, unknown.to_owned());
        assert_eq!(refused(&world, 1, huge).await, expected);
        let expected = (
            InstanceErrorKind::InvalidParameterCombination,
            too_large.to_owned(),
        );
        assert_eq!(
            refused(&world, 1, RunRequest::of("emi-0000000b")).await,
            expected
        );
        let found = refused(&world, 1, RunRequest::of("emi-0000000c")).await;
        assert_eq!(found.0, InstanceErrorKind::Unsupported);
    }
}

#[tokio::test]
async fn a_dry_run_decides_and_changes_nothing() {
    let world = World::new(Profile::Strict).await;
    let instances = world.instances();
    let mut changes = instances.changes();
    let dry = instances.dry_run();
    assert_eq!(
        dry.run(&caller(1), RunRequest::of(IMAGE))
            .await
            .unwrap()
            .len(),
        1
    );
    let many = RunRequest {
        least: 5,
        most: 5,
        ..RunRequest::of(IMAGE)
    };
    let error = dry.run(&caller(1), many).await.unwrap_err();
    assert_eq!(error.kind(), InstanceErrorKind::Capacity);
    assert!(
        instances
            .describe(&caller(1), &[])
            .await
            .unwrap()
            .is_empty()
    );
    let launched = instances
        .run(&caller(1), RunRequest::of(IMAGE))
        .await
        .unwrap();
    changes.mark_unchanged();
    let ids = [launched[0].id.clone()];
    let moved = dry
        .request(&caller(1), &ids, Request::Terminate)
        .await
        .unwrap();
    assert_eq!(moved[0].after, InstanceState::ShuttingDown);
    dry.modify(&caller(1), &ids[0], Modification::Protected(true))
        .await
        .unwrap();
    let found = instances.one(&caller(1), &ids[0]).await.unwrap();
    assert_eq!(
        (found.state, found.settings.protected),
        (InstanceState::Pending, false)
    );
    assert!(!changes.has_changed().unwrap());
}

#[tokio::test]
async fn tags_and_consoles() {
    let world = World::new(Profile::Strict).await;
    let instances = world.instances();
    let launched = instances
        .run(&caller(1), RunRequest::of(IMAGE))
        .await
        .unwrap();
    let ids = [launched[0].id.to_uppercase().replacen('I', "i", 1)];
    let tag = Tag {
        key: "k".to_owned(),
        value: "v".to_owned(),
    };
    instances
        .put_tags(&caller(1), &ids, vec![tag.clone()])
        .await
        .unwrap();
    assert_eq!(
        instances.one(&caller(1), &ids[0]).await.unwrap().tags,
        [tag]
    );
    instances
        .delete_tags(&caller(1), &ids, &[("k".to_owned(), None)])
        .await
        .unwrap();
    assert!(
        instances
            .one(&caller(1), &ids[0])
            .await
            .unwrap()
            .tags
            .is_empty()
    );
    // Nothing is known of the machine yet; what is kept is shown in any state.
    let console = instances.console(&caller(1), &ids[0]).await.unwrap();
    assert_eq!(
        (console.id, console.console),
        (launched[0].id.clone(), None)
    );
    assert_eq!(console.at, 1_000_000);
    let old = World {
        profile: Profile::Euca20,
        ..world
    };
    let error = old
        .instances()
        .console(&caller(1), &ids[0])
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("Instance {} is not in a running state.", launched[0].id)
    );
    // An unknown id is no error there.
    let all = old
        .instances()
        .describe(&caller(1), &["i-99999999".to_owned()])
        .await;
    assert!(all.unwrap().is_empty());
}

#[test]
fn reasons_have_codes() {
    assert_eq!(Reason::UserStarted.code(), None);
    assert_eq!(
        Reason::NoCapacity(String::new()).code(),
        Some("Server.InsufficientInstanceCapacity")
    );
}
