//! Calls, from parameters to the text of the answer.

mod describe;
mod dry_run;
mod groups;
mod instances;
mod key_pairs;
mod others;
mod profiles;
mod types;

use std::net::Ipv4Addr;
use std::sync::Arc;

use ::time::OffsetDateTime;
use gumnut_cloud_accounts::QueryAuthError;
use gumnut_cloud_catalogue::{
    Catalogue, CatalogueError, Clock, Image, ImageChange, ImageRef, ImageRules, Instance,
    InstanceChange, InstanceState, NewInstance, Profile,
};
use gumnut_cloud_images::fixture::{ADMIN, Bundle, Fixture, NOW, USER};
use gumnut_cloud_instances::{
    AccountLookup, FakeHypervisor, FakeProvisioner, Groups, Host, Instances, KeyPairs, Quota,
};
use gumnut_cloud_sqlite::SqliteCatalogue;
use gumnut_crypto::Certificate;
use gumnut_signing::SignatureError;
use gumnut_types::ImageClass;

use crate::calls::{Ec2Request, answer};
use crate::context::Context;
use crate::regions::ZONE;
use crate::services::Services;

async fn world() -> Fixture {
    world_of(Profile::Strict).await
}

async fn world_of(profile: Profile) -> Fixture {
    world_with(ImageRules::of(profile)).await
}

async fn world_with(rules: ImageRules) -> Fixture {
    let clock = Clock::fixed(time(NOW));
    let database = SqliteCatalogue::in_memory(clock.clone()).unwrap();
    Fixture::new(Catalogue::new(database), clock, rules).await
}

fn time(millis: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).unwrap()
}

fn services(world: &Fixture) -> Services {
    let images = world.images_as_they_are();
    let profile = images.rules().profile;
    let key_pairs = KeyPairs::new(world.catalogue.clone(), profile);
    let host = Host {
        hypervisor: Arc::new(FakeHypervisor::default()),
        provisioner: Arc::new(FakeProvisioner::default()),
        quota: Quota {
            instances: 4,
            memory: u64::MAX,
            processors: 100,
            disk: u64::MAX,
        },
        network: Ipv4Addr::new(172, 31, 0, 0),
    };
    let groups = Groups::new(world.catalogue.clone(), profile);
    let lookup = Arc::new(AccountLookup::new(key_pairs.clone(), groups.clone()));
    let catalogue = world.catalogue.clone();
    Services {
        images,
        key_pairs,
        groups,
        instances: Instances::new(catalogue, profile, ZONE, lookup, Some(host)),
    }
}

/// Status and text of the answer to a call.
async fn call(world: &Fixture, account: &str, parameters: &[(&str, &str)]) -> (u16, String) {
    call_at(world, NOW, account, parameters).await
}

async fn call_at(
    world: &Fixture,
    now: i64,
    account: &str,
    parameters: &[(&str, &str)],
) -> (u16, String) {
    world.clock.set(time(now));
    let context = Context {
        services: &services(world),
        endpoint: "http://127.0.0.1:8773",
        region: "eucalyptus",
    };
    let parameters = parameters
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let request = Ec2Request {
        parameters: parameters.collect(),
        caller: Ok(world.caller(account).await),
        request_id: "REQ".to_owned(),
    };
    let response = answer(&context, request).await;
    (response.status().as_u16(), response.into_body())
}

async fn ok(world: &Fixture, account: &str, parameters: &[(&str, &str)]) -> String {
    let (status, body) = call(world, account, parameters).await;
    assert_eq!(status, 200, "{body}");
    body
}

async fn refused(
    world: &Fixture,
    account: &str,
    parameters: &[(&str, &str)],
    status: u16,
    code: &str,
) {
    let (found, body) = call(world, account, parameters).await;
    assert_eq!(found, status, "{body}");
    let error = format!("<Response><Errors><Error><Code>{code}</Code><Message>");
    assert!(
        body.contains(&error) && body.contains("<RequestID>REQ</RequestID>"),
        "{body}"
    );
}

fn text<'a>(body: &'a str, element: &str) -> &'a str {
    let start = body.find(&format!("<{element}>")).unwrap() + element.len() + 2;
    &body[start..start + body[start..].find('<').unwrap()]
}

