//! Instances: what each profile answers and refuses.

use super::*;

const VERSION: (&str, &str) = ("Version", "2014-10-01");

fn action<'a>(name: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [&[("Action", name), VERSION][..], more].concat()
}

/// A cloud with [`MACHINE`] and its running [`INSTANCE`], and nothing else.
async fn with_machine(profile: Profile) -> Fixture {
    let mut world = world_of(profile).await;
    let location = world.put_in("bucket", "vmlinuz", &Bundle::kernel());
    world.images().await;
    let register = [("ImageLocation", location.as_str()), ("Name", "kernel")];
    let named = if profile.is_legacy() { 1 } else { 2 };
    let body = ok(&world, ADMIN, &action("RegisterImage", &register[..named])).await;
    with_instance(&world, text(&body, "imageId")).await;
    world
}

/// Names of all elements, in their order, without those of lists.
fn elements(body: &str) -> Vec<&str> {
    let tags = body.split('<').skip(1);
    let opened = tags.filter(|tag| !tag.starts_with(['/', '?', '!']));
    let names = opened.map(|tag| tag.split(['>', ' ']).next().unwrap_or_default());
    names.filter(|name| *name != "item").collect()
}

fn run<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let counts = [("ImageId", MACHINE), ("MinCount", "1"), ("MaxCount", "1")];
    let given = |name: &str| more.iter().any(|(other, _)| *other == name);
    let defaults = counts.into_iter().filter(|(name, _)| !given(name));
    action(
        "RunInstances",
        &[&defaults.collect::<Vec<_>>()[..], more].concat(),
    )
}

#[tokio::test]
async fn elements_have_the_order_of_each_cloud() {
    const OLD: &str = "instanceId imageId instanceState code name privateDnsName dnsName reason amiLaunchIndex productCodes \
                       instanceType launchTime placement availabilityZone monitoring state";
    const NEW: &str = "instanceId imageId instanceState code name privateDnsName dnsName reason amiLaunchIndex productCodes \
                       instanceType launchTime placement availabilityZone monitoring state privateIpAddress ipAddress groupSet \
                       groupId groupName architecture rootDeviceType rootDeviceName blockDeviceMapping virtualizationType tagSet \
                       networkInterfaceSet";
    for (profile, group, item) in [
        (Profile::Euca16, "groupId", OLD),
        (Profile::Euca20, "groupId", OLD),
        (Profile::Euca44, "groupId groupName", NEW),
    ] {
        let world = with_machine(profile).await;
        let body = ok(&world, ADMIN, &action("DescribeInstances", &[])).await;
        let expected = format!(
            "DescribeInstancesResponse requestId reservationSet reservationId ownerId groupSet {group} instancesSet {item}"
        );
        assert_eq!(elements(&body).join(" "), expected, "{profile}");
        let body = ok(&world, ADMIN, &run(&[])).await;
        let expected = format!(
            "RunInstancesResponse requestId reservationId ownerId groupSet {group} instancesSet {item}"
        );
        assert_eq!(elements(&body).join(" "), expected, "{profile}");
    }
}

#[tokio::test]
async fn names_and_reasons_are_those_of_each_cloud() {
    for (profile, name, reason, owner) in [
        (Profile::Euca20, "172.31.0.10", "NORMAL:  -- []", "admin"),
        (
            Profile::Euca44,
            "euca-172-31-0-10.eucalyptus.internal",
            "NORMAL:  -- []",
            ADMIN,
        ),
        (Profile::Strict, "ip-172-31-0-10", "", ADMIN),
    ] {
        let world = with_machine(profile).await;
        let shown = ok(&world, ADMIN, &action("DescribeInstances", &[])).await;
        assert_eq!(text(&shown, "privateDnsName"), name);
        assert_eq!(text(&shown, "dnsName"), "127.31.0.10");
        assert_eq!(text(&shown, "ownerId"), owner, "{profile}");
        assert!(
            shown.contains("<instanceState><code>16</code><name>running</name></instanceState>")
        );
        assert_eq!(shown.contains("<reason>"), !reason.is_empty());
        assert!(shown.contains(reason), "{shown}");
        // One that is being made has no address yet, but its time.
        let launched = ok(&world, ADMIN, &run(&[])).await;
        assert_eq!(text(&launched, "name"), "pending");
        let unknown = if profile == Profile::Strict {
            ""
        } else {
            "0.0.0.0"
        };
        assert_eq!(text(&launched, "dnsName"), unknown);
        assert!(text(&launched, "launchTime").starts_with("2010-06-03T"));
        let digits = &text(&launched, "instanceId")[2..];
        let expected = if profile.is_legacy() {
            digits.to_ascii_uppercase()
        } else {
            digits.to_ascii_lowercase()
        };
        assert_eq!(digits, expected);
    }
}

