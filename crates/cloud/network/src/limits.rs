//! What one guest may cost.

use std::time::Duration;

/// Longest frame in bytes: an Ethernet header and [`MTU`] bytes of IPv4. A longer one is ignored.
pub const MAX_FRAME: usize = ETHERNET_HEADER + MTU;
/// Largest IPv4 packet in bytes. The system holds about ten frames between an emulator and its port until one of both has its turn, so
/// that large ones are faster. Cards on virtio offer it to guests; others have packets of 1500 bytes, and their TCP says so.
pub const MTU: usize = 9000;
/// Bytes before the packet in a frame.
pub(crate) const ETHERNET_HEADER: usize = 14;

/// Bounds for each guest. All of them are reached by a guest that misbehaves, and then it is this guest that waits or is
/// refused, not its neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Connections that the guest opened to services of the network.
    pub from_guest: usize,
    /// Connections that the host opened to the guest.
    pub to_guest: usize,
    /// Frames that wait for the guest; further ones are dropped, as by any switch.
    pub queue: usize,
    /// Bytes that a connection holds in each direction.
    pub buffer: usize,
    /// Connections and exchanges with other guests that the guest began; the oldest is forgotten for a new one.
    pub flows: usize,
    /// Ports of the guest that the host listens on.
    pub listeners: usize,
    /// How long a connection that makes no progress is kept, and one that the host has given up.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            from_guest: 64,
            to_guest: 64,
            queue: 256,
            buffer: 64 << 10,
            flows: 512,
            listeners: 32,
            patience: Duration::from_mins(1),
        }
    }
}
