//! Any bytes as a bundle, or as one layer of it, are restored or refused.

use std::io;
use std::sync::LazyLock;

use gumnut_bundle::{
    Ciphertext, ImageOutput, MemoryParts, NoProgress, unbundle_ciphertext, unbundle_to,
    verify_parts,
};
use gumnut_crypto::PrivateKey;
use gumnut_manifest::{BelievedManifest, UntrustedManifest};
use gumnut_splitter::PartRecord;
use gumnut_types::{Limits, PartIndex, PartName, Sha1Digest};
use sha1::{Digest as _, Sha1};

use crate::input::Input;
use crate::layers;

/// Largest image that is restored, in bytes.
const LARGEST: u64 = 1 << 20;

/// The key that opens the foreign and the faulty bundles of the fixtures; everybody has it. Reading a key is slow, so it
/// is done once.
static KEY: LazyLock<PrivateKey> = LazyLock::new(|| {
    let pem = include_bytes!("../../../fixtures/vectors/keys/user-key.pem");
    PrivateKey::from_pem(pem).unwrap_or_else(|error| panic!("{error}"))
});

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

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.image_bytes = LARGEST;
    limits
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
    match input.byte() % 4 {
        0 => whole(input),
        1 => {
            let size = input.u32();
            let ciphertext = layers::encrypt(&layers::gzip(input.0));
            layer(&ciphertext, size, Some(digest(input.0)));
        }
        2 => {
            let size = input.u32();
            layer(&layers::encrypt(input.0), size, None);
        }
        _ => {
            let size = input.u32();
            layer(input.0, size, None);
        }
    }
}

/// A manifest and its parts.
fn whole(mut input: Input<'_>) {
    let limits = limits();
    let len = usize::from(input.u16());
    let Ok(manifest) = UntrustedManifest::parse(input.bytes(len), &limits) else {
        return;
    };
    let mut parts = MemoryParts::new();
    for part in &manifest.manifest().parts {
        let len = usize::from(input.u16());
        parts.insert(part.name.clone(), input.bytes(len).to_vec());
    }
    let trusted = BelievedManifest::from(manifest.trust_unverified("a fuzzer wrote it"));
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

/// The inside of a bundle, as if its manifest told the truth about the parts. No key is unwrapped, which is slow.
fn layer(bytes: &[u8], image_size: u32, image_digest: Option<Sha1Digest>) {
    let name: PartName = "i.part.0".parse().unwrap_or_else(|error| panic!("{error}"));
    let ciphertext = Ciphertext {
        part: PartRecord {
            index: PartIndex(0),
            name: name.clone(),
            size: bytes.len() as u64,
            digest: digest(bytes),
        },
        image_size: Some(image_size.into()),
        image_digest,
    };
    let mut parts = MemoryParts::new();
    parts.insert(name, bytes.to_vec());
    let (key, iv) = layers::secrets();
    let mut output = Counted::default();
    let restored = unbundle_ciphertext(
        &ciphertext,
        (&key, &iv),
        &mut parts,
        &mut output,
        &limits(),
        &NoProgress,
    );
    if restored.is_ok() {
        assert_eq!(output.0, u64::from(image_size), "the image has its size");
    }
}

fn digest(bytes: &[u8]) -> Sha1Digest {
    Sha1Digest::from_bytes(Sha1::digest(bytes).into())
}
