//! Calls that are not about images.

use super::*;

#[tokio::test]
async fn there_is_one_region_and_one_zone() {
    let world = world().await;
    let body = ok(&world, USER, &[("Action", "DescribeRegions")]).await;
    assert_eq!(text(&body, "regionName"), "eucalyptus");
    assert_eq!(
        text(&body, "regionEndpoint"),
        "http://127.0.0.1:8773/services/compute"
    );
    let body = ok(&world, USER, &[("Action", "DescribeAvailabilityZones")]).await;
    assert_eq!(text(&body, "zoneState"), "available");
    let elsewhere = [("Action", "DescribeRegions"), ("RegionName.1", "mars")];
    refused(&world, USER, &elsewhere, 400, "InvalidParameterValue").await;
    let zones = |value| {
        [
            ("Action", "DescribeAvailabilityZones"),
            ("Filter.1.Name", "zone-name"),
            ("Filter.1.Value.1", value),
        ]
    };
    assert!(
        ok(&world, USER, &zones("cluster*"))
            .await
            .contains("<zoneName>")
    );
    assert!(!ok(&world, USER, &zones("x*")).await.contains("<zoneName>"));
}

#[tokio::test]
async fn the_certificate_for_bundles_is_told() {
    let world = world().await;
    let action = ("Action", "DescribeServiceCertificates");
    let body = ok(&world, USER, &[action]).await;
    for (element, value) in [
        ("serviceType", "compute"),
        ("certificateUsage", "image-bundling"),
        ("certificateFormat", "pem"),
        ("certificateFingerprintDigest", "SHA-256"),
    ] {
        assert_eq!(text(&body, element), value);
    }
    let pem = text(&body, "certificate");
    let certificate = Certificate::from_pem(pem.as_bytes()).unwrap();
    let path = world.dir.path().join("told.pem");
    fs_err::write(&path, pem).unwrap();
    let mut openssl = std::process::Command::new("openssl");
    openssl
        .args(["x509", "-noout", "-sha256", "-fingerprint", "-in"])
        .arg(&path);
    let output = openssl.output().unwrap();
    let line = String::from_utf8(output.stdout).unwrap();
    let (_, fingerprint) = line.trim().split_once('=').unwrap();
    let told = text(&body, "certificateFingerprint");
    assert_eq!(told, fingerprint.to_ascii_lowercase());
    let der = ok(&world, USER, &[action, ("Format", "der")]).await;
    let der = data_encoding::BASE64.decode(text(&der, "certificate").as_bytes());
    assert_eq!(der.unwrap(), certificate.as_der());
    let xyz = [action, ("Format", "xyz")];
    refused(&world, USER, &xyz, 400, "InvalidParameterValue").await;
}

#[tokio::test]
async fn tags_are_made_described_and_deleted() {
    let mut world = world().await;
    let id = registered(&mut world, "kernel-1").await;
    let call = |action, value| {
        let mut parameters = vec![
            ("Action", action),
            ("ResourceId.1", id.as_str()),
            ("Tag.1.Key", "stage"),
        ];
        parameters.extend(Some(("Tag.1.Value", value)).filter(|(_, value)| *value != "-"));
        parameters
    };
    ok(&world, ADMIN, &call("CreateTags", "test")).await;
    ok(&world, ADMIN, &call("CreateTags", "live")).await;
    let describe = [("Action", "DescribeTags")];
    let body = ok(&world, ADMIN, &describe).await;
    let item = format!(
        "<item><resourceId>{id}</resourceId><resourceType>kernel</resourceType><key>stage</key><value>live</value></item>"
    );
    assert!(body.contains(&item), "{body}");
    assert!(!ok(&world, USER, &describe).await.contains("<item>"));
    let user = call("CreateTags", "x");
    refused(&world, USER, &user, 400, "InvalidAMIID.NotFound").await;
    ok(&world, ADMIN, &call("DeleteTags", "other")).await;
    assert!(ok(&world, ADMIN, &describe).await.contains(&item));
    ok(&world, ADMIN, &call("DeleteTags", "-")).await;
    assert!(!ok(&world, ADMIN, &describe).await.contains("<item>"));
    let nothing = [("Action", "CreateTags"), ("ResourceId.1", id.as_str())];
    refused(&world, ADMIN, &nothing, 400, "MissingParameter").await;
}

