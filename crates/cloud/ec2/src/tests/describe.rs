//! `DescribeImages`: selection, filters, pages.

use super::*;

/// Registers a machine of the administrator with everything that filters look at, and a plain kernel.
async fn two(world: &mut Fixture) -> (String, String) {
    let kernel = registered(world, "kernel-1").await;
    let machine = world.put("disk", &Bundle::machine_with_all());
    world.images().await;
    let parameters = [
        ("Action", "RegisterImage"),
        ("ImageLocation", &machine),
        ("Name", "disk-1"),
        ("Description", "a disk"),
        ("Architecture", "i386"),
        ("KernelId", &kernel),
        ("VirtualizationType", "hvm"),
        ("Platform", "windows"),
        ("RootDeviceName", "/dev/sda"),
    ];
    let machine = text(&ok(world, ADMIN, &parameters).await, "imageId").to_owned();
    let tag = [
        ("Action", "CreateTags"),
        ("ResourceId.1", machine.as_str()),
        ("Tag.1.Key", "stage"),
        ("Tag.1.Value", "test"),
    ];
    ok(world, ADMIN, &tag).await;
    (kernel, machine)
}

#[tokio::test]
async fn every_filter_selects_the_one_and_not_the_other() {
    let mut world = world().await;
    let (kernel, machine) = two(&mut world).await;
    let location = "bucket/folder/disk.manifest.xml";
    for (name, value) in [
        ("architecture", "i386"),
        ("block-device-mapping.device-name", "sdb"),
        ("description", "a d*"),
        ("image-id", machine.as_str()),
        ("image-type", "machine"),
        ("kernel-id", kernel.as_str()),
        ("manifest-location", location),
        ("name", "disk-?"),
        ("platform", "windows"),
        ("product-code", "CODE"),
        ("root-device-name", "/dev/sda"),
        ("virtualization-type", "hvm"),
        ("tag-key", "stage"),
        ("tag-value", "te*"),
        ("tag:stage", "test"),
    ] {
        let parameters = [
            ("Action", "DescribeImages"),
            ("Filter.1.Name", name),
            ("Filter.1.Value.1", "never"),
            ("Filter.1.Value.2", value),
        ];
        let body = ok(&world, ADMIN, &parameters).await;
        let of_kernel = format!("<imageId>{kernel}</imageId>");
        assert!(body.contains(&machine), "{name}: {body}");
        assert!(!body.contains(&of_kernel), "{name}: {body}");
    }
    for (name, value) in [
        ("is-public", "false"),
        ("owner-alias", ADMIN),
        ("owner-id", ADMIN),
        ("root-device-type", "instance-store"),
        ("state", "available"),
    ] {
        let count = async |value| {
            let parameters = [
                ("Action", "DescribeImages"),
                ("Filter.1.Name", name),
                ("Filter.1.Value.1", value),
            ];
            ok(&world, ADMIN, &parameters)
                .await
                .matches("<imageId>")
                .count()
        };
        assert_eq!((count(value).await, count("never").await), (2, 0), "{name}");
    }
    for name in [
        "block-device-mapping.delete-on-termination",
        "block-device-mapping.snapshot-id",
        "block-device-mapping.volume-size",
        "block-device-mapping.volume-type",
        "hypervisor",
        "product-code.type",
        "ramdisk-id",
        "state-reason-code",
        "state-reason-message",
    ] {
        let parameters = [
            ("Action", "DescribeImages"),
            ("Filter.1.Name", name),
            ("Filter.1.Value.1", "*"),
        ];
        let body = ok(&world, ADMIN, &parameters).await;
        assert!(!body.contains("<imageId>"), "{name}");
    }
}

#[tokio::test]
async fn different_filters_must_all_hold() {
    let mut world = world().await;
    two(&mut world).await;
    let both = |second| {
        [
            ("Action", "DescribeImages"),
            ("Filter.1.Name", "image-type"),
            ("Filter.1.Value.1", "machine"),
            ("Filter.2.Name", "architecture"),
            ("Filter.2.Value.1", second),
        ]
    };
    assert!(ok(&world, ADMIN, &both("i386")).await.contains("<imageId>"));
    assert!(
        !ok(&world, ADMIN, &both("x86_64"))
            .await
            .contains("<imageId>")
    );
}

