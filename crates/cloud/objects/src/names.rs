//! What a bucket may be called.

use std::net::Ipv4Addr;

/// Whether a bucket may have this name: a name of DNS of 3 to 63 bytes, or with `extended` what Eucalyptus takes, 3 to 255
/// letters, digits, dots, hyphens and underscores. An IPv4 address is never one.
pub fn is_bucket_name(name: &str, extended: bool) -> bool {
    if name.parse::<Ipv4Addr>().is_ok() {
        return false;
    }
    if extended {
        (3..=255).contains(&name.len()) && name.bytes().all(is_extended)
    } else {
        (3..=63).contains(&name.len()) && name.split('.').all(is_label)
    }
}

fn is_extended(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
}

/// Whether DNS takes it between two dots.
fn is_label(label: &str) -> bool {
    label
        .bytes()
        .all(|byte| is_alphanumeric(byte) || byte == b'-')
        && label.bytes().next().is_some_and(is_alphanumeric)
        && label.bytes().last().is_some_and(is_alphanumeric)
}

fn is_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
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
