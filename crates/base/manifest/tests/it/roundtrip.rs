//! What is written is read as it was meant, and is the dialect that clouds read.

use std::sync::OnceLock;

use gumnut_crypto::{BundleIv, BundleKey, PrivateKey, WrappedSecret};
use gumnut_manifest::{
    BundlerVersion, Manifest, ManifestError, Part, UnsignedManifest, UntrustedManifest,
    WrappedKeys, WrappedPair,
};
use gumnut_types::{Architecture, BlockDeviceMapping, ImageKind, Limits, PartIndex, Sha1Digest};
use proptest::prelude::*;
use proptest::sample::select;

use crate::{certificate, key, parse, tiny};

fn signer() -> &'static PrivateKey {
    static KEY: OnceLock<PrivateKey> = OnceLock::new();
    KEY.get_or_init(|| key("user"))
}

fn pair() -> impl Strategy<Value = WrappedPair> {
    let secret = || {
        proptest::collection::vec(any::<u8>(), 1..300).prop_map(|bytes| {
            WrappedSecret::from_hex(&data_encoding::HEXLOWER.encode(&bytes)).unwrap()
        })
    };
    (secret(), secret()).prop_map(|(key, iv)| WrappedPair { key, iv })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9./_-]{1,12}",
        "[&<>\"' éß漢😀]{0,6}".prop_map(|text| format!("x{text}x")),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z0-9][a-z0-9._-]{0,30}", "x[&<>\"' é漢😀]{0,6}x"]
}

fn kind() -> impl Strategy<Value = ImageKind> {
    let id = |prefix: &'static str| {
        proptest::option::of(
            "[0-9a-fA-F]{8}".prop_map(move |digits| format!("{prefix}-{digits}").parse().unwrap()),
        )
    };
    prop_oneof![
        Just(ImageKind::Kernel),
        Just(ImageKind::Ramdisk),
        (id("eki"), id("eri")).prop_map(|(kernel, ramdisk)| ImageKind::Machine { kernel, ramdisk }),
    ]
}

fn parts() -> impl Strategy<Value = Vec<Part>> {
    proptest::collection::vec((any::<[u8; 20]>(), name()), 1..12).prop_map(|parts| {
        let part = |(index, (digest, name)): (u32, ([u8; 20], String))| Part {
            index: PartIndex(index),
            name: format!("{name}.part.{index:02}").parse().unwrap(),
            digest: Sha1Digest::from_bytes(digest),
        };
        (0..).zip(parts).map(part).collect()
    })
}

fn devices() -> impl Strategy<Value = Vec<BlockDeviceMapping>> {
    let device = (text(), text()).prop_map(|(virtual_name, device)| BlockDeviceMapping {
        virtual_name,
        device,
    });
    proptest::collection::vec(device, 0..4).prop_map(|mut devices| {
        devices.sort();
        devices
    })
}

