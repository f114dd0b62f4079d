//! Every dialect is read, verified and opened.

use gumnut_manifest::{
    Manifest, ManifestError, Recipient, SignatureStatus, UntrustedManifest, Warning,
};
use gumnut_types::{ImageKind, Sha1Digest};

use crate::{certificate, key, parse, tiny, vector};

/// Reads a signed vector, verifies it and opens it with the user's and the cloud's key.
fn opened(path: &str) -> (Manifest, Vec<Warning>) {
    let read = || parse(vector(path)).unwrap();
    let certificate = certificate("user");
    let status = read().signature_status(&[certificate.public_key()]);
    assert_eq!(
        status,
        SignatureStatus::Valid {
            key: certificate.public_key().fingerprint()
        }
    );
    let verified =
        |manifest: UntrustedManifest| manifest.verify(&[certificate.public_key()]).unwrap();
    let by_user = verified(read()).open(&key("user")).unwrap();
    let by_cloud = verified(read()).open(&key("cloud")).unwrap();
    assert_eq!(
        (by_user.recipient(), by_cloud.recipient()),
        (Recipient::User, Recipient::Cloud)
    );
    assert_eq!(by_user.key(), by_cloud.key());
    assert_eq!(by_user.iv(), by_cloud.iv());
    (by_user.manifest().clone(), read().warnings().to_vec())
}

#[test]
fn euca2ools_3_4_1_machine_with_everything() {
    let (manifest, warnings) = opened("euca2ools-3.4.1-tiny/tiny.img.manifest.xml");
    assert_eq!(manifest.bundler.name, "euca2ools");
    assert_eq!(manifest.bundler.version, "3.4.1");
    let ImageKind::Machine { kernel, ramdisk } = &manifest.kind else {
        panic!("{manifest:?}")
    };
    assert_eq!(kernel.as_ref().unwrap().as_str(), "eki-90461381");
    assert_eq!(ramdisk.as_ref().unwrap().as_str(), "eri-E85914C7");
    let names: Vec<_> = manifest
        .block_devices
        .iter()
        .map(|device| device.virtual_name.as_str())
        .collect();
    assert_eq!(names, ["ami", "ephemeral0", "root", "swap"]);
    assert_eq!(manifest.block_devices[2].device, "/dev/sda1");
    assert_eq!(manifest.product_codes, ["ABC123", "DEF456"]);
    assert_eq!(
        (manifest.image_size, manifest.bundled_size),
        (200_000, 105_344)
    );
    assert!(warnings.is_empty(), "{warnings:?}");
}

#[test]
fn euca2ools_3_4_1_ramdisk_and_parts() {
    let (manifest, _) = opened("euca2ools-3.4.1-ramdisk/initrd.img-2.6.24-19-xen.manifest.xml");
    assert_eq!(manifest.kind, ImageKind::Ramdisk);
    let (manifest, _) = opened("euca2ools-3.4.1-parts/parts.img.manifest.xml");
    assert_eq!(manifest.parts.len(), 30);
    assert_eq!(manifest.architecture.as_str(), "armhf");
    assert_eq!(manifest.parts[29].name.as_str(), "parts.img.part.29");
}

#[test]
fn euca2ools_2_1_4_calls_a_kernel_a_machine() {
    let (manifest, _) = opened("euca2ools-2.1.4-kernel/vmlinuz-2.6.24-19-xen.manifest.xml");
    assert_eq!(
        manifest.kind,
        ImageKind::Kernel,
        "the magic id decides, the type says machine"
    );
    assert_eq!(
        (
            manifest.bundler.name.as_str(),
            manifest.bundler.version.as_str()
        ),
        ("euca-tools", "1.3.2")
    );
}

