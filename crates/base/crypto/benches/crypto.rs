//! Ciphers and signatures.
#![allow(missing_docs)]

use std::hint::black_box;
use std::io::{self, Write as _};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gumnut_crypto::{BundleIv, BundleKey, CbcDecryptor, CbcEncryptor, PrivateKey, WrappedSecret};

const LEN: usize = 8 << 20;

fn benches(criterion: &mut Criterion) {
    let key = BundleKey::generate().expect("the system gives random bytes");
    let iv = BundleIv::generate().expect("the system gives random bytes");
    let data = vec![0x5a; LEN];
    let encrypt = |to: Vec<u8>| {
        let mut writer = CbcEncryptor::new(to, &key, &iv);
        writer
            .write_all(black_box(&data))
            .expect("memory takes everything");
        writer.finish().expect("memory takes everything")
    };
    let cipher = encrypt(Vec::new());
    let mut group = criterion.benchmark_group("crypto");
    group
        .throughput(Throughput::Bytes(LEN as u64))
        .sample_size(20);
    group.bench_function("encrypt", |bencher| {
        bencher.iter(|| encrypt(Vec::with_capacity(LEN + 16)));
    });
    group.bench_function("decrypt", |bencher| {
        bencher.iter(|| {
            let mut reader = CbcDecryptor::new(black_box(cipher.as_slice()), &key, &iv);
            io::copy(&mut reader, &mut io::sink())
        });
    });
    group.finish();

    let user = PrivateKey::generate(2048).expect("the system gives random bytes");
    let mut group = criterion.benchmark_group("rsa 2048");
    group.sample_size(20);
    group.bench_function("sign", |bencher| {
        bencher.iter(|| user.sign_sha1(black_box(&[b"manifest"])));
    });
    group.bench_function("wrap a key", |bencher| {
        bencher.iter(|| WrappedSecret::wrap_key(user.public_key(), black_box(&key)));
    });
    group.finish();
}

criterion_group!(crypto_benches, benches);
criterion_main!(crypto_benches);