prop_compose! {
    fn manifest()(
        kind in kind(),
        architecture in select(&Architecture::ALL[..]),
        block_devices in devices(),
        product_codes in proptest::collection::vec(text(), 0..3),
        name in name(),
        user in "[0-9]{12}",
        image_digest: [u8; 20],
        image_size in 1_u64..1 << 46,
        blocks in 1_u64..1 << 40,
        cloud in pair(),
        user_pair in proptest::option::of(pair()),
        parts in parts(),
        bundler in (text(), text(), text()),
        ancestry in proptest::collection::vec(text(), 0..3),
        kernel_name in proptest::option::of(text()),
    ) -> Manifest {
        let machine = matches!(kind, ImageKind::Machine { .. });
        Manifest {
            bundler: BundlerVersion { name: bundler.0, version: bundler.1, release: bundler.2 },
            architecture,
            block_devices: if machine { block_devices } else { Vec::new() },
            product_codes: if machine { product_codes } else { Vec::new() },
            kind,
            name: name.parse().unwrap(),
            user,
            image_digest: Sha1Digest::from_bytes(image_digest),
            image_size,
            bundled_size: blocks * 16,
            keys: WrappedKeys { cloud, user: user_pair },
            parts,
            ancestry,
            kernel_name,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_written_is_read_as_it_was_meant(manifest in manifest()) {
        let signed = UnsignedManifest::new(manifest.clone()).unwrap().sign(signer()).unwrap();
        prop_assert!(signed.bytes().is_ascii());
        let read = UntrustedManifest::parse(signed.bytes(), &Limits::default()).unwrap();
        prop_assert_eq!(read.manifest(), &manifest);
        prop_assert!(read.verify(&[signer().public_key()]).is_ok());
    }

    #[test]
    fn any_bytes_are_a_manifest_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn any_edit_is_a_manifest_or_an_error(at in 0_usize..4000, insert in "[<>&/='\"a-z!\\[\\]?-]{0,8}", cut in 0_usize..20) {
        let text = tiny();
        let at = at.min(text.len());
        let end = (at + cut).min(text.len());
        let _ = parse(format!("{}{insert}{}", &text[..at], &text[end..]));
    }
}

#[test]
fn the_text_is_that_of_the_reference_dialect() {
    let manifest = parse(tiny()).unwrap().manifest().clone();
    let signed = UnsignedManifest::new(manifest)
        .unwrap()
        .sign(signer())
        .unwrap();
    let ours = String::from_utf8(signed.bytes().to_vec()).unwrap();
    let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    let theirs = tiny();
    let body = theirs.split_once('\n').unwrap().1;
    // The same key signs the same text, so that even the signature is equal.
    assert_eq!(ours.strip_prefix(head), Some(body));
}

#[test]
fn a_bundle_for_two_opens_for_two() {
    let (bundle_key, iv) = (
        BundleKey::generate().unwrap(),
        BundleIv::generate().unwrap(),
    );
    let pair = |name: &str| {
        let certificate = certificate(name);
        WrappedPair {
            key: WrappedSecret::wrap_key(certificate.public_key(), &bundle_key).unwrap(),
            iv: WrappedSecret::wrap_iv(certificate.public_key(), &iv).unwrap(),
        }
    };
    let mut manifest = parse(tiny()).unwrap().manifest().clone();
    manifest.keys = WrappedKeys {
        cloud: pair("cloud"),
        user: Some(pair("user")),
    };
    let signed = UnsignedManifest::new(manifest)
        .unwrap()
        .sign(signer())
        .unwrap();
    for name in ["user", "cloud"] {
        assert_eq!(signed.clone().open(&key(name)).unwrap().key(), &bundle_key);
    }
    let stranger = PrivateKey::generate(2048).unwrap();
    assert!(matches!(
        signed.open(&stranger),
        Err(ManifestError::Unopened(_))
    ));
}

#[test]
fn what_no_cloud_can_read_is_not_written() {
    let good = || parse(tiny()).unwrap().manifest().clone();
    let refused = |change: fn(&mut Manifest)| {
        let mut manifest = good();
        change(&mut manifest);
        matches!(
            UnsignedManifest::new(manifest),
            Err(ManifestError::Write(_))
        )
    };
    assert!(UnsignedManifest::new(good()).is_ok());
    assert!(refused(
        |manifest| manifest.user = "0000-0000-0001".to_owned()
    ));
    assert!(refused(|manifest| manifest.bundled_size = 17));
    assert!(refused(|manifest| manifest.bundled_size = 0));
    assert!(refused(|manifest| manifest.parts.clear()));
    assert!(refused(|manifest| manifest.parts[0].index = PartIndex(1)));
    assert!(refused(|manifest| manifest.kind = ImageKind::Kernel));
    assert!(refused(
        |manifest| manifest.product_codes[0] = "a\u{7}b".to_owned()
    ));
    assert!(refused(
        |manifest| manifest.product_codes[0] = " blank ".to_owned()
    ));
}