#[tokio::test]
async fn a_run_has_what_it_asks_for() {
    let world = with_machine(Profile::Strict).await;
    let key = action("CreateKeyPair", &[("KeyName", "mykey")]);
    ok(&world, ADMIN, &key).await;
    let wanted = run(&[
        ("MaxCount", "2"),
        ("KeyName", "mykey"),
        ("InstanceType", "t2.micro"),
        ("SecurityGroup.1", "default"),
        ("UserData", "IyEv\nYmluL3No"),
        ("ClientToken", "token-1"),
        ("Monitoring.Enabled", "true"),
        ("Placement.AvailabilityZone", "cluster01"),
        ("Placement.Tenancy", "default"),
        ("EbsOptimized", "false"),
        ("InstanceInitiatedShutdownBehavior", "terminate"),
        ("MetadataOptions.HttpTokens", "required"),
        ("MetadataOptions.HttpPutResponseHopLimit", "2"),
        ("TagSpecification.1.ResourceType", "instance"),
        ("TagSpecification.1.Tag.1.Key", "Name"),
        ("TagSpecification.1.Tag.1.Value", "web <1>"),
    ]);
    let body = ok(&world, ADMIN, &wanted).await;
    assert_eq!(body.matches("<instanceId>").count(), 2);
    for expected in [
        "<keyName>mykey</keyName>",
        "<instanceType>t2.micro</instanceType>",
        "<monitoring><state>enabled</state></monitoring>",
        "<clientToken>token-1</clientToken>",
        "<tagSet><item><key>Name</key><value>web &lt;1&gt;</value></item></tagSet>",
        "<httpTokens>required</httpTokens><httpPutResponseHopLimit>2</httpPutResponseHopLimit>",
        "<amiLaunchIndex>1</amiLaunchIndex>",
    ] {
        assert!(body.contains(expected), "{expected}: {body}");
    }
    // The same token gives the same instances; with other parameters it is refused.
    let again = ok(&world, ADMIN, &wanted).await;
    assert_eq!(again, body);
    let mut other = wanted.clone();
    other.push(("DisableApiTermination", "true"));
    refused(&world, ADMIN, &other, 400, "IdempotentParameterMismatch").await;
    let id = text(&body, "instanceId").to_owned();
    for (attribute, value) in [
        ("userData", "IyEvYmluL3No"),
        ("instanceInitiatedShutdownBehavior", "terminate"),
        ("disableApiTermination", "false"),
        ("instanceType", "t2.micro"),
    ] {
        let describe = action(
            "DescribeInstanceAttribute",
            &[("InstanceId", &id), ("Attribute", attribute)],
        );
        let shown = ok(&world, ADMIN, &describe).await;
        assert_eq!(text(&shown, "value"), value);
    }
}

