//! Why the network cannot do something.

use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use gumnut_types::Fault;

use crate::guest::GuestId;

/// Why the network cannot do something.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// A guest of this name is attached.
    #[error("the guest {0} is attached already")]
    Attached(GuestId),
    /// Another guest has the address or the card.
    #[error("the address {0} belongs to another guest")]
    Taken(Ipv4Addr),
    /// The address cannot be that of a guest.
    #[error("{0} is not an address for a guest of this network")]
    Address(Ipv4Addr),
    /// The host name cannot be one.
    #[error("the host name {0:?} is not one of 1 to 63 letters, digits and `-`")]
    HostName(String),
    /// There is no such guest.
    #[error("there is no guest {0}; it may have ended")]
    NoGuest(String),
    /// No rule of the guest's security groups admits the host.
    #[error(
        "the security groups of {guest} do not admit the host to TCP port {port}; authorize it first"
    )]
    NotAdmitted {
        /// The guest.
        guest: GuestId,
        /// The port.
        port: u16,
    },
    /// The port cannot be connected to.
    #[error("{0} is not a TCP port to connect to")]
    Port(u16),
    /// The guest has as many connections as it may have.
    #[error("the guest has {0} connections from the host already")]
    TooManyConnections(usize),
    /// The guest did not take the connection.
    #[error("cannot connect to port {port} of {guest}")]
    Connect {
        /// The guest.
        guest: GuestId,
        /// The port.
        port: u16,
        /// Refused, or timed out.
        source: io::Error,
    },
    /// The cloud refuses to connect; its words.
    #[error("{0}")]
    Refused(String),
    /// The system refused something.
    #[error("cannot {doing} {}", path.display())]
    System {
        /// As in `bind the socket`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Its words.
        source: io::Error,
    },
    /// No random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(getrandom::Error),
}

impl NetworkError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Attached(_) | Self::Taken(_) | Self::Address(_) | Self::HostName(_) => {
                Fault::Input
            }
            Self::Port(_) => Fault::Usage,
            Self::NoGuest(_)
            | Self::NotAdmitted { .. }
            | Self::TooManyConnections(_)
            | Self::Refused(_) => Fault::Refused,
            Self::Connect { .. } => Fault::Network,
            Self::System { .. } | Self::Random(_) => Fault::System,
        }
    }
}
