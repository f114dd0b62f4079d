//! What a bucket may be called.

use std::net::Ipv4Addr;

/// Longest key in bytes.
pub(crate) const MAX_KEY: usize = 1024;

/// Whether a bucket may have this name: that of a host, or with `extended` what Eucalyptus takes.
pub(crate) fn is_bucket_name(name: &str, extended: bool) -> bool {
    if name.parse::<Ipv4Addr>().is_ok() {
        return false;
    }
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    if extended {
        let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        return (3..=255).contains(&name.len()) && name.bytes().all(legal);
    }
    let label = |label: &str| {
        let bytes = label.as_bytes();
        let ends = [bytes.first(), bytes.last()];
        let legal = |b: &u8| alphanumeric(*b) || *b == b'-';
        ends.iter().all(|end| end.is_some_and(|b| alphanumeric(*b))) && bytes.iter().all(legal)
    };
    (3..=63).contains(&name.len()) && name.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::is_bucket_name;

    #[test]
    fn names_of_hosts() {
        for good in [
            "abc",
            "a-b.c3",
            "0123",
            "image-bucket",
            "a.b",
            &"a".repeat(63),
        ] {
            assert!(is_bucket_name(good, false), "{good}");
        }
        let long = "a".repeat(64);
        for bad in [
            "",
            "ab",
            "Abc",
            "a_b",
            "-abc",
            "abc-",
            ".abc",
            "abc.",
            "a..b",
            "a.-b",
            "a-.b",
            "192.168.1.1",
            "a b",
            "äöü",
            &long,
        ] {
            assert!(!is_bucket_name(bad, false), "{bad}");
        }
    }

    #[test]
    fn extended_names() {
        for good in ["Upper_Case", "a..b", &"a".repeat(255)] {
            assert!(is_bucket_name(good, true), "{good}");
        }
        for bad in ["192.168.1.1", "a/b", "ab", &"a".repeat(256)] {
            assert!(!is_bucket_name(bad, true), "{bad}");
        }
    }
}
