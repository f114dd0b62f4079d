//! Key pairs: what each profile answers and refuses.

use super::*;
use data_encoding::BASE64;

const PUBLIC: &str = include_str!("../../../instances/fixtures/rsa.pub");
const YOUNG: &str = include_str!("../../../instances/fixtures/ed25519.pub");
const VERSION: (&str, &str) = ("Version", "2014-10-01");

fn action<'a>(name: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [&[("Action", name), VERSION][..], more].concat()
}

#[tokio::test]
async fn a_key_pair_is_created_described_and_deleted() {
    for profile in [
        Profile::Strict,
        Profile::Euca44,
        Profile::Euca20,
        Profile::Euca16,
    ] {
        let world = world_of(profile).await;
        let is_strict = profile == Profile::Strict;
        let name = ("KeyName", "my <key>");
        let create = action("CreateKeyPair", &[name]);
        let body = ok(&world, USER, &create).await;
        let material = text(&body, "keyMaterial");
        assert!(material.starts_with("-----BEGIN RSA PRIVATE KEY-----\nM"));
        let fingerprint = text(&body, "keyFingerprint").to_owned();
        assert_eq!(fingerprint.split(':').count(), 20);
        assert_eq!(body.contains("<keyPairId>key-0"), is_strict);
        let shown = ok(&world, USER, &action("DescribeKeyPairs", &[])).await;
        let expected = format!(
            "<keySet><item><keyName>my &lt;key&gt;</keyName><keyFingerprint>{fingerprint}</keyFingerprint>"
        );
        assert!(shown.contains(&expected), "{shown}");
        assert_eq!(shown.contains("<keyType>rsa</keyType>"), is_strict);
        assert!(!shown.contains("PRIVATE") && !shown.contains("publicKey"));
        // Nobody else has it.
        let others = ok(&world, ADMIN, &action("DescribeKeyPairs", &[])).await;
        assert!(others.contains("<keySet></keySet>"), "{others}");
        let again = call(&world, USER, &create).await;
        assert_eq!(again.0, 400);
        assert!(again.1.contains("my &lt;key&gt;"), "{}", again.1);
        assert!(again.1.contains("already exists."), "{}", again.1);
        let is_named = again.1.contains("<Code>InvalidKeyPair.Duplicate</Code>");
        assert_eq!(is_named, !profile.is_legacy(), "{}", again.1);
        let is_component = again.1.contains("<Code>KeyPairManager</Code>");
        assert_eq!(is_component, profile.is_legacy(), "{}", again.1);
        let delete = action("DeleteKeyPair", &[name]);
        assert_eq!(text(&ok(&world, USER, &delete).await, "return"), "true");
        let again = ok(&world, USER, &delete).await;
        assert_eq!(text(&again, "return") == "true", is_strict);
        let gone = ok(&world, USER, &action("DescribeKeyPairs", &[])).await;
        assert!(gone.contains("<keySet></keySet>"), "{gone}");
    }
}

#[tokio::test]
async fn a_public_key_is_imported_in_the_later_clouds() {
    let material = BASE64.encode(PUBLIC.as_bytes());
    let young = BASE64.encode(YOUNG.as_bytes());
    let import = |name: &'static str, material: &'static str| {
        action(
            "ImportKeyPair",
            &[("KeyName", name), ("PublicKeyMaterial", material)],
        )
    };
    let (material, young): (&'static str, &'static str) = (material.leak(), young.leak());
    for profile in [Profile::Strict, Profile::Euca44] {
        let world = world_of(profile).await;
        let body = ok(&world, USER, &import("mine", material)).await;
        let md5 = include_str!("../../../instances/fixtures/rsa.md5").trim();
        assert_eq!(text(&body, "keyFingerprint"), md5);
        refused(
            &world,
            USER,
            &import("mine", material),
            400,
            "InvalidKeyPair.Duplicate",
        )
        .await;
        for (bad, code) in [
            ("%", "InvalidParameterValue"),
            ("AAAA", "InvalidKey.Format"),
        ] {
            refused(&world, USER, &import("other", bad), 400, code).await;
        }
        let (status, body) = call(&world, USER, &import("young", young)).await;
        // Eucalyptus knows RSA only.
        assert_eq!(status == 200, profile == Profile::Strict, "{body}");
        let missing = action("ImportKeyPair", &[("KeyName", "other")]);
        refused(&world, USER, &missing, 400, "MissingParameter").await;
    }
    let world = world_of(Profile::Euca20).await;
    let (status, body) = call(&world, USER, &import("mine", material)).await;
    assert_eq!(status, 400);
    assert!(body.contains("ImportKeyPair is not valid"), "{body}");
}

#[tokio::test]
async fn strict_has_the_parameters_of_ec2() {
    let world = world().await;
    let create = |more: &[(&'static str, &'static str)]| {
        action(
            "CreateKeyPair",
            &[&[("KeyName", "young")][..], more].concat(),
        )
    };
    for (name, value, code) in [
        ("KeyType", "dsa", "InvalidParameterValue"),
        ("KeyFormat", "ppk", "InvalidParameterValue"),
        ("TagSpecification.1.Tag.1.Key", "a", "UnsupportedOperation"),
    ] {
        refused(&world, USER, &create(&[(name, value)]), 400, code).await;
    }
    let body = ok(
        &world,
        USER,
        &create(&[("KeyType", "ed25519"), ("KeyFormat", "pem")]),
    )
    .await;
    assert!(text(&body, "keyMaterial").starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n"));
    let id = text(&body, "keyPairId").to_owned();
    let describe = |more: &[(&'static str, &'static str)]| action("DescribeKeyPairs", more);
    let shown = ok(&world, USER, &describe(&[("IncludePublicKey", "true")])).await;
    assert!(text(&shown, "publicKey").starts_with("ssh-ed25519 AAAA"));
    assert_eq!(text(&shown, "keyType"), "ed25519");
    for (filter, found) in [("you*", true), ("old", false)] {
        let filter = [("Filter.1.Name", "key-name"), ("Filter.1.Value.1", filter)];
        let shown = ok(&world, USER, &describe(&filter)).await;
        assert_eq!(shown.contains("<item>"), found, "{shown}");
    }
    let unknown = describe(&[("Filter.1.Name", "colour"), ("Filter.1.Value.1", "red")]);
    refused(&world, USER, &unknown, 400, "InvalidParameterValue").await;
    for (name, value) in [("KeyName.1", "nobody"), ("KeyPairId.1", "key-00")] {
        refused(
            &world,
            USER,
            &describe(&[(name, value)]),
            400,
            "InvalidKeyPair.NotFound",
        )
        .await;
    }
    let delete = [("Action", "DeleteKeyPair"), ("KeyPairId", &id)];
    let body = ok(&world, USER, &delete).await;
    assert_eq!(text(&body, "keyPairId"), id);
    let name = action("CreateKeyPair", &[("KeyName", "schlüssel")]);
    let (status, body) = call(&world, USER, &name).await;
    assert_eq!(status, 400);
    assert!(
        body.contains("Character sets beyond ASCII are not supported."),
        "{body}"
    );
    let young = action("CreateKeyPair", &[("KeyName", "a"), ("KeyType", "ed25519")]);
    let old = world_of(Profile::Euca44).await;
    refused(&old, USER, &young, 400, "UnknownParameter").await;
}