#[tokio::test]
async fn bad_requests_start_nothing() {
    let world = with_machine(Profile::Strict).await;
    let long = "A".repeat(21_848 + 4);
    for (name, value, code) in [
        ("ImageId", "emi-00000000", "InvalidAMIID.NotFound"),
        ("ImageId", "image", "InvalidAMIID.Malformed"),
        ("KeyName", "nobody", "InvalidKeyPair.NotFound"),
        ("SecurityGroup.1", "nobody", "InvalidGroup.NotFound"),
        ("InstanceType", "m9.huge", "InvalidParameterValue"),
        ("KernelId", "eki-00000000", "InvalidAMIID.NotFound"),
        ("MinCount", "0", "InvalidParameterValue"),
        ("MinCount", "2", "InvalidParameterValue"),
        ("MinCount", "one", "InvalidParameterValue"),
        ("MinCount", "-1", "InvalidParameterValue"),
        ("MaxCount", "1000000000", "InvalidParameterValue"),
        ("MaxCount", "99999999999999999999", "InvalidParameterValue"),
        ("UserData", "no base64!", "InvalidParameterValue"),
        ("UserData", &long, "InvalidParameterValue"),
        (
            "Placement.AvailabilityZone",
            "mars-1a",
            "InvalidParameterValue",
        ),
        ("ClientToken", "täglich", "InvalidParameterValue"),
        ("Monitoring.Enabled", "perhaps", "InvalidParameterValue"),
        (
            "InstanceInitiatedShutdownBehavior",
            "explode",
            "InvalidParameterValue",
        ),
        (
            "MetadataOptions.HttpTokens",
            "some",
            "InvalidParameterValue",
        ),
        (
            "MetadataOptions.HttpPutResponseHopLimit",
            "65",
            "InvalidParameterValue",
        ),
        (
            "TagSpecification.1.ResourceType",
            "volume",
            "InvalidParameterValue",
        ),
        (
            "BlockDeviceMapping.1.DeviceName",
            "/dev/sdb",
            "MissingParameter",
        ),
        (
            "BlockDeviceMapping.1.Ebs.VolumeSize",
            "8",
            "UnsupportedOperation",
        ),
        ("SubnetId", "subnet-00000000", "UnsupportedOperation"),
        (
            "NetworkInterface.1.DeviceIndex",
            "0",
            "UnsupportedOperation",
        ),
        ("IamInstanceProfile.Name", "admin", "UnsupportedOperation"),
        (
            "LaunchTemplate.LaunchTemplateName",
            "a",
            "UnsupportedOperation",
        ),
        ("Placement.Tenancy", "dedicated", "UnsupportedOperation"),
        ("EbsOptimized", "true", "UnsupportedOperation"),
    ] {
        let (_, body) = call(&world, ADMIN, &run(&[(name, value)])).await;
        let found = body.contains(&format!("<Code>{code}</Code>"));
        assert!(found, "{name} {value}: {body}");
    }
    let nothing = action("RunInstances", &[("ImageId", MACHINE)]);
    refused(&world, ADMIN, &nothing, 400, "MissingParameter").await;
    let many = run(&[("MinCount", "4"), ("MaxCount", "9")]);
    refused(&world, ADMIN, &many, 500, "InsufficientInstanceCapacity").await;
    assert_eq!(world.catalogue.instances(None).await.unwrap().len(), 1);
    let some = ok(&world, ADMIN, &run(&[("MaxCount", "9")])).await;
    assert_eq!(some.matches("<instanceId>").count(), 3, "as many as fit");
}

#[tokio::test]
async fn a_full_cloud_refuses_in_the_words_of_each_profile() {
    let many = run(&[("MinCount", "4"), ("MaxCount", "4")]);
    let world = with_machine(Profile::Euca44).await;
    let (status, body) = call(&world, ADMIN, &many).await;
    assert_eq!(
        (status, text(&body, "Code")),
        (503, "InsufficientInstanceCapacity")
    );
    assert_eq!(
        text(&body, "Message"),
        "Not enough resources (3 in cluster01 &lt; 4): vm instances."
    );
    let world = with_machine(Profile::Euca20).await;
    let (status, body) = call(&world, ADMIN, &many).await;
    assert_eq!((status, text(&body, "Code")), (400, "VmControl"));
    assert_eq!(
        text(&body, "Message").trim(),
        "Not enough resources available: vm resources"
    );
}

