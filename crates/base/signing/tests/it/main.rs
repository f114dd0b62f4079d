//! The vendor's published worked examples, and properties.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod chunks;
mod forms;
mod one_reading;
mod properties;
mod v2;
mod v4;

use gumnut_signing::{AccessKeyId, Credentials};
use gumnut_types::SecretString;

/// The example credentials of the vendor's manual.
fn example() -> Credentials {
    let secret = SecretString::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
    Credentials::new(AccessKeyId::new("AKIAIOSFODNN7EXAMPLE"), secret)
}

fn headers(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}
