//! Reading, checking and signing a manifest of 30 parts.
#![allow(missing_docs)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use gumnut_crypto::PrivateKey;
use gumnut_manifest::{UnsignedManifest, UntrustedManifest};
use gumnut_types::Limits;

const MANIFEST: &[u8] = include_bytes!("../fixtures/euca2ools-3.4.1-parts/parts.img.manifest.xml");
const KEY: &[u8] = include_bytes!("../fixtures/keys/user-key.pem");

fn benches(criterion: &mut Criterion) {
    let limits = Limits::default();
    let parse =
        || UntrustedManifest::parse(black_box(MANIFEST), &limits).expect("a sound manifest");
    let key = PrivateKey::from_pem(KEY).expect("a sound key");
    let mut group = criterion.benchmark_group("manifest");
    group.sample_size(20);
    group.bench_function("parse", |bencher| bencher.iter(parse));
    group.bench_function("parse and verify", |bencher| {
        bencher.iter(|| parse().verify(&[key.public_key()]));
    });
    let manifest = parse().manifest().clone();
    group.bench_function("encode and sign", |bencher| {
        bencher.iter(|| UnsignedManifest::new(manifest.clone())?.sign(&key));
    });
    group.finish();
}

criterion_group!(manifest_benches, benches);
criterion_main!(manifest_benches);
