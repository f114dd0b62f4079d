//! Addresses of instances that no other cloud of this computer has.

use std::io;
use std::net::Ipv4Addr;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};

use crate::error::CloudError;

/// Some of the addresses of 172.31.0.0/16, and those of 127.31.0.0/16 that stand for them on the host. Another cloud of the same
/// computer gets others, as long as this value is there.
pub(super) struct Claim {
    network: Ipv4Addr,
    /// Its name is taken where these addresses are: in one network namespace. The system gives it back however the process ends.
    _name: UnixListener,
}

impl Claim {
    /// The first addresses that are free.
    ///
    /// # Errors
    /// When there are none.
    pub(super) fn of_first_free() -> Result<Self, CloudError> {
        let networks = (0..=u8::MAX).map(|third| Ipv4Addr::new(172, 31, third, 0));
        Self::first_of(networks).map_err(|source| CloudError::Files {
            doing: "find addresses for instances that no other cloud has",
            source,
        })
    }

    fn first_of(networks: impl Iterator<Item = Ipv4Addr>) -> io::Result<Self> {
        for network in networks {
            let name = SocketAddr::from_abstract_name(format!("gumnut-instances-{network}"))?;
            match UnixListener::bind_addr(&name) {
                Ok(name) => {
                    return Ok(Self {
                        network,
                        _name: name,
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AddrNotAvailable.into())
    }

    /// The first of 256 private addresses.
    pub(super) fn network(&self) -> Ipv4Addr {
        self.network
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_has_another_does_not_get_until_it_is_given_back() {
        // Below the addresses of clouds that may run meanwhile.
        let networks = || {
            [1, 2]
                .map(|second| Ipv4Addr::new(172, second, 0, 0))
                .into_iter()
        };
        let first = Claim::first_of(networks()).unwrap();
        let second = Claim::first_of(networks()).unwrap();
        assert_eq!(
            (first.network.octets()[1], second.network.octets()[1]),
            (1, 2)
        );
        let refused = Claim::first_of(networks()).err().unwrap();
        assert_eq!(refused.kind(), io::ErrorKind::AddrNotAvailable);
        drop(first);
        let again = Claim::first_of(networks()).unwrap();
        assert_eq!(again.network.octets()[1], 1);
    }
}
