//! Who is attached.

use std::collections::BTreeSet;
use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// The name of a guest: that of its instance, such as `i-4DA90A12`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GuestId(String);

/// The name of a security group, as rules and guests refer to it: its id in the cloud.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(String);

/// A text that cannot be a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to {MAX_NAME} letters, digits, `-` and `_`")]
pub struct NameError;

/// Longest name in bytes.
const MAX_NAME: usize = 64;

/// Takes a name that may be written into a log, a request line and a file name.
fn name(text: &str) -> Result<String, NameError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if text.is_empty() || text.len() > MAX_NAME || !text.bytes().all(allowed) {
        return Err(NameError);
    }
    Ok(text.to_owned())
}

impl FromStr for GuestId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        name(text).map(Self)
    }
}

impl fmt::Display for GuestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for GroupId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        name(text).map(Self)
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The address of a network card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// The address of an instance's card, as Eucalyptus makes it: `d0:0d` and the four bytes of the instance's id.
    pub fn of_instance(id: u32) -> Self {
        let [a, b, c, d] = id.to_be_bytes();
        Self([0xd0, 0x0d, a, b, c, d])
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0.map(|byte| format!("{byte:02x}"));
        formatter.write_str(&bytes.join(":"))
    }
}

/// A guest as the network knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    /// Its name.
    pub id: GuestId,
    /// The address of its card; frames that say another sender are dropped.
    pub mac: Mac,
    /// The address that it gets by DHCP, in the subnet of the network.
    pub private: Ipv4Addr,
    /// The address of the host on which its ports are opened: one of 127.0.0.0/8, so nothing leaves the machine.
    pub public: Ipv4Addr,
    /// Its host name, without a domain; other guests find it by this name.
    pub host_name: String,
    /// The security groups it is in.
    pub groups: BTreeSet<GroupId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_no_byte_that_means_something_elsewhere() {
        assert_eq!(
            "i-4DA90A12".parse::<GuestId>().unwrap().to_string(),
            "i-4DA90A12"
        );
        for text in ["", "../i", "i 1", "i\n", "ü", &"x".repeat(65)] {
            assert_eq!(text.parse::<GuestId>(), Err(NameError), "{text:?}");
            assert_eq!(text.parse::<GroupId>(), Err(NameError), "{text:?}");
        }
    }

    #[test]
    fn a_card_is_named_for_its_instance() {
        assert_eq!(
            Mac::of_instance(0x1234_abcd).to_string(),
            "d0:0d:12:34:ab:cd"
        );
    }
}
