//! What the profiles answer differently.

use gumnut_cloud_catalogue::ImageState;

use super::*;

const LEGACY: [Profile; 2] = [Profile::Euca16, Profile::Euca20];
const ALL: [Profile; 4] = Profile::ALL;

/// Registers a kernel of the administrator and gives its id.
async fn kernel(world: &mut Fixture) -> String {
    let location = world.put_in("bucket", "vmlinuz", &Bundle::kernel());
    world.images().await;
    let mut parameters = vec![
        ("Action", "RegisterImage"),
        ("Version", "2010-08-31"),
        ("ImageLocation", &location),
    ];
    if !world.images_as_they_are().rules().profile.is_legacy() {
        parameters.push(("Name", "a-kernel"));
    }
    text(&ok(world, ADMIN, &parameters).await, "imageId").to_owned()
}

fn with_version<'a>(parameters: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut all = parameters.to_vec();
    all.push(("Version", "2010-08-31"));
    all
}

#[tokio::test]
async fn owners_are_names_or_numbers() {
    for (profile, owner, alias, public) in [
        (Profile::Euca16, "admin", "admin", "true"),
        (Profile::Euca20, "admin", "admin", "true"),
        (Profile::Euca44, ADMIN, ADMIN, "false"),
        (Profile::Strict, ADMIN, ADMIN, "false"),
    ] {
        let mut world = world_of(profile).await;
        kernel(&mut world).await;
        let body = ok(
            &world,
            ADMIN,
            &with_version(&[("Action", "DescribeImages")]),
        )
        .await;
        assert_eq!(text(&body, "imageOwnerId"), owner, "{profile}");
        assert_eq!(text(&body, "imageOwnerAlias"), alias, "{profile}");
        assert_eq!(text(&body, "isPublic"), public, "{profile}");
    }
}

#[tokio::test]
async fn old_versions_have_fewer_fields() {
    let fields = [
        "imageOwnerAlias",
        "rootDeviceType",
        "rootDeviceName",
        "blockDeviceMapping",
    ];
    let newest = ["virtualizationType", "tagSet", "creationDate"];
    for profile in ALL {
        let mut world = world_of(profile).await;
        kernel(&mut world).await;
        let describe = [("Action", "DescribeImages"), ("Version", "2008-12-01")];
        let old = ok(&world, ADMIN, &describe).await;
        let new = ok(&world, ADMIN, &with_version(&describe[..1])).await;
        for field in fields.iter().filter(|field| **field != "rootDeviceName") {
            let tag = format!("<{field}>");
            assert!(
                !old.contains(&tag) && new.contains(&tag),
                "{profile} {field}"
            );
        }
        for field in newest {
            let tag = format!("<{field}>");
            assert_eq!(
                new.contains(&tag),
                !profile.is_legacy(),
                "{profile} {field}"
            );
            assert!(!old.contains(&tag), "{profile} {field}");
        }
        for never in ["<stateReason>", "<hypervisor>"] {
            assert!(!new.contains(never));
        }
    }
}

#[tokio::test]
async fn errors_have_the_form_of_the_profile() {
    for profile in ALL {
        let world = world_of(profile).await;
        let call_ = [("Action", "RegisterImage"), ("ImageLocation", "x<&>")];
        let (status, body) = call(&world, ADMIN, &with_version(&call_)).await;
        let expected = match profile {
            Profile::Strict => (
                400,
                "<Code>InvalidManifest</Code><Message>Invalid image location: x&lt;&amp;&gt;</Message>",
            ),
            Profile::Euca44 => (
                400,
                "<Code>InvalidAMIName.Malformed</Code><Message>AMI names must be",
            ),
            Profile::Euca16 | Profile::Euca20 => (
                400,
                "<Code>ImageManager</Code><Message>\nImage registration failed:  Invalid image location.</Message>",
            ),
        };
        assert_eq!(status, expected.0);
        assert!(body.contains(expected.1), "{body}");
        assert!(
            body.contains("<RequestID>REQ</RequestID></Response>"),
            "{body}"
        );
    }
}

