//! Parts that are damaged, cut, swapped, missing, or too many.

use std::io::{self, Read, Write as _};

use gumnut_splitter::{ExpectedPart, Joiner, MemoryParts, PartRecord, PartSource, SplitterError};
use gumnut_types::{PartIndex, PartName, Sha1Digest};
use proptest::prelude::*;

use crate::{expected, splitter};

const DATA: &[u8] = b"a stream of bytes that becomes four parts";
const SIZE: u64 = DATA.len() as u64;

fn parts() -> (MemoryParts, Vec<PartRecord>) {
    let mut splitter = splitter(MemoryParts::new(), 11);
    splitter.write_all(DATA).unwrap();
    splitter.finish().unwrap()
}

/// Hides the sizes, as an object store may.
struct Blind(MemoryParts);

impl PartSource for Blind {
    fn open(&mut self, index: PartIndex, name: &PartName) -> io::Result<Box<dyn Read + Send>> {
        self.0.open(index, name)
    }
}

fn join(
    source: impl PartSource,
    parts: Vec<ExpectedPart>,
    size: u64,
) -> Result<Vec<u8>, SplitterError> {
    let mut joiner = Joiner::new(source, parts, size, 100);
    joiner.check_sizes()?;
    let mut bytes = Vec::new();
    joiner
        .read_to_end(&mut bytes)
        .map_err(SplitterError::from_io)?;
    Ok(bytes)
}

/// The error after a change of the second part, with and without sizes known.
fn errors(change: impl Fn(&mut Vec<u8>)) -> [SplitterError; 2] {
    let (mut parts, records) = parts();
    let mut bytes = parts.remove(&records[1].name).unwrap();
    change(&mut bytes);
    parts.insert(records[1].name.clone(), bytes);
    let list = expected(&records);
    [
        join(parts.clone(), list.clone(), SIZE).unwrap_err(),
        join(Blind(parts), list, SIZE).unwrap_err(),
    ]
}

fn names_part_1(error: &SplitterError) -> bool {
    let SplitterError::Digest {
        name,
        expected,
        actual,
        ..
    } = error
    else {
        return false;
    };
    let text = error.to_string();
    name.as_str() == "image.part.01"
        && text.contains(&expected.to_string())
        && text.contains(&actual.to_string())
}

#[test]
fn every_flipped_bit_is_found() {
    for at in 0..11 * 8 {
        for error in errors(|bytes| bytes[at / 8] ^= 1 << (at % 8)) {
            assert!(names_part_1(&error), "{at}: {error}");
        }
    }
}

#[test]
fn a_cut_part_is_named_with_both_digests() {
    for error in errors(|bytes| bytes.truncate(5)) {
        assert!(names_part_1(&error), "{error}");
    }
}

#[test]
fn a_longer_part_is_found() {
    for error in errors(|bytes| bytes.push(0)) {
        assert!(names_part_1(&error), "{error}");
    }
    let [known, blind] = errors(|bytes| bytes.resize(80, 0));
    assert!(names_part_1(&known), "{known}");
    assert!(
        matches!(blind, SplitterError::Excess { name, .. } if name.as_str() == "image.part.01")
    );
    for error in errors(|bytes| bytes.resize(101, 0)) {
        let found = matches!(&error, SplitterError::TooLarge { limit: 100, .. })
            || matches!(&error, SplitterError::Excess { .. });
        assert!(found, "{error}");
    }
}

#[test]
fn swapped_parts_are_found() {
    let (mut parts, records) = parts();
    let [one, two] = [1, 2].map(|i: usize| parts.remove(&records[i].name).unwrap());
    parts.insert(records[1].name.clone(), two);
    parts.insert(records[2].name.clone(), one);
    let error = join(parts, expected(&records), SIZE).unwrap_err();
    assert!(names_part_1(&error), "{error}");
}

#[test]
fn a_missing_part_is_found_before_anything_is_read() {
    let (mut parts, records) = parts();
    parts.remove(&records[3].name);
    let mut joiner = Joiner::new(parts, expected(&records), SIZE, 100);
    let error = joiner.check_sizes().unwrap_err();
    assert!(matches!(error, SplitterError::Missing { name, .. } if name == records[3].name));
}

#[test]
fn a_manifest_that_lies_about_the_sum_is_found() {
    let (parts, records) = parts();
    let known = |size| join(parts.clone(), expected(&records), size);
    let blind = |size| join(Blind(parts.clone()), expected(&records), size);
    for error in [known(SIZE - 1), known(SIZE + 1), blind(SIZE + 1)] {
        assert!(matches!(
            error,
            Err(SplitterError::TotalSize { actual: SIZE, .. })
        ));
    }
    assert!(matches!(blind(SIZE - 1), Err(SplitterError::Excess { .. })));
}

#[test]
fn only_the_last_part_may_be_empty() {
    let (mut parts, records) = parts();
    let empty = |index, name: &str| ExpectedPart {
        index: PartIndex(index),
        name: name.parse().unwrap(),
        digest: Sha1Digest::OF_NOTHING,
    };
    let mut list = expected(&records);
    list.push(empty(4, "image.part.04"));
    parts.insert("image.part.04".parse().unwrap(), Vec::new());
    assert_eq!(join(parts.clone(), list.clone(), SIZE).unwrap(), DATA);
    list.push(empty(5, "image.part.05"));
    parts.insert("image.part.05".parse().unwrap(), Vec::new());
    for error in [
        join(parts.clone(), list.clone(), SIZE).unwrap_err(),
        join(Blind(parts), list, SIZE).unwrap_err(),
    ] {
        assert!(matches!(error, SplitterError::Empty { name } if name.as_str() == "image.part.04"));
    }
}

#[test]
fn finishing_a_part_tells_of_damage_that_comes_later() {
    let (mut parts, records) = parts();
    let mut bytes = parts.remove(&records[0].name).unwrap();
    bytes[10] ^= 1;
    parts.insert(records[0].name.clone(), bytes);
    let mut joiner = Joiner::new(parts, expected(&records), SIZE, 100);
    let mut three = [0; 3];
    joiner.read_exact(&mut three).unwrap();
    assert!(matches!(
        joiner.finish_part(),
        Err(SplitterError::Digest { .. })
    ));
}

proptest! {
    #[test]
    fn any_chunks_join_to_the_stream(
        data in prop::collection::vec(any::<u8>(), 1..300),
        part_size in 1_u64..100,
        chunk in 1_usize..200,
    ) {
        let mut splitter = splitter(MemoryParts::new(), part_size);
        splitter.write_all(&data).unwrap();
        let (parts, records) = splitter.finish().unwrap();
        let mut joiner = Joiner::new(parts, expected(&records), data.len() as u64, 100);
        joiner.check_sizes().unwrap();
        let (mut joined, mut buffer) = (Vec::new(), vec![0; chunk]);
        loop {
            match joiner.read(&mut buffer).unwrap() {
                0 => break,
                count => joined.extend_from_slice(&buffer[..count]),
            }
        }
        prop_assert_eq!(joined, data);
    }
}
