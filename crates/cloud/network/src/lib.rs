#![doc = include_str!("../README.md")]

mod build;
mod dhcp;
mod dns;
mod error;
mod flows;
mod frame;
mod groups;
mod guest;
mod hub;
mod limits;
mod link;
mod listeners;
mod network;
mod proxy;
mod stack;
mod stream;
mod subnet;
mod switch;

pub use error::NetworkError;
pub use groups::{Cidr, Rule, Source, Traffic};
pub use guest::{GroupId, Guest, GuestId, Mac, NameError};
pub use limits::{Limits, MAX_FRAME, MTU};
pub use link::{EMULATOR_SOCKET, NETWORK_SOCKET};
pub use listeners::{HostPort, MOVED_BY};
pub use network::{Arrival, Arrivals, Attachment, Network};
pub use proxy::{Proxy, connect_through};
pub use stream::{HopLimit, Stream};
pub use subnet::{METADATA, METADATA_NAME, NetworkOptions, Subnet};
pub use switch::{Accepted, Bell, Connection, Load, Port, Switch};
