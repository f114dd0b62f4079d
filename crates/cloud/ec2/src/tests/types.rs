//! Instance types in both meanings of the call, and zones with them.

use super::*;

const EUCALYPTUS: (&str, &str) = ("Version", "2015-10-01");
const EC2: (&str, &str) = ("Version", "2016-11-15");
const TYPES: (&str, &str) = ("Action", "DescribeInstanceTypes");

#[tokio::test]
async fn the_version_chooses_the_meaning() {
    for profile in [Profile::Strict, Profile::Euca44] {
        let world = world_of(profile).await;
        let of_euca = ok(&world, USER, &[TYPES, EUCALYPTUS]).await;
        let small = "<item><name>m1.small</name><cpu>1</cpu><disk>5</disk><memory>256</memory>\
                     <networkInterfaces>1</networkInterfaces></item>";
        assert!(of_euca.contains(small), "{of_euca}");
        assert!(!of_euca.contains("instanceTypeSet"));
        assert_eq!(of_euca.contains("t3.micro"), profile == Profile::Strict);
        let of_ec2 = ok(&world, USER, &[TYPES, EC2]).await;
        let small = "<item><instanceType>m1.small</instanceType>";
        assert!(of_ec2.contains(small), "{of_ec2}");
        assert!(of_ec2.contains("<memoryInfo><sizeInMiB>256</sizeInMiB></memoryInfo>"));
        assert!(of_ec2.contains("<vCpuInfo><defaultVCpus>1</defaultVCpus></vCpuInfo>"));
        assert!(!of_ec2.contains("instanceTypeDetails"));
    }
    let old = world_of(Profile::Euca20).await;
    let (status, body) = call(&old, USER, &[TYPES, EUCALYPTUS]).await;
    assert_eq!(status, 400);
    assert!(body.contains("is not valid for this web service"), "{body}");
}

#[tokio::test]
async fn types_are_chosen_by_name_filter_and_page() {
    let world = world().await;
    let named = [
        TYPES,
        EUCALYPTUS,
        ("InstanceType.1", "m1.large"),
        ("Availability", "true"),
    ];
    let body = ok(&world, USER, &named).await;
    assert_eq!(body.matches("<name>").count(), 1, "{body}");
    let room = "<availability><item><zoneName>cluster01</zoneName><max>4</max><available>4</available></item></availability>";
    assert!(body.contains(room), "{body}");
    let absent = [TYPES, EC2, ("InstanceType.1", "x9.huge")];
    refused(&world, USER, &absent, 400, "InvalidInstanceType").await;
    let filtered = [
        TYPES,
        EC2,
        ("Filter.1.Name", "memory-info.size-in-mib"),
        ("Filter.1.Value.1", "1024"),
    ];
    let body = ok(&world, USER, &filtered).await;
    assert_eq!(body.matches("<instanceType>").count(), 3, "{body}");
    let unknown = [
        TYPES,
        EC2,
        ("Filter.1.Name", "colour"),
        ("Filter.1.Value.1", "red"),
    ];
    refused(&world, USER, &unknown, 400, "InvalidParameterValue").await;
    let mut found = 0;
    let mut token = String::new();
    loop {
        let mut page = vec![TYPES, EC2, ("MaxResults", "5")];
        page.extend((!token.is_empty()).then_some(("NextToken", token.as_str())));
        let body = ok(&world, USER, &page).await;
        found += body.matches("<instanceType>").count();
        if !body.contains("<nextToken>") {
            break;
        }
        token = text(&body, "nextToken").to_owned();
    }
    assert_eq!(found, 14);
    for (name, value) in [("MaxResults", "0"), ("NextToken", "x9.huge")] {
        refused(
            &world,
            USER,
            &[TYPES, EC2, (name, value)],
            400,
            "InvalidParameterValue",
        )
        .await;
    }
}

#[tokio::test]
async fn verbose_zones_have_a_line_for_each_type() {
    for profile in [Profile::Euca20, Profile::Euca44, Profile::Strict] {
        let world = world_of(profile).await;
        let zones = [
            ("Action", "DescribeAvailabilityZones"),
            EUCALYPTUS,
            ("ZoneName.1", "verbose"),
        ];
        let body = ok(&world, USER, &zones).await;
        assert!(body.contains("<zoneName>cluster01</zoneName><zoneState>available</zoneState>"));
        let types = if profile.is_legacy() {
            5
        } else if profile == Profile::Strict {
            14
        } else {
            8
        };
        assert_eq!(body.matches("<zoneName>|- ").count(), 1 + types, "{body}");
        let disk = if profile.is_legacy() {
            "  128    10"
        } else {
            "  256     5"
        };
        let small = format!(
            "<zoneName>|- m1.small</zoneName><zoneState>0004 / 0004   1   {disk}</zoneState>"
        );
        assert!(body.contains(&small), "{body}");
        let plain = ok(&world, USER, &zones[..2]).await;
        assert!(!plain.contains("m1.small"));
    }
}
