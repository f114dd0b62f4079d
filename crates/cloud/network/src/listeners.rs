//! Ports of the host that lead to ports of a guest.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Weak;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time;

use crate::hub::Hub;
use crate::stream::Stream;
use crate::switch::Port;

/// A port of a guest on the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// The port of the guest.
    pub port: u16,
    /// Where the host listens for it, or why it does not.
    pub listening: Result<SocketAddrV4, String>,
}

/// The ports of one guest on the host.
#[derive(Debug, Default)]
pub(crate) struct Listeners(BTreeMap<u16, Listening>);

#[derive(Debug)]
struct Listening {
    at: Result<SocketAddrV4, String>,
    task: Option<AbortHandle>,
}

/// What is added to a port that only root may take.
pub const MOVED_BY: u16 = 10_000;
const FIRST_FREE_PORT: u16 = 1024;
/// How long nothing is accepted when the system cannot: it has no file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

impl Listeners {
    pub(crate) fn ports(&self) -> Vec<HostPort> {
        let listening = self.0.iter().map(|(port, listening)| HostPort {
            port: *port,
            listening: listening.at.clone(),
        });
        listening.collect()
    }

    /// Closes what is not wanted and opens what is; what could not be opened is tried again.
    pub(crate) fn set(
        &mut self,
        public: Ipv4Addr,
        wanted: &BTreeSet<u16>,
        hub: &Weak<Hub>,
        at: Port,
    ) {
        self.0
            .retain(|port, listening| wanted.contains(port) && listening.at.is_ok());
        for port in wanted {
            self.0
                .entry(*port)
                .or_insert_with(|| Listening::open(public, *port, hub, at));
        }
    }
}

impl Listening {
    fn open(public: Ipv4Addr, port: u16, hub: &Weak<Hub>, at: Port) -> Self {
        match bind(public, port) {
            Ok((address, listener)) => {
                let task = tokio::spawn(accept(listener, hub.clone(), at, port));
                Self {
                    at: Ok(address),
                    task: Some(task.abort_handle()),
                }
            }
            Err(error) => {
                tracing::warn!(%public, port, %error, "cannot listen for a guest");
                Self {
                    at: Err(error.to_string()),
                    task: None,
                }
            }
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Takes the port, or the one that stands for it.
fn bind(public: Ipv4Addr, port: u16) -> io::Result<(SocketAddrV4, TcpListener)> {
    let bound = std::net::TcpListener::bind((public, port));
    let bound = match bound {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && port < FIRST_FREE_PORT => {
            std::net::TcpListener::bind((public, port + MOVED_BY))
        }
        bound => bound,
    }?;
    bound.set_nonblocking(true)?;
    let SocketAddr::V4(address) = bound.local_addr()? else {
        return Err(io::ErrorKind::Unsupported.into());
    };
    Ok((address, TcpListener::from_std(bound)?))
}

/// Passes on whatever comes, until it is aborted; then the connections end, too.
async fn accept(listener: TcpListener, hub: Weak<Hub>, at: Port, port: u16) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((client, _)) => {
                    connections.spawn(relay(client, hub.clone(), at, port));
                }
                Err(_) => time::sleep(PAUSE).await,
            },
            // So that those that are over are not kept.
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn relay(mut client: TcpStream, hub: Weak<Hub>, at: Port, port: u16) {
    // A terminal sends single letters.
    let _ = client.set_nodelay(true);
    let Some(hub) = hub.upgrade() else {
        return;
    };
    match Stream::open(&hub, at, port).await {
        Ok(mut guest) => {
            // Whichever side failed, both are at their end.
            let _ = tokio::io::copy_bidirectional(&mut client, &mut guest).await;
        }
        Err(error) => {
            tracing::debug!(%error, "a connection of the host is refused");
            // The client gets a reset, as the guest would send it.
            let _ = client.set_zero_linger();
        }
    }
}
