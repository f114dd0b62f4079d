//! Security groups: which packets a guest gets.

use std::collections::{BTreeSet, HashMap};
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use crate::guest::GroupId;

/// One rule of a security group. What no rule admits is refused; everything that a guest sends may leave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Which packets.
    pub traffic: Traffic,
    /// From whom.
    pub source: Source,
}

/// Packets that a rule admits.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Traffic {
    /// TCP to these ports.
    Tcp(RangeInclusive<u16>),
    /// UDP to these ports.
    Udp(RangeInclusive<u16>),
    /// ICMP.
    Icmp {
        /// Its type; `None`: all.
        kind: Option<u8>,
        /// Its code; `None`: all.
        code: Option<u8>,
    },
    /// A protocol by its number.
    Protocol(u8),
    /// All.
    Any,
}

/// Where packets that a rule admits come from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// Addresses.
    Cidr(Cidr),
    /// Guests in this group.
    Group(GroupId),
}

/// A range of IPv4 addresses, as in `172.31.0.0/16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    address: Ipv4Addr,
    prefix: u8,
}

/// A packet that wants in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival<'a> {
    pub(crate) source: Ipv4Addr,
    /// The groups of the sender; none if it is no guest.
    pub(crate) groups: Option<&'a BTreeSet<GroupId>>,
    pub(crate) what: What,
}

/// What a rule can ask of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Tcp { port: u16 },
    Udp { port: u16 },
    Icmp { kind: u8, code: u8 },
    Other { protocol: u8 },
}

/// The rules of every group.
#[derive(Debug, Default)]
pub(crate) struct Groups(HashMap<GroupId, Vec<Rule>>);

impl Cidr {
    /// Every address.
    pub const ANYWHERE: Self = Self {
        address: Ipv4Addr::UNSPECIFIED,
        prefix: 0,
    };

    /// The addresses that begin with the first `prefix` bits of `address`. `None` for more than 32.
    pub fn new(address: Ipv4Addr, prefix: u8) -> Option<Self> {
        (prefix <= 32).then_some(Self { address, prefix })
    }

    fn contains(self, address: Ipv4Addr) -> bool {
        // Shifting by all 32 bits is not possible.
        let mask = u32::MAX
            .checked_shl(32 - u32::from(self.prefix))
            .unwrap_or(0);
        (self.address.to_bits() ^ address.to_bits()) & mask == 0
    }
}

impl Rule {
    fn admits(&self, arrival: &Arrival<'_>) -> bool {
        self.traffic.includes(arrival.what) && self.source.includes(arrival)
    }
}

impl Traffic {
    fn includes(&self, what: What) -> bool {
        match (self, what) {
            (Self::Any, _) => true,
            (Self::Tcp(ports), What::Tcp { port }) | (Self::Udp(ports), What::Udp { port }) => {
                ports.contains(&port)
            }
            (Self::Icmp { kind, code }, What::Icmp { kind: of, code: at }) => {
                kind.is_none_or(|kind| kind == of) && code.is_none_or(|code| code == at)
            }
            (Self::Protocol(number), What::Other { protocol }) => *number == protocol,
            _ => false,
        }
    }

    /// Ports of TCP; `None`: the rule has nothing to do with TCP.
    fn tcp(&self) -> Option<RangeInclusive<u16>> {
        match self {
            Self::Tcp(ports) => Some(ports.clone()),
            Self::Any => Some(1..=u16::MAX),
            _ => None,
        }
    }
}

impl Source {
    fn includes(&self, arrival: &Arrival<'_>) -> bool {
        match self {
            Self::Cidr(cidr) => cidr.contains(arrival.source),
            Self::Group(group) => arrival.groups.is_some_and(|groups| groups.contains(group)),
        }
    }
}

/// Ports that are opened of a range that is wider than all that can be opened: ssh, web servers, remote desktop.
const WELL_KNOWN: [u16; 7] = [22, 80, 443, 3389, 8000, 8080, 8443];

impl Groups {
    pub(crate) fn set(&mut self, group: GroupId, rules: Vec<Rule>) {
        if rules.is_empty() {
            self.0.remove(&group);
        } else {
            self.0.insert(group, rules);
        }
    }

    /// Whether a guest in these groups gets the packet.
    pub(crate) fn admit(&self, groups: &BTreeSet<GroupId>, arrival: &Arrival<'_>) -> bool {
        self.rules(groups).any(|rule| rule.admits(arrival))
    }

    /// The TCP ports, at most so many, on which the host should listen for a guest in these groups: those of narrow rules
    /// first, and of a wide one what is usually looked for.
    pub(crate) fn host_ports(&self, groups: &BTreeSet<GroupId>, most: usize) -> BTreeSet<u16> {
        let host = Arrival {
            source: Ipv4Addr::LOCALHOST,
            groups: None,
            what: What::Tcp { port: 0 },
        };
        let for_host = self
            .rules(groups)
            .filter(|rule| rule.source.includes(&host));
        let mut ranges: Vec<_> = for_host.filter_map(|rule| rule.traffic.tcp()).collect();
        ranges.sort_by_key(|range| (range.len(), *range.start()));
        let mut ports = BTreeSet::new();
        for range in ranges {
            let wanted: Vec<u16> = if range.len() <= most {
                range.filter(|port| *port != 0).collect()
            } else {
                let known = WELL_KNOWN.into_iter();
                known.filter(|port| range.contains(port)).collect()
            };
            for port in wanted {
                if ports.len() < most {
                    ports.insert(port);
                }
            }
        }
        ports
    }

