//! The corpora, replayed: an input that once was a finding is found again should its fault come back.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test may panic, and names the input it was at"
)]

use std::path::PathBuf;

use gumnut_fuzz_targets::{TARGETS, Target};

fn corpus(name: &str) -> Vec<PathBuf> {
    let folder =
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus")).join(name);
    let entries = fs_err::read_dir(folder).unwrap();
    let mut inputs: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    inputs.sort();
    inputs
}

fn replay(name: &str, target: Target) {
    let inputs = corpus(name);
    assert!(inputs.len() >= 5, "the corpus of {name} is nearly empty");
    for input in inputs {
        println!("{}", input.display());
        target(&fs_err::read(&input).unwrap());
    }
}

#[test]
fn every_input_of_every_corpus_passes() {
    for (name, target) in TARGETS {
        replay(name, target);
    }
}

#[test]
fn every_target_has_a_corpus_and_a_binary_and_nothing_else_does() {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz"));
    let names = |folder: &str| {
        let entries = fs_err::read_dir(root.join(folder)).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| {
                let path = entry.unwrap().path();
                path.file_stem().unwrap().to_string_lossy().into_owned()
            })
            .collect();
        names.sort();
        names
    };
    let targets = TARGETS.map(|(name, _)| name);
    assert_eq!(names("corpus"), targets);
    assert_eq!(names("fuzz_targets"), targets);
}
