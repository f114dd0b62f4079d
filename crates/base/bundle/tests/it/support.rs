//! Keys, images and short ways for the tests.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;

use fs_err as fs;
use gumnut_archive::ImageOutput;
use gumnut_bundle::{
    BundleError, BundleMeta, BundleNames, BundleOptions, Bundled, Bundler, Checked, ImageSource,
    Level, MemoryParts, NoProgress, PartSource, Recipients, StreamOutput, unbundle_to,
};
use gumnut_crypto::{PrivateKey, PublicKey};
use gumnut_manifest::{OpenManifest, SignedManifest, UntrustedManifest};
use gumnut_types::{Architecture, ImageKind, Limits};

pub(crate) fn fixture(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures")).join(path)
}

pub(crate) fn user_key() -> PrivateKey {
    PrivateKey::from_pem(&fs::read(fixture("keys/user-key.pem")).unwrap()).unwrap()
}

pub(crate) fn cloud_key() -> PrivateKey {
    PrivateKey::from_pem(&fs::read(fixture("keys/cloud-key.pem")).unwrap()).unwrap()
}

/// The keys that bundles of the tests are made for.
pub(crate) struct Keys {
    pub(crate) user: PublicKey,
    pub(crate) cloud: PublicKey,
}

impl Keys {
    pub(crate) fn new() -> Self {
        Self {
            user: user_key().public_key().clone(),
            cloud: cloud_key().public_key().clone(),
        }
    }

    pub(crate) fn recipients(&self) -> Recipients<'_> {
        Recipients {
            cloud: &self.cloud,
            user: Some(&self.user),
        }
    }
}

pub(crate) fn meta(prefix: &str) -> BundleMeta {
    BundleMeta {
        names: BundleNames::new(prefix.parse().unwrap()).unwrap(),
        user: "000000000001".parse().unwrap(),
        architecture: Architecture::X86_64,
        kind: ImageKind::Machine {
            kernel: None,
            ramdisk: None,
        },
        block_devices: Vec::new(),
        product_codes: Vec::new(),
    }
}

pub(crate) fn options(part_size: u64) -> BundleOptions {
    BundleOptions {
        part_size: NonZeroU64::new(part_size).unwrap(),
        jobs: NonZeroUsize::new(2).unwrap(),
        level: Level::FAST,
        ..BundleOptions::default()
    }
}

/// Bundles bytes into memory.
pub(crate) fn seal(image: &[u8], options: &BundleOptions) -> (Bundled, MemoryParts) {
    let mut parts = MemoryParts::new();
    let source = ImageSource::from_reader("bytes", image.len() as u64, image).unwrap();
    let keys = Keys::new();
    let bundler = Bundler {
        options: options.clone(),
        ..Bundler::new(meta("image"), keys.recipients())
    };
    let sealed = bundler.bundle(source, &mut parts, &NoProgress);
    (sealed.unwrap(), parts)
}

/// Signs as the user, and reads what was signed as a stranger would.
pub(crate) fn sign(bundled: Bundled) -> SignedManifest {
    let signed = bundled.into_manifest().unwrap().sign(&user_key()).unwrap();
    let untrusted = UntrustedManifest::parse(signed.bytes(), &Limits::default()).unwrap();
    untrusted.verify(&[user_key().public_key()]).unwrap()
}

pub(crate) fn open(bundled: Bundled) -> OpenManifest {
    sign(bundled).open(&user_key()).unwrap()
}

/// Opens a bundle into memory.
pub(crate) fn unseal(
    manifest: &OpenManifest,
    source: &mut dyn PartSource,
) -> Result<(Vec<u8>, Checked), BundleError> {
    let mut image = StreamOutput(Vec::new());
    let output: &mut (dyn ImageOutput + Send) = &mut image;
    let checked = unbundle_to(manifest, source, output, &Limits::default(), &NoProgress)?;
    Ok((image.0, checked))
}

/// Bytes without any pattern that deflate could use.
pub(crate) fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    (0..len).map(|_| next()).collect()
}