#[tokio::test]
async fn tags_are_of_the_account_that_gave_them() {
    let mut world = world().await;
    let (_, machine) = two(&mut world).await;
    let describe = [("Action", "DescribeImages"), ("ImageId.1", &machine)];
    let item = "<tagSet><item><key>stage</key><value>test</value></item></tagSet>";
    assert!(ok(&world, ADMIN, &describe).await.contains(item));
    let public = [
        ("Action", "ModifyImageAttribute"),
        ("ImageId", &machine),
        ("LaunchPermission.Add.1.Group", "all"),
    ];
    ok(&world, ADMIN, &public).await;
    assert!(
        ok(&world, USER, &describe)
            .await
            .contains("<tagSet></tagSet>")
    );
}

#[tokio::test]
async fn selectors_intersect() {
    let mut world = world().await;
    let (kernel, machine) = two(&mut world).await;
    let grant = [
        ("Action", "ModifyImageAttribute"),
        ("ImageId", kernel.as_str()),
        ("LaunchPermission.Add.1.UserId", USER),
    ];
    ok(&world, ADMIN, &grant).await;
    let seen = async |account, selector: &[(&str, &str)]| {
        let mut parameters = vec![("Action", "DescribeImages")];
        parameters.extend(selector);
        let body = ok(&world, account, &parameters).await;
        [&kernel, &machine].map(|id| body.contains(&format!("<imageId>{id}</imageId>")))
    };
    assert_eq!(seen(USER, &[]).await, [true, false]);
    assert_eq!(
        seen(USER, &[("ExecutableBy.1", "self")]).await,
        [true, false]
    );
    assert_eq!(seen(USER, &[("Owner.1", "self")]).await, [false, false]);
    assert_eq!(seen(USER, &[("Owner.1", ADMIN)]).await, [true, false]);
    assert_eq!(
        seen(ADMIN, &[("ExecutableBy.1", USER)]).await,
        [true, false]
    );
    assert_eq!(
        seen(ADMIN, &[("ExecutableBy.1", "all")]).await,
        [false, false]
    );
    assert_eq!(
        seen(ADMIN, &[("ExecutableBy.1", "self")]).await,
        [false, false]
    );
    assert_eq!(seen(ADMIN, &[("Owner.1", "amazon")]).await, [false, false]);
    let both = [("Owner.1", "self"), ("ImageId.1", machine.as_str())];
    assert_eq!(seen(ADMIN, &both).await, [false, true]);
}

#[tokio::test]
async fn pages_hold_every_image_once() {
    let mut world = world().await;
    let mut expected = Vec::new();
    for number in 0..5 {
        expected.push(registered(&mut world, &format!("kernel-{number}")).await);
    }
    expected.sort();
    let (mut found, mut token) = (Vec::new(), String::new());
    loop {
        let parameters = [
            ("Action", "DescribeImages"),
            ("MaxResults", "2"),
            ("NextToken", &token),
        ];
        let body = ok(&world, ADMIN, &parameters).await;
        let ids = body
            .split("<imageId>")
            .skip(1)
            .map(|rest| rest[..12].to_owned());
        let ids: Vec<_> = ids.collect();
        assert!(ids.len() <= 2);
        found.extend(ids);
        if !body.contains("<nextToken>") {
            break;
        }
        token = text(&body, "nextToken").to_owned();
    }
    assert_eq!(found, expected);
    for bad in [
        ("MaxResults", "0"),
        ("MaxResults", "1001"),
        ("NextToken", "x"),
    ] {
        let parameters = [("Action", "DescribeImages"), bad];
        refused(&world, ADMIN, &parameters, 400, "InvalidParameterValue").await;
    }
}

#[tokio::test]
async fn hidden_images_are_swept_after_a_while() {
    let mut world = world().await;
    let id = registered(&mut world, "kernel-1").await;
    let minutes = |count: i64| NOW + count * 60_000;
    let deregister = [("Action", "DeregisterImage"), ("ImageId", id.as_str())];
    ok(&world, ADMIN, &deregister).await;
    for (now, there) in [(minutes(9), true), (minutes(11), false)] {
        let describe = [("Action", "DescribeImages"), ("ImageId.1", "verbose")];
        let (_, body) = call_at(&world, now, ADMIN, &describe).await;
        assert_eq!(body.contains(&id), there, "{body}");
    }
}