    fn rules(&self, groups: &BTreeSet<GroupId>) -> impl Iterator<Item = &Rule> {
        let known = groups.iter().filter_map(|group| self.0.get(group));
        known.flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str) -> GroupId {
        name.parse().unwrap()
    }

    fn groups(rules: Vec<Rule>) -> (Groups, BTreeSet<GroupId>) {
        let mut all = Groups::default();
        all.set(group("sg-1"), rules);
        (all, BTreeSet::from([group("sg-1")]))
    }

    fn rule(traffic: Traffic, address: [u8; 4], prefix: u8) -> Rule {
        let cidr = Cidr::new(address.into(), prefix).unwrap();
        Rule {
            traffic,
            source: Source::Cidr(cidr),
        }
    }

    fn from(source: [u8; 4], what: What) -> Arrival<'static> {
        Arrival {
            source: source.into(),
            groups: None,
            what,
        }
    }

    #[test]
    fn a_rule_admits_its_traffic_and_nothing_else() {
        let (all, of) = groups(vec![rule(Traffic::Tcp(20..=22), [10, 1, 0, 0], 16)]);
        let admits = |source, what| all.admit(&of, &from(source, what));
        assert!(admits([10, 1, 2, 3], What::Tcp { port: 22 }));
        assert!(!admits([10, 2, 2, 3], What::Tcp { port: 22 }));
        assert!(!admits([10, 1, 2, 3], What::Tcp { port: 23 }));
        assert!(!admits([10, 1, 2, 3], What::Udp { port: 22 }));
        assert!(!admits([10, 1, 2, 3], What::Other { protocol: 6 }));
        let echo = What::Icmp { kind: 8, code: 0 };
        assert!(!admits([10, 1, 2, 3], echo));
    }

    #[test]
    fn icmp_is_admitted_by_type_and_code() {
        let traffic = |kind, code| Traffic::Icmp { kind, code };
        let echo = What::Icmp { kind: 8, code: 0 };
        for (traffic, admitted) in [
            (traffic(None, None), true),
            (traffic(Some(8), None), true),
            (traffic(Some(8), Some(1)), false),
            (traffic(Some(0), None), false),
            (Traffic::Any, true),
        ] {
            let (all, of) = groups(vec![rule(traffic.clone(), [0; 4], 0)]);
            assert_eq!(
                all.admit(&of, &from([1, 2, 3, 4], echo)),
                admitted,
                "{traffic:?}"
            );
        }
    }

    #[test]
    fn a_group_admits_its_members_and_not_their_addresses() {
        let (all, of) = groups(vec![Rule {
            traffic: Traffic::Any,
            source: Source::Group(group("sg-2")),
        }]);
        let member = BTreeSet::from([group("sg-2"), group("sg-3")]);
        let mut arrival = from([172, 31, 0, 10], What::Tcp { port: 80 });
        assert!(!all.admit(&of, &arrival));
        arrival.groups = Some(&member);
        assert!(all.admit(&of, &arrival));
        arrival.groups = Some(&of);
        assert!(!all.admit(&of, &arrival));
    }

    #[test]
    fn no_rule_no_traffic() {
        let (mut all, of) = groups(vec![rule(Traffic::Any, [0; 4], 0)]);
        let arrival = from([127, 0, 0, 1], What::Tcp { port: 22 });
        assert!(all.admit(&of, &arrival));
        all.set(group("sg-1"), vec![]);
        assert!(!all.admit(&of, &arrival));
        assert!(!all.admit(&BTreeSet::new(), &arrival));
    }

    #[test]
    fn the_host_listens_where_it_is_admitted_and_to_few_ports() {
        let (all, of) = groups(vec![
            rule(Traffic::Any, [0; 4], 0),
            rule(Traffic::Tcp(5000..=5002), [127, 0, 0, 0], 8),
            rule(Traffic::Tcp(6000..=6000), [172, 31, 0, 0], 16),
            rule(Traffic::Udp(53..=53), [0; 4], 0),
        ]);
        let ports: Vec<_> = all.host_ports(&of, 5).into_iter().collect();
        assert_eq!(ports, [22, 80, 5000, 5001, 5002]);
        assert_eq!(all.host_ports(&of, 32).len(), 3 + WELL_KNOWN.len());
        let (all, of) = groups(vec![rule(Traffic::Tcp(0..=1), [0; 4], 0)]);
        assert_eq!(all.host_ports(&of, 32), BTreeSet::from([1]));
    }
}