#[tokio::test]
async fn instances_are_terminated_together_or_not_at_all() {
    let world = with_machine(Profile::Strict).await;
    let launched = ok(&world, ADMIN, &run(&[])).await;
    let other = text(&launched, "instanceId").to_owned();
    let terminate = |ids: &[&str]| {
        let names = ["InstanceId.1", "InstanceId.2"];
        let pairs = names.into_iter().zip(ids.iter().copied());
        action("TerminateInstances", &pairs.collect::<Vec<_>>())
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect::<Vec<_>>()
    };
    let ask = async |account: &str, ids: &[&str]| {
        let parameters = terminate(ids);
        let borrowed: Vec<_> = parameters
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        call(&world, account, &borrowed).await
    };
    for (ids, code, message) in [
        (
            &[INSTANCE, "i-99999999"][..],
            "InvalidInstanceID.NotFound",
            "The instance ID 'i-99999999' does not exist",
        ),
        (
            &["i-99999999", "i-99999998"],
            "InvalidInstanceID.NotFound",
            "The instance IDs 'i-99999999, i-99999998' do not exist",
        ),
        (
            &[INSTANCE, "banana"],
            "InvalidInstanceID.Malformed",
            "Invalid id: \"banana\"",
        ),
        (
            &[],
            "MissingParameter",
            "The request must contain the parameter InstanceId",
        ),
    ] {
        let (status, body) = ask(ADMIN, ids).await;
        assert_eq!((status, text(&body, "Code")), (400, code));
        assert_eq!(
            text(&body, "Message")
                .replace("&apos;", "'")
                .replace("&quot;", "\""),
            message
        );
    }
    let (_, body) = ask(USER, &[INSTANCE]).await;
    assert_eq!(
        text(&body, "Code"),
        "InvalidInstanceID.NotFound",
        "of another account"
    );
    let protect = action(
        "ModifyInstanceAttribute",
        &[
            ("InstanceId", &other),
            ("Attribute", "disableApiTermination"),
            ("Value", "true"),
        ],
    );
    ok(&world, ADMIN, &protect).await;
    let (_, body) = ask(ADMIN, &[INSTANCE, &other]).await;
    assert_eq!(text(&body, "Code"), "OperationNotPermitted");
    let rows = world.catalogue.instances(None).await.unwrap();
    assert!(
        rows.iter()
            .all(|row| row.state != InstanceState::ShuttingDown)
    );
    let (_, body) = ask(ADMIN, &[INSTANCE]).await;
    let expected = format!(
        "<instancesSet><item><instanceId>{INSTANCE}</instanceId>\
         <currentState><code>32</code><name>shutting-down</name></currentState>\
         <previousState><code>16</code><name>running</name></previousState></item></instancesSet>"
    );
    assert!(body.contains(&expected), "{body}");
    let (_, body) = ask(ADMIN, &[INSTANCE]).await;
    assert!(
        body.contains("<previousState><code>32</code>"),
        "again: {body}"
    );
    let shown = ok(
        &world,
        ADMIN,
        &action("DescribeInstances", &[("InstanceId.1", INSTANCE)]),
    )
    .await;
    assert_eq!(text(&shown, "reason"), "User initiated");
    assert!(
        shown.contains("<stateReason><code>Client.UserInitiatedShutdown</code>"),
        "{shown}"
    );
}

#[tokio::test]
async fn filters_and_pages() {
    let world = with_machine(Profile::Strict).await;
    for number in ["1", "2", "3"] {
        let tags = [
            ("TagSpecification.1.ResourceType", "instance"),
            ("TagSpecification.1.Tag.1.Key", "n"),
            ("TagSpecification.1.Tag.1.Value", number),
        ];
        ok(&world, ADMIN, &run(&tags)).await;
    }
    let describe = async |more: &[(&str, &str)]| {
        let body = ok(&world, ADMIN, &action("DescribeInstances", more)).await;
        body.matches("<instanceId>").count()
    };
    let filter = async |name: &str, value: &str| {
        describe(&[("Filter.1.Name", name), ("Filter.1.Value.1", value)]).await
    };
    assert_eq!(describe(&[]).await, 4);
    for (name, value, count) in [
        ("instance-state-name", "pending", 3),
        ("instance-state-code", "16", 1),
        ("instance-id", "I-0000000F", 1),
        ("image-id", MACHINE, 4),
        ("instance-type", "m1.*", 4),
        ("private-ip-address", "172.31.0.10", 1),
        ("ip-address", "127.31.0.10", 1),
        ("tag:n", "2", 1),
        ("tag-key", "n", 3),
        ("tag-value", "[12]", 0),
        ("owner-id", ADMIN, 4),
        ("availability-zone", "cluster01", 4),
        ("group-name", "default", 4),
        ("vpc-id", "*", 0),
        ("key-name", "*", 0),
        ("monitoring-state", "disabled", 4),
    ] {
        assert_eq!(filter(name, value).await, count, "{name} {value}");
    }
    let unknown = [("Filter.1.Name", "colour"), ("Filter.1.Value.1", "red")];
    refused(
        &world,
        ADMIN,
        &action("DescribeInstances", &unknown),
        400,
        "InvalidParameterValue",
    )
    .await;
    let others = ok(&world, USER, &action("DescribeInstances", &[])).await;
    assert!(!others.contains("<instanceId>"));
}

