//! `DryRun`: whether a call would be done, and that it is not.

use gumnut_cloud_catalogue::{Image, KeyPair, ResourceTag, SecurityGroup};

use super::*;
use crate::action::Action;

/// A public key, as `ImportKeyPair` takes it.
const PUBLIC_KEY: &str = include_str!("../../../instances/fixtures/rsa.base64");

/// Parameters with which the administrator's call would be done.
fn good<'a>(action: Action, id: &'a str, location: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut parameters = vec![("Action", action.as_str()), ("Version", "2014-10-01")];
    parameters.extend(match action {
        Action::RegisterImage => vec![("ImageLocation", location), ("Name", "another")],
        Action::DeregisterImage => vec![("ImageId", id)],
        Action::DescribeImageAttribute | Action::ResetImageAttribute => {
            vec![("ImageId", id), ("Attribute", "launchPermission")]
        }
        Action::ModifyImageAttribute => {
            vec![("ImageId", id), ("LaunchPermission.Add.1.UserId", USER)]
        }
        Action::CreateTags | Action::DeleteTags => {
            vec![("ResourceId.1", id), ("Tag.1.Key", "stage")]
        }
        Action::CreateKeyPair => vec![("KeyName", "another")],
        Action::ImportKeyPair => {
            vec![("KeyName", "imported"), ("PublicKeyMaterial", PUBLIC_KEY)]
        }
        Action::DeleteKeyPair => vec![("KeyName", "mine")],
        Action::CreateSecurityGroup => {
            vec![("GroupName", "another"), ("GroupDescription", "new")]
        }
        Action::AuthorizeSecurityGroupIngress => vec![
            ("GroupName", "mine"),
            ("IpProtocol", "tcp"),
            ("FromPort", "80"),
            ("ToPort", "80"),
            ("CidrIp", "0.0.0.0/0"),
        ],
        Action::RevokeSecurityGroupIngress => vec![
            ("GroupName", "mine"),
            ("IpProtocol", "tcp"),
            ("FromPort", "22"),
            ("ToPort", "22"),
            ("CidrIp", "0.0.0.0/0"),
        ],
        Action::DeleteSecurityGroup => vec![("GroupName", "mine")],
        Action::DescribeImages
        | Action::DescribeTags
        | Action::DescribeRegions
        | Action::DescribeAvailabilityZones
        | Action::DescribeServiceCertificates
        | Action::DescribeKeyPairs
        | Action::DescribeSecurityGroups
        | Action::DescribeInstanceTypes
        | Action::DescribeInstances
        | Action::DescribeInstanceStatus => Vec::new(),
        Action::RunInstances => {
            vec![("ImageId", MACHINE), ("MinCount", "1"), ("MaxCount", "1")]
        }
        Action::DescribeInstanceAttribute => {
            vec![("InstanceId", INSTANCE), ("Attribute", "instanceType")]
        }
        Action::ModifyInstanceAttribute => vec![
            ("InstanceId", INSTANCE),
            ("DisableApiTermination.Value", "false"),
        ],
        Action::GetConsoleOutput
        | Action::RebootInstances
        | Action::StartInstances
        | Action::StopInstances
        | Action::TerminateInstances => vec![("InstanceId.1", INSTANCE)],
    });
    parameters
}

/// Calls that are refused for every instance here, as they have no volumes.
const NEVER_DONE: [(Action, &str); 2] = [
    (Action::StopInstances, "UnsupportedOperation"),
    (Action::StartInstances, "IncorrectInstanceState"),
];

/// Calls that are done.
fn done() -> impl Iterator<Item = Action> {
    let is_done = |action: &Action| NEVER_DONE.iter().all(|(never, _)| never != action);
    Action::ALL.into_iter().filter(is_done)
}

/// All that a call could change.
async fn state(
    world: &Fixture,
) -> (
    Vec<Image>,
    Vec<ResourceTag>,
    Vec<KeyPair>,
    Vec<SecurityGroup>,
    Vec<Instance>,
) {
    let images = world.catalogue.images(Some(ADMIN)).await.unwrap();
    let key_pairs = world.catalogue.key_pairs(&ADMIN.parse().unwrap()).await;
    let tags = world.catalogue.tags(ADMIN).await.unwrap();
    let groups = world.catalogue.groups(&ADMIN.parse().unwrap()).await;
    let instances = world.catalogue.instances(Some(ADMIN)).await.unwrap();
    (
        images,
        tags,
        key_pairs.unwrap().key_pairs,
        groups.unwrap().groups,
        instances,
    )
}