/// A machine image of the administrator, and its instance that runs.
const MACHINE: &str = "emi-0000000f";
const INSTANCE: &str = "i-0000000f";

/// Adds [`MACHINE`], like the image with this id, and [`INSTANCE`].
async fn with_instance(world: &Fixture, like: &str) {
    let machine = Image {
        id: MACHINE.to_owned(),
        class: ImageClass::Machine,
        name: None,
        kernel: None,
        ramdisk: None,
        architecture: "x86_64".to_owned(),
        root_device: Some("/dev/sda1".to_owned()),
        ..world.image(like).await
    };
    let insert = ImageChange {
        insert: Some(Box::new(machine)),
        ..ImageChange::default()
    };
    let added = world
        .catalogue
        .change_images(ImageRef::default(), move |_| {
            Ok::<_, CatalogueError>((insert.clone(), ()))
        });
    added.await.unwrap();
    let parameters = [
        ("Action", "RunInstances"),
        ("Version", "2014-10-01"),
        ("ImageId", MACHINE),
        ("MinCount", "1"),
        ("MaxCount", "1"),
    ];
    ok(world, ADMIN, &parameters).await;
    let taken = world.catalogue.change_instances(|state| {
        let launched = state.instances[0].clone();
        let running = Instance {
            id: INSTANCE.to_owned(),
            state: InstanceState::Running,
            ..launched.clone()
        };
        let change = InstanceChange {
            remove: vec![launched.id],
            insert: vec![NewInstance {
                instance: running,
                user_data: None,
            }],
            ..InstanceChange::default()
        };
        Ok::<_, CatalogueError>((change, ()))
    });
    taken.await.unwrap();
}

/// Registers a kernel with a name and gives its id.
async fn registered(world: &mut Fixture, name: &str) -> String {
    let location = world.put(name, &Bundle::kernel());
    world.images().await;
    let parameters = [
        ("Action", "RegisterImage"),
        ("ImageLocation", &location),
        ("Name", name),
        ("Version", "2014-10-01"),
    ];
    text(&ok(world, ADMIN, &parameters).await, "imageId").to_owned()
}

#[tokio::test]
async fn the_version_is_echoed_with_its_slash() {
    let world = world().await;
    for (version, echoed) in [
        ("2010-08-31", "2010-08-31"),
        ("x'><evil", "2014-10-01"),
        ("", "2014-10-01"),
    ] {
        let body = ok(
            &world,
            ADMIN,
            &[("Action", "DescribeImages"), ("Version", version)],
        )
        .await;
        let root =
            format!("<DescribeImagesResponse xmlns=\"http://ec2.amazonaws.com/doc/{echoed}/\">");
        assert!(body.contains(&root), "{body}");
    }
}

#[tokio::test]
async fn a_registered_image_is_described_in_the_order_of_the_api() {
    let mut world = world().await;
    let id = registered(&mut world, "kernel-1").await;
    let body = ok(
        &world,
        ADMIN,
        &[
            ("Action", "DescribeImages"),
            ("ImageId.1", &id.to_ascii_uppercase()),
        ],
    )
    .await;
    let order = [
        "imageId",
        "imageLocation",
        "imageState",
        "imageOwnerId",
        "isPublic",
        "productCodes",
        "architecture",
        "imageType",
        "imageOwnerAlias",
        "name",
        "rootDeviceType",
        "virtualizationType",
        "creationDate",
    ];
    let positions: Vec<_> = order
        .iter()
        .map(|name| body.find(&format!("<{name}>")).unwrap())
        .collect();
    assert!(positions.is_sorted(), "{body}");
    assert_eq!(text(&body, "imageId"), id);
    assert_eq!(
        text(&body, "imageLocation"),
        "bucket/folder/kernel-1.manifest.xml"
    );
    assert_eq!(text(&body, "imageType"), "kernel");
    assert_eq!(text(&body, "creationDate"), "2010-06-03T23:02:37.552Z");
    assert!(
        !body.contains("kernelId") && !body.contains("description"),
        "{body}"
    );
}