#[tokio::test]
async fn authentication_failures_have_the_form_of_the_profile() {
    for profile in ALL {
        let rules = ImageRules::of(profile);
        let failure = QueryAuthError::UnknownKey("AK".to_owned());
        let response = crate::errors::of_auth(&rules, &failure, "REQ");
        assert_eq!(response.status(), 403);
        let content_type = response.headers()[http::header::CONTENT_TYPE].clone();
        let body = response.into_body();
        let message = "The AWS Access Key Id you provided does not exist in our records.";
        if profile == Profile::Strict {
            assert_eq!(content_type, "text/xml;charset=UTF-8");
            assert!(body.contains("<Code>AuthFailure</Code>"), "{body}");
            continue;
        }
        assert_eq!(content_type, "text/plain");
        if profile == Profile::Euca44 {
            let code = format!("<Code>403 Forbidden</Code><Message>{message}</Message>");
            assert!(body.contains(&code), "{body}");
        } else {
            assert_eq!(body, format!("Failure: 403 Forbidden\r\n{message}"));
        }
    }
}

#[tokio::test]
async fn unknown_parameters_are_refused_by_real_clouds() {
    for profile in ALL {
        let world = world_of(profile).await;
        let describe = [("Action", "DescribeImages"), ("Colour", "red")];
        let (status, body) = call(&world, ADMIN, &with_version(&describe)).await;
        let refused = status == 400 && body.contains("The parameter Colour is not recognized");
        assert_eq!(refused, profile != Profile::Strict, "{profile} {body}");
    }
}

#[tokio::test]
async fn the_version_is_needed_in_4_4() {
    for profile in ALL {
        let world = world_of(profile).await;
        let (status, body) = call(&world, ADMIN, &[("Action", "DescribeImages")]).await;
        let missing = status == 400 && body.contains("parameter Version");
        assert_eq!(missing, profile == Profile::Euca44, "{profile} {body}");
    }
}

#[tokio::test]
async fn the_version_in_4_4_need_not_be_a_date() {
    let world = world_of(Profile::Euca44).await;
    // So does euca2ools 3.4 ask for the certificate of the cloud.
    let certificates = [
        ("Action", "DescribeServiceCertificates"),
        ("Version", "eucalyptus"),
    ];
    let body = ok(&world, USER, &certificates).await;
    assert!(
        body.contains("http://ec2.amazonaws.com/doc/2014-10-01/"),
        "{body}"
    );
    assert_eq!(text(&body, "certificateUsage"), "image-bundling");
}

#[tokio::test]
async fn deregistering_in_old_clouds_says_only_whether_it_was_done() {
    for profile in LEGACY {
        let mut world = world_of(profile).await;
        let id = kernel(&mut world).await;
        let deregister = |id: &'static str| [("Action", "DeregisterImage"), ("ImageId", id)];
        for id in ["eki-00000000", "nonsense"] {
            let body = ok(&world, ADMIN, &deregister(id)).await;
            assert_eq!(text(&body, "return"), "false");
        }
        let own = [("Action", "DeregisterImage"), ("ImageId", id.as_str())];
        assert_eq!(text(&ok(&world, USER, &own).await, "return"), "false");
        assert_eq!(text(&ok(&world, ADMIN, &own).await, "return"), "true");
        assert_eq!(text(&ok(&world, ADMIN, &own).await, "return"), "false");
        assert_eq!(world.image(&id).await.state, ImageState::Deregistered);
        // A look changes nothing and shows it no more; the row goes with the next image that is registered.
        let verbose = [("Action", "DescribeImages"), ("ImageId.1", "verbose")];
        assert!(!ok(&world, ADMIN, &verbose).await.contains(&id));
        let other = kernel(&mut world).await;
        let left = world.catalogue.images(None).await.unwrap();
        let ids: Vec<_> = left.into_iter().map(|image| image.id).collect();
        assert_eq!(ids, [other]);
    }
}

