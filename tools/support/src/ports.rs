//! Ports for daemons that have to be told theirs.

use std::array;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// Addresses of loopback that nobody listens on. All are held until all are known, so they differ.
pub fn free_ports<const COUNT: usize>() -> anyhow::Result<[SocketAddr; COUNT]> {
    let mut listeners = Vec::with_capacity(COUNT);
    for _ in 0..COUNT {
        listeners.push(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?);
    }
    let addresses: Vec<_> = listeners
        .iter()
        .map(TcpListener::local_addr)
        .collect::<Result<_, _>>()?;
    Ok(array::from_fn(|index| addresses[index]))
}