#[tokio::test]
async fn pages_have_every_instance_once() {
    let world = with_machine(Profile::Strict).await;
    for (name, value, code) in [
        ("MaxResults", "4", "InvalidParameterValue"),
        ("MaxResults", "1001", "InvalidParameterValue"),
        ("NextToken", "page-2", "InvalidParameterValue"),
    ] {
        refused(
            &world,
            ADMIN,
            &action("DescribeInstances", &[(name, value)]),
            400,
            code,
        )
        .await;
    }
    let both = action(
        "DescribeInstances",
        &[("MaxResults", "5"), ("InstanceId.1", INSTANCE)],
    );
    refused(&world, ADMIN, &both, 400, "InvalidParameterCombination").await;
    // Terminated instances are listed, too: nine in pages of five.
    let more = world.catalogue.change_instances(|state| {
        let like = state.instances[0].clone();
        let ended = (0..8).map(|number| NewInstance {
            instance: Instance {
                id: format!("i-1000000{number}"),
                state: InstanceState::Terminated,
                address: None,
                reservation: format!("r-1000000{number}"),
                ..like.clone()
            },
            user_data: None,
        });
        let change = InstanceChange {
            insert: ended.collect(),
            ..InstanceChange::default()
        };
        Ok::<_, CatalogueError>((change, ()))
    });
    more.await.unwrap();
    let mut seen = Vec::new();
    let mut token = None::<String>;
    loop {
        let mut parameters = action("DescribeInstances", &[("MaxResults", "5")]);
        parameters.extend(token.as_deref().map(|token| ("NextToken", token)));
        let body = ok(&world, ADMIN, &parameters).await;
        let pieces = body.split("<instanceId>").skip(1);
        seen.extend(pieces.map(|piece| piece[..10].to_owned()));
        token = body
            .contains("<nextToken>")
            .then(|| text(&body, "nextToken").to_owned());
        if token.is_none() {
            break;
        }
        assert!(seen.len() <= 9);
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 9);
}

#[tokio::test]
async fn status_console_and_what_cannot_be_done() {
    let world = with_machine(Profile::Strict).await;
    ok(&world, ADMIN, &run(&[])).await;
    let body = ok(&world, ADMIN, &action("DescribeInstanceStatus", &[])).await;
    assert_eq!(body.matches("<instanceId>").count(), 1);
    assert!(
        body.contains("<instanceStatus><status>ok</status><details>"),
        "{body}"
    );
    let all = action("DescribeInstanceStatus", &[("IncludeAllInstances", "true")]);
    let body = ok(&world, ADMIN, &all).await;
    assert_eq!(body.matches("<instanceId>").count(), 2);
    let of = |name, more: &[(&'static str, &'static str)]| {
        action(name, &[&[("InstanceId", INSTANCE)][..], more].concat())
    };
    let console = ok(&world, ADMIN, &of("GetConsoleOutput", &[])).await;
    assert_eq!(text(&console, "output"), "");
    assert_eq!(text(&console, "timestamp"), "2010-06-03T23:02:37.552Z");
    assert_eq!(
        text(
            &ok(&world, ADMIN, &of("RebootInstances", &[])).await,
            "return"
        ),
        "true"
    );
    for (name, more, code) in [
        ("StopInstances", &[][..], "UnsupportedOperation"),
        ("StartInstances", &[], "IncorrectInstanceState"),
        (
            "ModifyInstanceAttribute",
            &[("UserData.Value", "eA==")],
            "IncorrectInstanceState",
        ),
        (
            "ModifyInstanceAttribute",
            &[("SourceDestCheck.Value", "false")],
            "UnsupportedOperation",
        ),
        ("ModifyInstanceAttribute", &[], "MissingParameter"),
        (
            "ModifyInstanceAttribute",
            &[("Attribute", "colour"), ("Value", "red")],
            "InvalidParameterValue",
        ),
        (
            "ModifyInstanceAttribute",
            &[("DisableApiTermination.Value", "maybe")],
            "InvalidParameterValue",
        ),
        (
            "ModifyInstanceAttribute",
            &[
                ("DisableApiTermination.Value", "true"),
                ("InstanceInitiatedShutdownBehavior.Value", "stop"),
            ],
            "InvalidParameterCombination",
        ),
    ] {
        refused(&world, ADMIN, &of(name, more), 400, code).await;
    }
    let behaviour = [("InstanceInitiatedShutdownBehavior.Value", "terminate")];
    ok(&world, ADMIN, &of("ModifyInstanceAttribute", &behaviour)).await;
    // 2010 had no such calls.
    let old = with_machine(Profile::Euca20).await;
    let (status, body) = call(&old, ADMIN, &of("StopInstances", &[])).await;
    assert!(
        status == 400 && body.contains("is not valid for this web service"),
        "{body}"
    );
}

