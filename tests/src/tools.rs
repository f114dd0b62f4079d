//! Programs of the system, and data to feed them.

use std::path::PathBuf;
use std::process::Command;

/// Runs a program of the system, which must be there and succeed, and gives its standard output.
///
/// A missing program fails the test: a skipped judge has judged nothing.
pub fn tool(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}; run: cargo xtask setup"));
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The path of a fixture.
#[must_use]
pub fn fixture(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures")).join(name)
}

/// Bytes that do not compress to nothing and differ everywhere: a 64-bit linear congruential sequence.
#[must_use]
pub fn patterned(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}