#[tokio::test]
async fn every_call_can_be_tried_and_nothing_changes() {
    for profile in [Profile::Strict, Profile::Euca44] {
        let mut world = world_of(profile).await;
        let id = registered(&mut world, "kernel-1").await;
        let location = world.put("kernel-2", &Bundle::kernel());
        world.images().await;
        let tag = good(Action::CreateTags, &id, &location);
        ok(&world, ADMIN, &tag).await;
        let mine = [
            ("Action", "CreateKeyPair"),
            ("Version", "2014-10-01"),
            ("KeyName", "mine"),
        ];
        ok(&world, ADMIN, &mine).await;
        let mine = [
            ("Action", "CreateSecurityGroup"),
            ("Version", "2014-10-01"),
            ("GroupName", "mine"),
            ("GroupDescription", "a group"),
        ];
        ok(&world, ADMIN, &mine).await;
        let mut open = good(Action::RevokeSecurityGroupIngress, &id, &location);
        open[0].1 = "AuthorizeSecurityGroupIngress";
        ok(&world, ADMIN, &open).await;
        with_instance(&world, &id).await;
        let before = state(&world).await;
        for action in done() {
            let with = |value| {
                let mut parameters = good(action, &id, &location);
                parameters.push(("DryRun", value));
                parameters
            };
            for value in ["true", "True", "1"] {
                refused(&world, ADMIN, &with(value), 412, "DryRunOperation").await;
            }
            for value in ["", "yes", "2"] {
                refused(&world, ADMIN, &with(value), 400, "InvalidParameterValue").await;
            }
            assert_eq!(state(&world).await, before, "{action:?}");
        }
        for action in done() {
            let mut parameters = good(action, &id, &location);
            parameters.push(("DryRun", "false"));
            ok(&world, ADMIN, &parameters).await;
        }
        assert_ne!(state(&world).await, before);
        for (action, code) in NEVER_DONE {
            let mut parameters = good(action, &id, &location);
            parameters.push(("DryRun", "true"));
            refused(&world, ADMIN, &parameters, 400, code).await;
        }
    }
}

#[tokio::test]
async fn what_would_be_refused_is_refused() {
    let mut world = world().await;
    let private = registered(&mut world, "kernel-1").await;
    let public = registered(&mut world, "kernel-2").await;
    world.put_in("bucket", "disk", &Bundle::machine(None, None));
    world.images().await;
    let open = [
        ("Action", "ModifyImageAttribute"),
        ("ImageId", public.as_str()),
        ("LaunchPermission.Add.1.Group", "all"),
    ];
    ok(&world, ADMIN, &open).await;
    let dry = |action, id| {
        let mut parameters = good(action, id, "bucket/vmlinuz.manifest.xml");
        parameters.push(("DryRun", "true"));
        parameters
    };
    let before = state(&world).await;
    for action in [
        Action::DeregisterImage,
        Action::ModifyImageAttribute,
        Action::ResetImageAttribute,
        Action::DescribeImageAttribute,
    ] {
        let others = dry(action, &public);
        refused(&world, USER, &others, 403, "UnauthorizedOperation").await;
        let hidden = dry(action, &private);
        refused(&world, USER, &hidden, 400, "InvalidAMIID.NotFound").await;
        let absent = dry(action, "emi-00000000");
        refused(&world, ADMIN, &absent, 400, "InvalidAMIID.NotFound").await;
    }
    let kernel = dry(Action::RegisterImage, "");
    refused(&world, USER, &kernel, 403, "UnauthorizedOperation").await;
    // No manifest is read.
    refused(&world, ADMIN, &kernel, 412, "DryRunOperation").await;
    let with = |name, value| {
        let mut parameters = dry(Action::RegisterImage, "");
        parameters[2].1 = "bucket/disk.manifest.xml";
        parameters.push((name, value));
        parameters
    };
    for (name, value, status, code) in [
        ("KernelId", public.as_str(), 412, "DryRunOperation"),
        ("KernelId", private.as_str(), 400, "InvalidAMIID.NotFound"),
        ("RamdiskId", public.as_str(), 400, "InvalidAMIID.NotFound"),
        ("KernelId", "eki-00000000", 400, "InvalidAMIID.NotFound"),
        ("KernelId", "vmlinuz", 400, "InvalidParameterValue"),
        ("Architecture", "pdp11", 400, "InvalidParameterValue"),
    ] {
        refused(&world, USER, &with(name, value), status, code).await;
    }
    // Without a manifest, the request must name both.
    for (profile, kernel) in [
        (Profile::Strict, None),
        (Profile::Strict, Some(public.as_str())),
        (Profile::Euca44, None),
    ] {
        world.set_rules(ImageRules::of(profile));
        let mut parameters = with("Name", "an-image");
        parameters[2].1 = "bucket/absent.manifest.xml";
        parameters.extend(kernel.map(|kernel| ("KernelId", kernel)));
        refused(&world, USER, &parameters, 400, "MissingParameter").await;
        parameters.push(("VirtualizationType", "hvm"));
        refused(&world, USER, &parameters, 412, "DryRunOperation").await;
    }
    assert_eq!(state(&world).await, before);
}

#[tokio::test]
async fn clouds_from_before_dry_runs_refuse_the_parameter() {
    for profile in [Profile::Euca16, Profile::Euca20] {
        let mut world = world_of(profile).await;
        let location = world.put_in("bucket", "vmlinuz", &Bundle::kernel());
        world.images().await;
        let register = [("Action", "RegisterImage"), ("ImageLocation", &location)];
        let id = ok(&world, ADMIN, &register).await;
        let before = state(&world).await;
        for action in Action::ALL {
            let mut parameters = good(action, text(&id, "imageId"), &location);
            parameters.push(("DryRun", "true"));
            let (status, body) = call(&world, ADMIN, &parameters).await;
            assert_eq!(status, 400, "{action:?}");
            let reason = if action.is_of(profile) {
                "is not recognized"
            } else {
                "is not valid for this web service"
            };
            assert!(body.contains(reason), "{body}");
        }
        assert_eq!(state(&world).await, before);
    }
}
