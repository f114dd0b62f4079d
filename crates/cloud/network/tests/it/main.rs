//! The network as guests see it.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod bounds;
mod guest;
mod lab;
mod neighbours;
mod services;
mod sockets;
mod to_guest;
