//! Compressing and inflating, on one thread.
#![allow(missing_docs)]

mod sample;

use std::hint::black_box;
use std::io::{self, Write as _};
use std::num::NonZeroUsize;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use flate2::write::GzEncoder;
use gumnut_archive::{
    BlockReader, BlockSource as _, Compressor, GunzipBlocks, Level, ReaderBlocks, TarStream,
};

const LEN: usize = 8 << 20;
const ONE: NonZeroUsize = NonZeroUsize::MIN;

fn gzip(data: &[u8], level: Level) -> Vec<u8> {
    let compressor = Compressor::new(level, ONE);
    compressor
        .compress(data, Vec::new())
        .expect("memory takes everything")
}

fn gunzip(gzip: &[u8]) -> usize {
    let mut blocks = GunzipBlocks::new(gzip, u64::MAX, ONE);
    let mut len = 0;
    while let Some(block) = blocks.next_block().expect("the stream is sound") {
        len += block.len();
    }
    len
}

fn benches(criterion: &mut Criterion) {
    let data = sample::sample(LEN);
    let mut group = criterion.benchmark_group("archive");
    group
        .throughput(Throughput::Bytes(LEN as u64))
        .sample_size(20);
    for level in [Level::FAST, Level::DEFAULT, Level::BEST] {
        group.bench_function(format!("deflate, level {level}"), |bencher| {
            bencher.iter(|| gzip(black_box(&data), level));
        });
    }
    let own = gzip(&data, Level::DEFAULT);
    group.bench_function("inflate what we wrote", |bencher| {
        bencher.iter(|| gunzip(black_box(&own)));
    });
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(&data).expect("memory takes everything");
    let foreign = encoder.finish().expect("memory takes everything");
    group.bench_function("inflate what others wrote", |bencher| {
        bencher.iter(|| gunzip(black_box(&foreign)));
    });
    let name = "disk.img".parse().expect("a name");
    group.bench_function("tar stream", |bencher| {
        bencher.iter(|| {
            let blocks = ReaderBlocks::new(black_box(data.as_slice()));
            let mut tar = BlockReader::new(TarStream::new(&name, LEN as u64, blocks));
            io::copy(&mut tar, &mut io::sink())
        });
    });
    group.finish();
}

criterion_group!(gzip_benches, benches);
criterion_main!(gzip_benches);