#[tokio::test]
async fn others_see_what_they_may_run() {
    let mut world = world().await;
    let id = registered(&mut world, "kernel-1").await;
    let describe = [("Action", "DescribeImages")];
    let seen = async |world: &Fixture| ok(world, USER, &describe).await.contains(&id);
    assert!(!seen(&world).await);
    refused(
        &world,
        USER,
        &[describe[0], ("ImageId.1", &id)],
        400,
        "InvalidAMIID.NotFound",
    )
    .await;
    let grant = |operation| {
        [
            ("Action", "ModifyImageAttribute"),
            ("ImageId", id.as_str()),
            ("Attribute", "launchPermission"),
            ("OperationType", operation),
            ("UserId.1", USER),
        ]
    };
    ok(&world, ADMIN, &grant("add")).await;
    assert!(seen(&world).await);
    let attribute = [
        ("Action", "DescribeImageAttribute"),
        ("ImageId", &id),
        ("Attribute", "launchPermission"),
    ];
    assert!(
        ok(&world, ADMIN, &attribute)
            .await
            .contains(&format!("<item><userId>{USER}</userId></item>"))
    );
    refused(&world, USER, &attribute, 400, "AuthFailure").await;
    ok(&world, ADMIN, &grant("remove")).await;
    assert!(!seen(&world).await);
    let public = [
        ("Action", "ModifyImageAttribute"),
        ("ImageId", &id),
        ("LaunchPermission.Add.1.Group", "all"),
    ];
    ok(&world, ADMIN, &public).await;
    let body = ok(&world, USER, &[describe[0], ("ExecutableBy.1", "all")]).await;
    assert_eq!(text(&body, "isPublic"), "true");
    let reset = [
        ("Action", "ResetImageAttribute"),
        ("ImageId", &id),
        ("Attribute", "launchPermission"),
    ];
    refused(&world, USER, &reset, 400, "AuthFailure").await;
    ok(&world, ADMIN, &reset).await;
    assert!(!seen(&world).await);
}

#[tokio::test]
async fn filters_select() {
    let mut world = world().await;
    let one = registered(&mut world, "kernel-1").await;
    let two = registered(&mut world, "kernel-2").await;
    for (name, value, expected) in [
        ("name", "kernel-?", vec![&one, &two]),
        ("name", "*-1", vec![&one]),
        ("image-type", "kernel", vec![&one, &two]),
        ("image-type", "machine", vec![]),
        ("owner-id", ADMIN, vec![&one, &two]),
        ("is-public", "false", vec![&one, &two]),
        ("image-id", two.as_str(), vec![&two]),
        ("manifest-location", "bucket/*/kernel-2*", vec![&two]),
        ("architecture", "x86_64", vec![&one, &two]),
        ("state", "available", vec![&one, &two]),
        ("hypervisor", "xen", vec![]),
        ("tag:any", "*", vec![]),
    ] {
        let parameters = [
            ("Action", "DescribeImages"),
            ("Filter.1.Name", name),
            ("Filter.1.Value.1", value),
        ];
        let body = ok(&world, ADMIN, &parameters).await;
        for id in [&one, &two] {
            assert_eq!(
                body.contains(id.as_str()),
                expected.contains(&id),
                "{name}={value}: {body}"
            );
        }
    }
    let unknown = [
        ("Action", "DescribeImages"),
        ("Filter.1.Name", "colour"),
        ("Filter.1.Value.1", "red"),
    ];
    refused(&world, ADMIN, &unknown, 400, "InvalidParameterValue").await;
    let owners = [("Action", "DescribeImages"), ("Owner.1", "self")];
    assert!(ok(&world, ADMIN, &owners).await.contains(&one));
    assert!(!ok(&world, USER, &owners).await.contains(&one));
}

