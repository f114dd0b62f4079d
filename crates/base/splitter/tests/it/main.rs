//! Bundles in directories and channels, and parts that are not what they should be.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod channel;
mod folder;
mod joiner;

use std::num::NonZeroU64;

use gumnut_splitter::{BundleNames, ExpectedPart, PartRecord, PartSink, Splitter};

fn names(prefix: &str) -> BundleNames {
    BundleNames::new(prefix.parse().unwrap()).unwrap()
}

fn splitter<S: PartSink>(sink: S, part_size: u64) -> Splitter<S> {
    Splitter::new(
        sink,
        names("image"),
        NonZeroU64::new(part_size).unwrap(),
        1000,
    )
}

fn expected(records: &[PartRecord]) -> Vec<ExpectedPart> {
    let part = |record: &PartRecord| ExpectedPart {
        index: record.index,
        name: record.name.clone(),
        digest: record.digest,
    };
    records.iter().map(part).collect()
}
