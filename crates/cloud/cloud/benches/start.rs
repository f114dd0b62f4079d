//! How long a program that embeds the cloud waits for it: for one that begins with an empty directory, and for one that has
//! what it needs.
#![allow(missing_docs)]

use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use gumnut_cloud::{Cloud, Config};
use tokio::runtime::Runtime;

/// The time of a start; what the cloud still does behind it is waited for, and not counted.
fn start(runtime: &Runtime, folder: &Path) -> Duration {
    runtime.block_on(async {
        let before = Instant::now();
        let running = Cloud::start(Config::new(folder)).await;
        let took = before.elapsed();
        let running = running.expect("the folder is ours alone");
        running.shutdown().await.expect("nothing fails");
        took
    })
}

fn benches(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("threads can be started");
    let folder = || tempfile::tempdir().expect("a folder can be made");
    let mut group = criterion.benchmark_group("start");
    group.sample_size(20);
    group.bench_function("new", |bencher| {
        bencher.iter_custom(|rounds| (0..rounds).map(|_| start(&runtime, folder().path())).sum());
    });
    let known = folder();
    start(&runtime, known.path());
    group.bench_function("known", |bencher| {
        bencher.iter_custom(|rounds| (0..rounds).map(|_| start(&runtime, known.path())).sum());
    });
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
