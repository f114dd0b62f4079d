//! What a request wants to admit, and the rules that it stands for.

use gumnut_cloud_catalogue::{Cidr, Protocol, Rule, RuleSource};

use crate::error::{InstanceError, InstanceErrorKind};

/// Longest description of a rule, in characters, as in EC2.
const MAX_DESCRIPTION: usize = 255;

/// Packets that a request wants to admit, or no longer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permission {
    /// `tcp`, `udp`, `icmp`, `-1`, `all`, or the number of a protocol.
    pub protocol: String,
    /// First port, or type of ICMP; `None` where the request has none.
    pub from: Option<i32>,
    /// Last port, or code of ICMP; `None` where the request has none.
    pub to: Option<i32>,
    /// Ranges of addresses, each with a description of the rule.
    pub ranges: Vec<(String, Option<String>)>,
    /// Groups.
    pub groups: Vec<SourceGroup>,
}

/// A group that a request names as a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceGroup {
    /// The account or user that the group belongs to; `None` for the caller's account.
    pub owner: Option<String>,
    /// Its name; `None` where the request has an id.
    pub name: Option<String>,
    /// Its id; `None` where the request has a name.
    pub id: Option<String>,
    /// The description of the rule.
    pub description: Option<String>,
}

fn malformed(message: String) -> InstanceError {
    InstanceError::new(InstanceErrorKind::PermissionMalformed, message)
}

fn invalid(message: String) -> InstanceError {
    InstanceError::new(InstanceErrorKind::InvalidParameterValue, message)
}

/// A protocol, and the first and the last port or the type and the code.
pub(super) fn traffic(permission: &Permission) -> Result<(Protocol, i32, i32), InstanceError> {
    let shown: String = permission.protocol.chars().take(32).collect();
    let protocol = match permission.protocol.to_ascii_lowercase().as_str() {
        "tcp" | "6" => Protocol::Tcp,
        "udp" | "17" => Protocol::Udp,
        "icmp" | "1" => Protocol::Icmp,
        "-1" | "all" => Protocol::Any,
        _ => return Err(malformed(format!("Invalid protocol ({shown})"))),
    };
    let (from, to) = (permission.from, permission.to);
    let both = || {
        let message = format!("The protocol {shown} needs a first and a last port");
        from.zip(to).ok_or_else(|| malformed(message))
    };
    let (from, to) = match protocol {
        Protocol::Any => (-1, -1),
        Protocol::Icmp => (from.unwrap_or(-1), to.unwrap_or(-1)),
        Protocol::Tcp | Protocol::Udp => both()?,
    };
    let bounds = match protocol {
        Protocol::Any => -1..=-1,
        Protocol::Icmp => -1..=255,
        Protocol::Tcp | Protocol::Udp => 0..=65535,
    };
    if let Some(port) = [from, to].into_iter().find(|port| !bounds.contains(port)) {
        let message = format!("Invalid value '{port}' for a port, type or code of {shown}");
        return Err(malformed(message));
    }
    if protocol != Protocol::Icmp && from > to {
        let message = format!("Invalid range of ports: {from} is larger than {to}");
        return Err(malformed(message));
    }
    Ok((protocol, from, to))
}

/// The rules for the ranges of addresses of a permission.
pub(super) fn of_ranges(permission: &Permission) -> Result<Vec<Rule>, InstanceError> {
    let (protocol, from, to) = traffic(permission)?;
    let rules = permission.ranges.iter().map(|(range, description)| {
        let cidr: Cidr = range.parse().map_err(|_| {
            let shown: String = range.chars().take(64).collect();
            invalid(format!("CIDR block {shown} is malformed"))
        })?;
        Ok(Rule {
            protocol,
            from,
            to,
            source: RuleSource::Cidr(cidr),
            description: checked(description.as_ref())?,
        })
    });
    rules.collect()
}

/// A description of a rule that is not too long.
pub(super) fn checked(description: Option<&String>) -> Result<Option<String>, InstanceError> {
    let too_long = |text: &String| text.chars().count() > MAX_DESCRIPTION;
    if description.is_some_and(too_long) {
        let message = format!("A description has at most {MAX_DESCRIPTION} characters");
        return Err(invalid(message));
    }
    Ok(description.cloned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permission(
        protocol: &str,
        from: impl Into<Option<i32>>,
        to: impl Into<Option<i32>>,
    ) -> Permission {
        Permission {
            protocol: protocol.to_owned(),
            from: from.into(),
            to: to.into(),
            ..Permission::default()
        }
    }

    #[test]
    fn protocols_are_words_or_numbers_and_ports_have_an_order() {
        for (protocol, from, to, expected) in [
            ("TCP", Some(22), Some(22), (Protocol::Tcp, 22, 22)),
            ("17", Some(0), Some(65535), (Protocol::Udp, 0, 65535)),
            ("icmp", Some(8), Some(0), (Protocol::Icmp, 8, 0)),
            ("icmp", None, None, (Protocol::Icmp, -1, -1)),
            ("all", None, None, (Protocol::Any, -1, -1)),
            ("-1", Some(1), Some(2), (Protocol::Any, -1, -1)),
        ] {
            let found = traffic(&permission(protocol, from, to));
            assert_eq!(found, Ok(expected), "{protocol}");
        }
        for (protocol, from, to) in [
            ("sctp", Some(1), Some(1)),
            ("", Some(1), Some(1)),
            ("256", None, None),
            ("tcp", None, Some(22)),
            ("tcp", Some(22), None),
            ("tcp", Some(-1), Some(22)),
            ("tcp", Some(1), Some(65536)),
            ("udp", Some(23), Some(22)),
            ("icmp", Some(256), Some(0)),
        ] {
            let refused = traffic(&permission(protocol, from, to)).unwrap_err();
            let expected = InstanceErrorKind::PermissionMalformed;
            assert_eq!(refused.kind(), expected, "{protocol} {from:?} {to:?}");
        }
    }

    #[test]
    fn ranges_are_those_of_ipv4() {
        let mut wanted = permission("tcp", 22, 22);
        wanted.ranges = vec![("10.1.2.3/8".to_owned(), Some("x".repeat(255)))];
        let rules = of_ranges(&wanted).unwrap();
        assert_eq!(
            rules[0].source,
            RuleSource::Cidr("10.0.0.0/8".parse().unwrap())
        );
        for range in ["10.0.0.0", "::/0", "10.0.0.0/99", ""] {
            wanted.ranges = vec![(range.to_owned(), None)];
            let refused = of_ranges(&wanted).unwrap_err();
            assert_eq!(refused.kind(), InstanceErrorKind::InvalidParameterValue);
        }
        wanted.ranges = vec![("10.0.0.0/8".to_owned(), Some("x".repeat(256)))];
        assert!(of_ranges(&wanted).is_err());
    }
}