#[tokio::test]
async fn instances_are_tagged_as_images_are() {
    let world = with_machine(Profile::Strict).await;
    let on = |name: &'static str, more: &[(&'static str, &'static str)]| {
        let both = [("ResourceId.1", INSTANCE), ("ResourceId.2", MACHINE)];
        action(name, &[&both[..], more].concat())
    };
    let put = on(
        "CreateTags",
        &[("Tag.1.Key", "k"), ("Tag.1.Value", "v"), ("Tag.2.Key", "z")],
    );
    ok(&world, ADMIN, &put).await;
    let listed = ok(&world, ADMIN, &action("DescribeTags", &[])).await;
    assert_eq!(
        listed
            .matches("<resourceType>instance</resourceType>")
            .count(),
        2,
        "{listed}"
    );
    assert_eq!(
        listed.matches("<resourceType>image</resourceType>").count(),
        2
    );
    let only = [
        ("Filter.1.Name", "resource-type"),
        ("Filter.1.Value.1", "instance"),
    ];
    let listed = ok(&world, ADMIN, &action("DescribeTags", &only)).await;
    assert!(
        listed.contains(&format!("<resourceId>{INSTANCE}</resourceId>")),
        "{listed}"
    );
    assert!(!listed.contains(MACHINE));
    let shown = ok(&world, ADMIN, &action("DescribeInstances", &[])).await;
    assert!(
        shown.contains("<tagSet><item><key>k</key><value>v</value></item>"),
        "{shown}"
    );
    // With another value the tag is kept; one unknown id, and nothing changes.
    let other = on(
        "DeleteTags",
        &[
            ("Tag.1.Key", "k"),
            ("Tag.1.Value", "other"),
            ("Tag.2.Key", "z"),
        ],
    );
    ok(&world, ADMIN, &other).await;
    let listed = ok(&world, ADMIN, &action("DescribeTags", &[])).await;
    assert_eq!(
        (
            listed.matches("<key>k</key>").count(),
            listed.matches("<key>z</key>").count()
        ),
        (2, 0)
    );
    for (id, code) in [
        ("i-99999999", "InvalidInstanceID.NotFound"),
        ("emi-99999999", "InvalidAMIID.NotFound"),
    ] {
        let mut bad = on("CreateTags", &[("Tag.1.Key", "new")]);
        bad.push(("ResourceId.3", id));
        refused(&world, ADMIN, &bad, 400, code).await;
    }
    let listed = ok(&world, ADMIN, &action("DescribeTags", &[])).await;
    assert!(!listed.contains("<key>new</key>"), "{listed}");
    for number in 0..49 {
        let key = format!("key-{number}");
        let one = action(
            "CreateTags",
            &[("ResourceId.1", INSTANCE), ("Tag.1.Key", &key)],
        );
        ok(&world, ADMIN, &one).await;
    }
    let more = action(
        "CreateTags",
        &[("ResourceId.1", INSTANCE), ("Tag.1.Key", "last")],
    );
    refused(&world, ADMIN, &more, 400, "TagLimitExceeded").await;
}