#[tokio::test]
async fn deregistering_in_4_4_has_generic_errors() {
    let mut world = world_of(Profile::Euca44).await;
    let id = kernel(&mut world).await;
    let deregister = |id| with_version(&[("Action", "DeregisterImage"), ("ImageId", id)]);
    let hidden = deregister(&id);
    refused(&world, USER, &hidden, 400, "InvalidAMIID.NotFound").await;
    let public = [
        ("Action", "ModifyImageAttribute"),
        ("ImageId", id.as_str()),
        ("LaunchPermission.Add.1.Group", "all"),
    ];
    ok(&world, ADMIN, &with_version(&public)).await;
    let (status, body) = call(&world, USER, &deregister(&id)).await;
    assert_eq!(status, 500);
    assert!(
        body.contains("Not authorized to deregister image"),
        "{body}"
    );
    let (status, body) = call(&world, ADMIN, &deregister("emi-xyz")).await;
    assert_eq!(status, 500);
    assert!(body.contains("Invalid id: "), "{body}");
    let unknown = deregister("emi-00000000");
    refused(&world, ADMIN, &unknown, 400, "InvalidAMIID.NotFound").await;
    ok(&world, ADMIN, &deregister(&id)).await;
    ok(&world, ADMIN, &deregister(&id)).await;
    let gone = deregister(&id);
    refused(&world, ADMIN, &gone, 400, "InvalidAMIID.NotFound").await;
}

#[tokio::test]
async fn selecting_in_old_clouds() {
    for profile in LEGACY {
        let mut world = world_of(profile).await;
        let id = kernel(&mut world).await;
        let seen = async |account, selector: &[(&str, &str)]| {
            let mut parameters = vec![("Action", "DescribeImages")];
            parameters.extend(selector);
            ok(&world, account, &parameters).await.contains(&id)
        };
        assert!(seen(USER, &[]).await, "public");
        assert!(seen(USER, &[("ImageId.1", &id.to_ascii_lowercase())]).await);
        assert!(!seen(USER, &[("ImageId.1", "eki-00000000")]).await);
        assert!(!seen(USER, &[("ImageId.1", "nonsense")]).await);
        assert!(seen(USER, &[("Owner.1", "admin")]).await);
        assert!(!seen(USER, &[("Owner.1", "bob")]).await);
        assert!(seen(ADMIN, &[("Owner.1", "self")]).await);
        // What the tools of 1.2 send without options, and with `-a`.
        let plain = [("Owner.1", "self"), ("ExecutableBy.1", "self")];
        assert!(seen(USER, &plain).await && seen(ADMIN, &plain).await);
        let all = [plain[0], plain[1], ("ExecutableBy.2", "all")];
        assert!(seen(USER, &all).await);
        let group = seen(USER, &[("ExecutableBy.1", "all")]).await;
        assert_eq!(group, profile == Profile::Euca16);
        assert!(seen(ADMIN, &[("ExecutableBy.1", "bob")]).await, "own");
        assert!(!seen(USER, &[("ExecutableBy.1", "admin")]).await);
    }
}

#[tokio::test]
async fn permissions_in_old_clouds_are_of_users_and_anybody_may_read_them() {
    for profile in LEGACY {
        let mut world = world_of(profile).await;
        let id = kernel(&mut world).await;
        let modify = |operation, name, value| {
            [
                ("Action", "ModifyImageAttribute"),
                ("ImageId", id.as_str()),
                ("Attribute", "launchPermission"),
                ("OperationType", operation),
                (name, value),
            ]
        };
        let describe = [
            ("Action", "DescribeImageAttribute"),
            ("ImageId", id.as_str()),
            ("Attribute", "launchPermission"),
        ];
        let all = "<launchPermission><item><group>all</group></item></launchPermission>";
        assert!(ok(&world, USER, &describe).await.contains(all));
        ok(&world, ADMIN, &modify("remove", "UserGroup.1", "all")).await;
        let hidden = ok(&world, USER, &[("Action", "DescribeImages")]).await;
        assert!(!hidden.contains(&id));
        ok(&world, ADMIN, &modify("add", "UserId.1", "bob")).await;
        let bob = "<launchPermission><item><userId>bob</userId></item></launchPermission>";
        assert!(ok(&world, USER, &describe).await.contains(bob));
        let absent = ok(&world, ADMIN, &modify("remove", "UserId.1", "eve")).await;
        let done = text(&absent, "return");
        assert_eq!(
            done,
            if profile == Profile::Euca16 {
                "false"
            } else {
                "true"
            }
        );
        let mut reset = describe;
        reset[0].1 = "ResetImageAttribute";
        ok(&world, ADMIN, &reset).await;
        let both = "<item><group>all</group></item><item><userId>admin</userId></item>";
        assert!(ok(&world, USER, &describe).await.contains(both));
    }
}
