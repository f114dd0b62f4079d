//! `gumnut_fuzz_targets::network` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gumnut_fuzz_targets::network(bytes));
