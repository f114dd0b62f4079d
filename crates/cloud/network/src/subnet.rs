//! The addresses of the network.

use std::net::{Ipv4Addr, SocketAddrV4};

use crate::guest::Mac;

/// The metadata service, whatever the subnet is.
pub const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
/// The name under which Eucalyptus' metadata service is known to its guests.
pub const METADATA_NAME: &str = "instance-data";
/// The card of the gateway, and of everything that is behind it. The lowest bit but one: given by no manufacturer.
pub(crate) const GATEWAY_MAC: Mac = Mac([0x02, 0x67, 0x75, 0x6d, 0x00, 0x01]);

/// The private addresses of a cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet {
    gateway: Ipv4Addr,
    prefix: u8,
}

/// What guests can reach without another guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkOptions {
    /// The private addresses.
    pub subnet: Subnet,
    /// Where guests can open connections to; they come out of [`Arrivals`](crate::Arrivals).
    pub services: Vec<SocketAddrV4>,
    /// Bounds.
    pub limits: crate::Limits,
}

impl Default for NetworkOptions {
    /// The metadata service on the ports of EC2 and of Eucalyptus.
    fn default() -> Self {
        Self {
            subnet: Subnet::default(),
            services: vec![
                SocketAddrV4::new(METADATA, 80),
                SocketAddrV4::new(METADATA, 8773),
            ],
            limits: crate::Limits::default(),
        }
    }
}

impl Default for Subnet {
    /// 172.31.0.0/16, as EC2 has it.
    fn default() -> Self {
        Self {
            gateway: Ipv4Addr::new(172, 31, 0, 1),
            prefix: 16,
        }
    }
}

impl Subnet {
    /// A subnet with the address of its gateway. `None` unless it is within 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16, has
    /// room for a guest, and the gateway is neither its first nor its last address.
    pub fn new(gateway: Ipv4Addr, prefix: u8) -> Option<Self> {
        let subnet = Self { gateway, prefix };
        let ends = (8..=30).contains(&prefix) && gateway.is_private();
        let inside = ends && subnet.first().is_private() && subnet.broadcast().is_private();
        (inside && gateway != subnet.first() && gateway != subnet.broadcast()).then_some(subnet)
    }

    /// The router and name server of the guests.
    pub fn gateway(self) -> Ipv4Addr {
        self.gateway
    }

    /// As in 255.255.0.0.
    pub fn mask(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(u32::MAX << (32 - self.prefix))
    }

    /// Bits of an address that are the same in the whole subnet.
    pub fn prefix(self) -> u8 {
        self.prefix
    }

    /// The last address, at which all are meant.
    pub fn broadcast(self) -> Ipv4Addr {
        self.gateway | !self.mask()
    }

    /// Whether a guest can have this address.
    pub fn has_room_at(self, address: Ipv4Addr) -> bool {
        let ends = [self.first(), self.broadcast(), self.gateway];
        address & self.mask() == self.first() && !ends.contains(&address)
    }

    fn first(self) -> Ipv4Addr {
        self.gateway & self.mask()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(text: &str, prefix: u8) -> Option<Subnet> {
        Subnet::new(text.parse().unwrap(), prefix)
    }

    #[test]
    fn a_subnet_is_private_and_has_room() {
        assert_eq!(subnet("172.31.0.1", 16), Some(Subnet::default()));
        assert!(subnet("10.0.0.1", 8).is_some());
        // 172.16.0.0/12 ends within 172.0.0.0/8.
        let wrong = [
            ("172.31.0.1", 8),
            ("8.8.8.8", 24),
            ("10.0.0.0", 8),
            ("10.0.0.3", 30),
        ];
        for (text, prefix) in wrong {
            assert_eq!(subnet(text, prefix), None, "{text}/{prefix}");
        }
        assert_eq!(subnet("10.0.0.1", 31), None);
    }

    #[test]
    fn a_guest_gets_an_address_that_nobody_else_has() {
        let subnet = subnet("10.1.2.1", 29).unwrap();
        assert_eq!(subnet.mask(), Ipv4Addr::new(255, 255, 255, 248));
        let can = |last| subnet.has_room_at(Ipv4Addr::new(10, 1, 2, last));
        assert_eq!(
            (0..=8).filter(|last| can(*last)).collect::<Vec<_>>(),
            [2, 3, 4, 5, 6]
        );
    }
}
