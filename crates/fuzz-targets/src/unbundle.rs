//! Any bytes as a bundle, or as one layer of it, are restored or refused.

use std::io;
use std::sync::LazyLock;

use gumnut_bundle::{ImageOutput, MemoryParts, NoProgress, unbundle_to, verify_parts};
use gumnut_crypto::PrivateKey;
use gumnut_manifest::UntrustedManifest;
use gumnut_types::{Limits, PartName};

use crate::input::Input;
use crate::layers;

/// Largest image that is restored, in bytes.
const LARGEST: u64 = 4 << 20;

static KEY: LazyLock<PrivateKey> = LazyLock::new(layers::private_key);
static WRAPPED: LazyLock<String> = LazyLock::new(layers::wrapped_elements);

/// Counts what comes out.
#[derive(Default)]
struct Counted(u64);

impl ImageOutput for Counted {
    fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hole(bytes.len() as u64)
    }

    fn hole(&mut self, len: u64) -> io::Result<()> {
        self.0 += len;
        assert!(self.0 <= LARGEST, "more came out than was announced");
        Ok(())
    }
}

/// Restores a bundle: which layer the bytes are, then that layer.
///
/// | first byte modulo 4 | the rest |
/// |---|---|
/// | 0 | length of the manifest (2 bytes), the manifest, and for each part its length (2 bytes) and bytes |
/// | 1 | size of the image (4 bytes), tar stream |
/// | 2 | size of the image, gzip stream |
/// | 3 | size of the image, what is in the parts |
///
/// # Panics
/// When another number of bytes is restored than was announced, or a bundle is restored whose parts do not
/// match its manifest.
pub fn unbundle(bytes: &[u8]) {
    let mut input = Input(bytes);
    let layer = input.byte() % 4;
    if layer == 0 {
        let len = usize::from(input.u16());
        let manifest = input.bytes(len);
        return restore(manifest, |name, parts| {
            let len = usize::from(input.u16());
            parts.insert(name.clone(), input.bytes(len).to_vec());
        });
    }
    let size = input.u32();
    let (part, stream) = match layer {
        1 => (layers::encrypt(&layers::gzip(input.0)), Some(input.0)),
        2 => (layers::encrypt(input.0), None),
        _ => (input.0.to_vec(), None),
    };
    let manifest = layers::manifest(&part, stream, size, &WRAPPED);
    restore(manifest.as_bytes(), |name, parts| {
        parts.insert(name.clone(), part.clone());
    });
}

fn restore(manifest: &[u8], mut add: impl FnMut(&PartName, &mut MemoryParts)) {
    let mut limits = Limits::default();
    limits.image_bytes = LARGEST;
    let Ok(manifest) = UntrustedManifest::parse(manifest, &limits) else {
        return;
    };
    let mut parts = MemoryParts::new();
    for part in &manifest.manifest().parts {
        add(&part.name, &mut parts);
    }
    let trusted = manifest.trust_unverified("a fuzzer wrote it");
    let parts_match = verify_parts(&trusted, &mut parts, &limits, &NoProgress).is_ok();
    let Ok(open) = trusted.open(&KEY) else {
        return;
    };
    let mut output = Counted::default();
    let restored = unbundle_to(&open, &mut parts, &mut output, &limits, &NoProgress);
    if let Ok(checked) = restored {
        assert!(parts_match, "an image came out of parts that do not match");
        assert_eq!(output.0, checked.image_size, "the image has its size");
        assert_eq!(output.0, open.manifest().image_size);
    }
}