#[test]
fn euca2ools_1_2_has_no_image_digest() {
    let (manifest, warnings) = opened("euca2ools-1.2-tiny/tiny.img.manifest.xml");
    assert_eq!(manifest.image_digest, Sha1Digest::OF_NOTHING);
    assert!(!manifest.image_digest_is_meaningful());
    assert!(warnings.contains(&Warning::NoImageDigest), "{warnings:?}");
    assert_eq!(manifest.parts[0].name.as_str(), "tiny.img.part.0");
}

#[test]
fn the_digest_of_nothing_is_meant_from_anybody_else() {
    let text = tiny().replace(
        "ec722566df838b701dd798285b901f9afde0fb09",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    );
    assert!(parse(text).unwrap().manifest().image_digest_is_meaningful());
}

#[test]
fn euca2ools_1_3_2_and_ec2_ami_tools() {
    let (manifest, _) = opened("euca2ools-1.3.2-holes/holes.img.manifest.xml");
    assert!(manifest.image_digest_is_meaningful());
    let (manifest, _) = opened("ec2-ami-tools-format-holes/holes.img.manifest.xml");
    assert_eq!(manifest.bundler.name, "ec2-ami-tools");
    assert_eq!(manifest.parts.len(), 4);
    assert_eq!(manifest.parts[0].name.as_str(), "holes.img.part.0");
    assert!(!manifest.ancestry.is_empty());
}

#[test]
fn an_unsigned_manifest_needs_somebody_to_answer_for_it() {
    let read = || parse(vector("euca2ools-3.4.1-unsigned/tiny.img.manifest.xml")).unwrap();
    let certificate = certificate("user");
    assert_eq!(
        read().signature_status(&[certificate.public_key()]),
        SignatureStatus::Unsigned
    );
    assert!(matches!(
        read().verify(&[certificate.public_key()]),
        Err(ManifestError::Unsigned)
    ));
    let trusted = read().trust_unverified("a test");
    assert_eq!(trusted.reason(), "a test");
    assert!(matches!(
        trusted.clone().open(&key("user")),
        Err(ManifestError::CloudOnly)
    ));
    assert_eq!(
        trusted.open(&key("cloud")).unwrap().recipient(),
        Recipient::Cloud
    );
    assert!(read().warnings().contains(&Warning::NoUserKey));
}

#[test]
fn without_a_key_a_signature_is_not_checked() {
    let manifest = parse(tiny()).unwrap();
    assert_eq!(manifest.signature_status(&[]), SignatureStatus::NotChecked);
    assert_eq!(
        manifest.signature_status(&[certificate("cloud").public_key()]),
        SignatureStatus::Invalid
    );
    assert!(matches!(
        manifest.verify(&[]),
        Err(ManifestError::SignatureMismatch)
    ));
}

#[test]
fn layout_and_quotes_do_not_matter() {
    let pretty = tiny()
        .replace('"', "'")
        .replace("><", ">\n    <")
        .replace("<name>tiny.img</name>", "<name>\n  tiny.img\n</name>")
        .replace("<release>0</release>", "<release/>")
        .replace("<bundler>", "<!-- by hand --><bundler>");
    let manifest = parse(&pretty).unwrap();
    assert_eq!(manifest.manifest().name.as_str(), "tiny.img");
    assert_eq!(manifest.manifest().bundler.release, "");
    let certificate = certificate("user");
    assert_eq!(
        manifest.signature_status(&[certificate.public_key()]),
        SignatureStatus::Invalid
    );
}

#[test]
fn unknown_elements_are_passed_over_and_order_does_not_matter() {
    let text = tiny()
        .replace(
            "<image>",
            "<later><image2 x='1'><name>evil</name></image2></later><image>",
        )
        .replace("<user>000000000001</user>", "")
        .replace("</image>", "<user>000000000001</user><future/></image>")
        .replace(
            "<virtual>ami</virtual><device>sda1</device>",
            "<device>sda1</device><virtual>ami</virtual>",
        );
    let manifest = parse(text).unwrap();
    let expected = parse(tiny()).unwrap();
    assert_eq!(manifest.manifest(), expected.manifest());
}