#[tokio::test]
async fn attributes_are_one_of_six() {
    let mut world = world().await;
    let id = registered(&mut world, "kernel-1").await;
    let attribute = |name| {
        [
            ("Action", "DescribeImageAttribute"),
            ("ImageId", id.as_str()),
            ("Attribute", name),
        ]
    };
    let body = ok(&world, ADMIN, &attribute("blockDeviceMapping")).await;
    for (name, device) in [
        ("emi", "sda1"),
        ("ephemeral0", "sda2"),
        ("swap", "sda3"),
        ("root", "/dev/sda1"),
    ] {
        let item = format!("<virtualName>{name}</virtualName><deviceName>{device}</deviceName>");
        assert!(body.contains(&item), "{body}");
    }
    for name in [
        "kernel",
        "ramdisk",
        "description",
        "productCodes",
        "launchPermission",
    ] {
        let body = ok(&world, ADMIN, &attribute(name)).await;
        assert!(body.contains(&format!("<{name}></{name}>")), "{body}");
    }
    let other = attribute("colour");
    refused(&world, ADMIN, &other, 400, "InvalidParameterValue").await;
}

#[tokio::test]
async fn user_ids_win_over_groups() {
    let mut world = world().await;
    let id = registered(&mut world, "kernel-1").await;
    let both = [
        ("Action", "ModifyImageAttribute"),
        ("ImageId", id.as_str()),
        ("Attribute", "launchPermission"),
        ("OperationType", "add"),
        ("UserId.1", USER),
        ("UserGroup.1", "all"),
    ];
    ok(&world, ADMIN, &both).await;
    let launch = world.image(&id).await.launch;
    assert!(!launch.public && launch.accounts.contains(USER));
    let absent = [
        ("Action", "ModifyImageAttribute"),
        ("ImageId", id.as_str()),
        ("LaunchPermission.Remove.1.UserId", "999999999999"),
    ];
    assert_eq!(text(&ok(&world, ADMIN, &absent).await, "return"), "true");
}

#[tokio::test]
async fn every_entry_of_a_list_counts() {
    let mut world = world().await;
    let id = registered(&mut world, "kernel-1").await;
    let modify = |more: &[(&'static str, &'static str)]| {
        let mut parameters = vec![("Action", "ModifyImageAttribute"), ("ImageId", id.as_str())];
        parameters.extend(more);
        parameters
    };
    let mixed = modify(&[
        ("LaunchPermission.Add.1.Group", "all"),
        ("LaunchPermission.Add.3.UserId", USER),
        ("LaunchPermission.Add.500.UserId", "999999999999"),
    ]);
    ok(&world, ADMIN, &mixed).await;
    let launch = world.image(&id).await.launch;
    assert!(launch.public && launch.accounts.contains(USER));
    assert!(launch.accounts.contains("999999999999"));
    for (parameters, code) in [
        (
            vec![("LaunchPermission.Add.1001.UserId", USER)],
            "InvalidParameterValue",
        ),
        (
            vec![("LaunchPermission.Add.1.OrganizationArn", "arn")],
            "MissingParameter",
        ),
        (
            vec![("Description.Value", "a"), ("ProductCode.1", "b")],
            "InvalidParameterCombination",
        ),
        (
            vec![
                ("Description.Value", "a"),
                ("LaunchPermission.Add.1.Group", "all"),
            ],
            "InvalidParameterCombination",
        ),
    ] {
        refused(&world, ADMIN, &modify(&parameters), 400, code).await;
    }
    assert_eq!(world.image(&id).await.description, None);
}
