//! What follows from the id and the address of an instance.

use std::net::Ipv4Addr;

use crate::error::InstanceError;
use crate::id::{InstanceId, InstanceIdError};

/// How many bits are the same in all private addresses of a cloud's instances.
pub(crate) const PREFIX: u8 = 24;

/// The address of an instance's network card, as Eucalyptus makes it: `d0:0d` and the last four bytes of the id. New ids have four
/// bytes, so no two instances have the same.
pub fn mac_of(id: &InstanceId) -> [u8; 6] {
    let digits = id.as_str().trim_start_matches("i-");
    let last = digits.get(digits.len().saturating_sub(8)..);
    // An id has 8 or 17 hex digits.
    let number = last.and_then(|last| u32::from_str_radix(last, 16).ok());
    let [a, b, c, d] = number.unwrap_or_default().to_be_bytes();
    [0xd0, 0x0d, a, b, c, d]
}

/// The address of the host that stands for an instance: all of 127.0.0.0/8 belongs to the host, and nothing leaves it.
pub fn public_address(private: Ipv4Addr) -> Ipv4Addr {
    let [_, second, third, fourth] = private.octets();
    Ipv4Addr::new(127, second, third, fourth)
}

/// The host name of an instance, without a domain: `ip-172-31-0-10`.
pub fn host_name(private: Ipv4Addr) -> String {
    let [first, second, third, fourth] = private.octets();
    format!("ip-{first}-{second}-{third}-{fourth}")
}

/// An id of a row.
pub(crate) fn parsed(id: &str) -> Result<InstanceId, InstanceError> {
    id.parse()
        .map_err(|error: InstanceIdError| InstanceError::internal(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_from_the_id_and_the_address() {
        let mac = |id: &str| mac_of(&id.parse().unwrap());
        assert_eq!(mac("i-4DA90A12"), [0xd0, 0x0d, 0x4d, 0xa9, 0x0a, 0x12]);
        assert_eq!(mac("i-0123456789abcdef0")[2..], [0x9a, 0xbc, 0xde, 0xf0]);
        let private = Ipv4Addr::new(172, 31, 1, 10);
        assert_eq!(public_address(private), Ipv4Addr::new(127, 31, 1, 10));
        assert_eq!(host_name(private), "ip-172-31-1-10");
    }
}
