//! Any bytes are a manifest or an error, never a panic; what is accepted has safe names only.

#![no_main]

use gumnut_manifest::UntrustedManifest;
use gumnut_types::Limits;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(manifest) = UntrustedManifest::parse(bytes, &Limits::default()) {
        for part in &manifest.manifest().parts {
            assert!(!part.name.as_str().contains('/'));
        }
    }
});
