//! Cutting a stream into parts with their digests, and joining them with every check.
#![allow(missing_docs)]

use std::hint::black_box;
use std::io::{self, Write as _};
use std::num::NonZeroU64;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gumnut_splitter::{BundleNames, ExpectedPart, Joiner, MemoryParts, PartRecord, Splitter};

const LEN: u64 = 8 << 20;
const PART: NonZeroU64 = NonZeroU64::new(1 << 20).expect("not 0");

fn split(data: &[u8]) -> (MemoryParts, Vec<PartRecord>) {
    let names = BundleNames::new("disk.img".parse().expect("a name")).expect("a prefix");
    let mut splitter = Splitter::new(MemoryParts::new(), names, PART, 100);
    splitter.write_all(data).expect("memory takes everything");
    splitter.finish().expect("memory takes everything")
}

fn benches(criterion: &mut Criterion) {
    let data = vec![0x5a; 8 << 20];
    let mut group = criterion.benchmark_group("splitter");
    group.throughput(Throughput::Bytes(LEN)).sample_size(20);
    group.bench_function("split", |bencher| {
        bencher.iter(|| split(black_box(&data)));
    });
    let (parts, records) = split(&data);
    let expected: Vec<ExpectedPart> = records
        .into_iter()
        .map(|record| ExpectedPart {
            index: record.index,
            name: record.name,
            digest: record.digest,
        })
        .collect();
    group.bench_function("join", |bencher| {
        bencher.iter(|| {
            let mut parts = parts.clone();
            let mut joiner = Joiner::new(&mut parts, black_box(expected.clone()), LEN, LEN);
            io::copy(&mut joiner, &mut io::sink()).expect("the parts are sound")
        });
    });
    group.finish();
}

criterion_group!(parts_benches, benches);
criterion_main!(parts_benches);
