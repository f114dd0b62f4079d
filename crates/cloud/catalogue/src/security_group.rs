//! Security groups: which packets an instance gets.

use std::collections::BTreeSet;
use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use gumnut_types::AccountId;
use serde::{Deserialize, Serialize};

/// A security group of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityGroup {
    /// The number of the account that it belongs to.
    pub owner: AccountId,
    /// Its name, which no other group of the account has.
    pub name: String,
    /// `sg-` and 8 hex digits.
    pub id: String,
    /// What it is for.
    pub description: String,
    /// The packets that instances in it get, none of them twice. Everything else is refused.
    pub rules: Vec<Rule>,
    /// When it was created, in milliseconds since 1970.
    pub created: i64,
}

/// A rule of a security group, which admits packets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// The protocol of the packets.
    pub protocol: Protocol,
    /// The first port of TCP and UDP, the type of ICMP; -1 for all types, and for [`Protocol::Any`].
    pub from: i32,
    /// The last port of TCP and UDP, the code of ICMP; -1 for all codes, and for [`Protocol::Any`].
    pub to: i32,
    /// Where the packets come from.
    pub source: RuleSource,
    /// What it is for; `None` where the client has said nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// The protocol of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP.
    Icmp,
    /// Every protocol.
    Any,
}

/// Where the packets come from that a rule admits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleSource {
    /// Addresses.
    Cidr(Cidr),
    /// Instances in a group.
    Group {
        /// The number of the account that the group belongs to.
        owner: String,
        /// The name of the group.
        name: String,
    },
}

/// A range of IPv4 addresses, as in `172.31.0.0/16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cidr {
    /// The first address of the range.
    address: Ipv4Addr,
    prefix: u8,
}

/// The text is not a range of IPv4 addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a range of IPv4 addresses: a range looks like 172.31.0.0/16")]
pub struct CidrError(String);

/// What a decision about the security groups of an account rests on: all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupsState {
    /// The groups, by name.
    pub groups: Vec<SecurityGroup>,
    /// The ids of those that an instance is in which is not terminated.
    pub in_use: BTreeSet<String>,
    /// The time of the unit, in milliseconds since 1970.
    pub now: i64,
}

/// What is to change of the security groups of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupChange {
    /// A group that is added.
    pub insert: Option<SecurityGroup>,
    /// The name of a group, and the rules that it gets.
    pub rules: Option<(String, Vec<Rule>)>,
    /// The name of a group that is removed.
    pub remove: Option<String>,
}

impl Rule {
    /// Whether both admit the same packets, whatever their descriptions.
    pub fn admits_as(&self, other: &Self) -> bool {
        let of = |rule: &Self| (rule.protocol, rule.from, rule.to);
        of(self) == of(other) && self.source == other.source
    }
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Tcp, Self::Udp, Self::Icmp, Self::Any];

    /// The word of the EC2 API: `tcp`, `udp`, `icmp`, `-1`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
            Self::Any => "-1",
        }
    }
}

impl Cidr {
    /// The addresses that begin with the first `prefix` bits of `address`. `None` for more than 32.
    pub fn new(address: Ipv4Addr, prefix: u8) -> Option<Self> {
        let other = 32_u32.checked_sub(prefix.into())?;
        // Shifting by all 32 bits is not possible.
        let mask = u32::MAX.checked_shl(other).unwrap_or(0);
        Some(Self {
            address: Ipv4Addr::from_bits(address.to_bits() & mask),
            prefix,
        })
    }

    /// The first address of the range.
    pub fn address(self) -> Ipv4Addr {
        self.address
    }

    /// How many bits at the beginning all addresses of the range have in common.
    pub fn prefix(self) -> u8 {
        self.prefix
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let parse = || {
            let (address, prefix) = text.split_once('/')?;
            let is_number = prefix.len() <= 2 && prefix.bytes().all(|byte| byte.is_ascii_digit());
            let prefix = prefix.parse().ok().filter(|_| is_number)?;
            Self::new(address.parse().ok()?, prefix)
        };
        parse().ok_or_else(|| CidrError(text.chars().take(64).collect()))
    }
}

impl TryFrom<String> for Cidr {
    type Error = CidrError;

    fn try_from(text: String) -> Result<Self, CidrError> {
        text.parse()
    }
}

impl From<Cidr> for String {
    fn from(cidr: Cidr) -> Self {
        cidr.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_begins_with_its_first_address() {
        for (text, shown) in [
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("172.31.255.255/17", "172.31.128.0/17"),
            ("10.1.2.3/32", "10.1.2.3/32"),
        ] {
            assert_eq!(text.parse::<Cidr>().unwrap().to_string(), shown);
        }
        for text in [
            "",
            "10.0.0.0",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "10.0.0/8",
            "10.0.0.0/008",
            "::/0",
            "10.0.0.256/8",
        ] {
            assert!(text.parse::<Cidr>().is_err(), "{text:?}");
        }
    }
}