#[tokio::test]
async fn deregistering_takes_two_steps() {
    let mut world = world().await;
    let id = registered(&mut world, "kernel-1").await;
    let deregister = [("Action", "DeregisterImage"), ("ImageId", id.as_str())];
    // A private image of another account is not there; a public one is, and is kept.
    refused(&world, USER, &deregister, 400, "InvalidAMIID.NotFound").await;
    let public = [
        ("Action", "ModifyImageAttribute"),
        ("ImageId", id.as_str()),
        ("LaunchPermission.Add.1.Group", "all"),
    ];
    ok(&world, ADMIN, &public).await;
    refused(&world, USER, &deregister, 400, "AuthFailure").await;
    let body = ok(&world, ADMIN, &deregister).await;
    assert_eq!(text(&body, "return"), "true");
    let hidden = ok(&world, ADMIN, &[("Action", "DescribeImages")]).await;
    assert!(!hidden.contains(&id));
    let verbose = ok(
        &world,
        ADMIN,
        &[("Action", "DescribeImages"), ("ImageId.1", "verbose")],
    )
    .await;
    assert_eq!(text(&verbose, "imageState"), "deregistered");
    ok(&world, ADMIN, &deregister).await;
    refused(&world, ADMIN, &deregister, 400, "InvalidAMIID.NotFound").await;
    let malformed = [("Action", "DeregisterImage"), ("ImageId", "emi-xyz")];
    refused(&world, ADMIN, &malformed, 400, "InvalidAMIID.Malformed").await;
    refused(
        &world,
        ADMIN,
        &[("Action", "DeregisterImage")],
        400,
        "MissingParameter",
    )
    .await;
}

#[tokio::test]
async fn texts_are_escaped_and_kept() {
    let mut world = world().await;
    let id = registered(&mut world, "kernel-1").await;
    let evil = "<&\"'>\u{1b}[2J é";
    let modify = [
        ("Action", "ModifyImageAttribute"),
        ("ImageId", &id),
        ("Description.Value", evil),
    ];
    ok(&world, ADMIN, &modify).await;
    let describe = [
        ("Action", "DescribeImageAttribute"),
        ("ImageId", &id),
        ("Attribute", "description"),
    ];
    let body = ok(&world, ADMIN, &describe).await;
    assert!(
        body.contains("<description><value>&lt;&amp;&quot;&apos;&gt;[2J é</value></description>"),
        "{body}"
    );
    let codes = [
        ("Action", "ModifyImageAttribute"),
        ("ImageId", &id),
        ("ProductCode.1", "A"),
        ("ProductCode.2", "A"),
    ];
    ok(&world, ADMIN, &codes).await;
    let describe = [
        ("Action", "DescribeImageAttribute"),
        ("ImageId", &id),
        ("Attribute", "productCodes"),
    ];
    assert_eq!(
        ok(&world, ADMIN, &describe)
            .await
            .matches("<productCode>")
            .count(),
        1
    );
}

#[tokio::test]
async fn what_is_no_call_is_refused() {
    let world = world().await;
    for action in ["AllocateAddress", "BundleInstance", ""] {
        refused(&world, ADMIN, &[("Action", action)], 400, "InvalidAction").await;
    }
    let bad = [
        ("Action", "ModifyImageAttribute"),
        ("ImageId", "eki-00000000"),
        ("Attribute", "launchPermission"),
        ("OperationType", "add"),
        ("UserId.1", "root"),
    ];
    refused(&world, ADMIN, &bad, 400, "InvalidParameterValue").await;
}

#[tokio::test]
async fn signatures_that_are_not_accepted_have_codes() {
    let world = world().await;
    let context = Context {
        services: &services(&world),
        endpoint: "http://127.0.0.1:8773",
        region: "eucalyptus",
    };
    for (failure, status, code) in [
        (QueryAuthError::Anonymous, 403, "AuthFailure"),
        (
            QueryAuthError::UnknownKey("AK".to_owned()),
            403,
            "AuthFailure",
        ),
        (
            QueryAuthError::Signature(SignatureError::Skewed),
            400,
            "RequestExpired",
        ),
        (
            QueryAuthError::Signature(SignatureError::Repeated("Action".to_owned())),
            400,
            "MalformedQueryString",
        ),
    ] {
        let request = Ec2Request {
            parameters: Vec::new(),
            caller: Err(failure),
            request_id: "REQ".to_owned(),
        };
        let response = answer(&context, request).await;
        assert_eq!(response.status().as_u16(), status);
        assert!(
            response.body().contains(&format!("<Code>{code}</Code>")),
            "{}",
            response.body()
        );
    }
}
