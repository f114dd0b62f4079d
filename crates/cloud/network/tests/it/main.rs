//! The network as guests see it.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test may panic, and says how fast it was"
)]

mod bounds;
mod guest;
mod judge;
mod lab;
mod neighbours;
mod services;
mod sockets;
mod to_guest;
