//! Private addresses of instances.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// Those below are for what the network itself may need.
const FIRST: u32 = 10;

/// The lowest address of a subnet that no instance has, from `.10` on; `None`: all are taken. `network` is its first address and
/// `prefix` the number of bits that all have in common. The last address is nobody's.
pub fn free_address(network: Ipv4Addr, prefix: u8, taken: &BTreeSet<Ipv4Addr>) -> Option<Ipv4Addr> {
    let hosts = u32::MAX.checked_shr(prefix.into()).unwrap_or(0);
    let mut candidates = (FIRST..hosts).map(|host| Ipv4Addr::from_bits(network.to_bits() | host));
    candidates.find(|address| !taken.contains(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NETWORK: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 0);

    #[test]
    fn the_lowest_address_that_is_free_is_given() {
        let address = |host| Ipv4Addr::new(172, 31, 0, host);
        let mut taken = BTreeSet::new();
        assert_eq!(free_address(NETWORK, 16, &taken), Some(address(10)));
        taken.extend((10..=255).map(address));
        assert_eq!(
            free_address(NETWORK, 16, &taken),
            Some(Ipv4Addr::new(172, 31, 1, 0))
        );
        taken.remove(&address(12));
        assert_eq!(free_address(NETWORK, 16, &taken), Some(address(12)));
    }

    #[test]
    fn a_full_subnet_has_none() {
        let mut taken = BTreeSet::new();
        let given: Vec<_> = std::iter::from_fn(|| {
            let address = free_address(NETWORK, 28, &taken)?;
            taken.insert(address);
            Some(address.octets()[3])
        })
        .collect();
        assert_eq!(given, [10, 11, 12, 13, 14]);
        assert_eq!(free_address(NETWORK, 32, &BTreeSet::new()), None);
    }
}
