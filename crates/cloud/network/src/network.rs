//! The switch with its sockets, and a task for each guest.

use std::collections::{BTreeSet, HashMap};
use std::future;
use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;
use tokio::time;

use crate::error::NetworkError;
use crate::groups::Rule;
use crate::guest::{GroupId, Guest, GuestId};
use crate::hub::Hub;
use crate::limits::MAX_FRAME;
use crate::link::{Link, NETWORK_SOCKET, Sent, remove};
use crate::listeners::{HostPort, Listeners};
use crate::stream::Stream;
use crate::subnet::NetworkOptions;
use crate::switch::{Port, Switch};

/// The network of a cloud's instances. Clones are the same network.
#[derive(Clone, Debug)]
pub struct Network {
    shared: Arc<Shared>,
}

/// Connections that guests open to the services.
#[derive(Debug)]
pub struct Arrivals(mpsc::Receiver<Arrival>);

/// A connection that a guest has opened to a service.
#[derive(Debug)]
pub struct Arrival {
    /// Who.
    pub guest: GuestId,
    /// To where.
    pub service: SocketAddrV4,
    /// The connection.
    pub stream: Stream,
}

/// A guest that is attached; it is detached when this is dropped.
#[derive(Debug)]
pub struct Attachment {
    shared: Arc<Shared>,
    port: Port,
    task: AbortHandle,
    socket: PathBuf,
}

#[derive(Debug)]
struct Shared {
    hub: Arc<Hub>,
    listeners: Mutex<HashMap<Port, Listeners>>,
    arrivals: mpsc::Sender<Arrival>,
}

/// Connections that wait to be answered; one more is closed.
const WAITING: usize = 64;
/// Frames of one guest that are taken before its answers go out and the others have their turn.
const BATCH: usize = 64;
/// How often it is tried again to send to an emulator that is slow, whatever the sockets say.
const RETRY: Duration = Duration::from_millis(5);

impl Network {
    /// A network without guests.
    pub fn new(options: NetworkOptions) -> (Self, Arrivals) {
        let (arrivals, receiver) = mpsc::channel(WAITING);
        let shared = Shared {
            hub: Arc::new(Hub::new(Switch::new(options))),
            listeners: Mutex::default(),
            arrivals,
        };
        let shared = Arc::new(shared);
        (Self { shared }, Arrivals(receiver))
    }

    /// Attaches a guest whose emulator is about to be started with `-netdev dgram` and the sockets [`NETWORK_SOCKET`] and
    /// [`EMULATOR_SOCKET`] in this directory, which only the user of the cloud may enter. Must be called in a runtime.
    ///
    /// [`NETWORK_SOCKET`]: crate::NETWORK_SOCKET
    /// [`EMULATOR_SOCKET`]: crate::EMULATOR_SOCKET
    ///
    /// # Errors
    /// When its name or address is taken, or the sockets cannot be made.
    pub fn attach(&self, guest: Guest, folder: &Path) -> Result<Attachment, NetworkError> {
        let link = Link::bind(folder)?;
        let seed = getrandom::u64().map_err(NetworkError::Random)?;
        let id = guest.id.clone();
        let bell = Arc::new(Notify::new());
        let rings = Arc::clone(&bell);
        let ring = Box::new(move || rings.notify_one());
        let now = self.shared.hub.now();
        let port = self.shared.hub.switch().attach(guest, seed, now, ring)?;
        let task = tokio::spawn(run(Arc::downgrade(&self.shared), port, id, link, bell));
        self.shared.listen(port);
        Ok(Attachment {
            shared: Arc::clone(&self.shared),
            port,
            task: task.abort_handle(),
            socket: folder.join(NETWORK_SOCKET),
        })
    }

    /// Replaces the rules of a security group, for packets and connections that exist, too. Must be called in a runtime.
    pub fn set_rules(&self, group: GroupId, rules: Vec<Rule>) {
        self.shared.hub.switch().set_rules(group, rules);
        let ports: Vec<_> = self.shared.listeners().keys().copied().collect();
        for port in ports {
            self.shared.listen(port);
        }
    }

    /// Connects to a TCP port of the guest that has this name, private or public address. Its security groups must admit
    /// 127.0.0.1.
    ///
    /// # Errors
    /// When there is no such guest, the rules do not admit the host, or the guest does not take the connection.
    pub async fn connect(&self, target: &str, port: u16) -> Result<Stream, NetworkError> {
        let found = self.shared.hub.switch().find(target);
        let at = found.ok_or_else(|| NetworkError::NoGuest(target.to_owned()))?;
        Stream::open(&self.shared.hub, at, port).await
    }
}

impl Arrivals {
    /// The next connection. `None`: the network has gone.
    pub async fn next(&mut self) -> Option<Arrival> {
        self.0.recv().await
    }
}

impl Attachment {
    /// Replaces the groups that the guest is in. Must be called in a runtime.
    pub fn set_groups(&self, groups: BTreeSet<GroupId>) {
        self.shared.hub.switch().set_groups(self.port, groups);
        self.shared.listen(self.port);
    }

    /// The guest's ports that the host listens on, or could not.
    pub fn host_ports(&self) -> Vec<HostPort> {
        let listeners = self.shared.listeners();
        listeners
            .get(&self.port)
            .map_or_else(Vec::new, Listeners::ports)
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        self.task.abort();
        self.shared.listeners().remove(&self.port);
        self.shared.hub.switch().detach(self.port);
        // The directory may have gone first.
        let _ = remove(&self.socket);
    }
}

impl Shared {
    fn listeners(&self) -> MutexGuard<'_, HashMap<Port, Listeners>> {
        self.listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens and closes ports of the host until they are those that the rules of the guest say.
    fn listen(&self, port: Port) {
        let wanted = {
            let switch = self.hub.switch();
            switch
                .guest(port)
                .map(|guest| (guest.public, switch.host_ports(port)))
        };
        if let Some((public, ports)) = wanted {
            let mut listeners = self.listeners();
            let of_guest = listeners.entry(port).or_default();
            of_guest.set(public, &ports, &Arc::downgrade(&self.hub), port);
        }
    }

    /// What is due for a guest; the connections that it has opened are passed on.
    fn poll(&self, port: Port, id: &GuestId) -> Option<Duration> {
        let now = self.hub.now();
        let mut arrivals = Vec::new();
        let due = {
            let mut switch = self.hub.switch();
            let due = switch.poll(port, now);
            while let Some(accepted) = switch.accept(port) {
                arrivals.push(accepted);
            }
            due
        };
        for accepted in arrivals {
            let arrival = Arrival {
                guest: id.clone(),
                service: accepted.service,
                stream: Stream::new(Arc::clone(&self.hub), accepted.connection),
            };
            if self.arrivals.try_send(arrival).is_err() {
                tracing::warn!(guest = %id, service = %accepted.service, "too many connections wait, one is closed");
            }
        }
        due.map(|due| due.saturating_sub(now))
    }
}

/// The life of a port: frames in, what is due, frames out.
async fn run(shared: Weak<Shared>, port: Port, id: GuestId, mut link: Link, bell: Arc<Notify>) {
    // One byte more than a frame has, so that a longer one is seen as such.
    let mut buffer = vec![0; MAX_FRAME + 1];
    let mut held: Option<Vec<u8>> = None;
    loop {
        let Some(network) = shared.upgrade() else {
            return;
        };
        let mut due = network.poll(port, &id);
        loop {
            let next = held.take().or_else(|| network.hub.switch().transmit(port));
            let Some(frame) = next else {
                break;
            };
            if link.send(&frame) == Sent::Blocked {
                held = Some(frame);
                // What is due cannot be sent either.
                due = Some(due.unwrap_or(RETRY).max(RETRY));
                break;
            }
        }
        // While this waits the network may end.
        drop(network);
        let blocked = held.is_some();
        let is_due = async {
            match due {
                Some(due) => time::sleep(due).await,
                None => future::pending().await,
            }
        };
        tokio::select! {
            () = bell.notified() => {}
            () = is_due => {}
            () = link.writable(), if blocked => {}
            ready = link.readable() => {
                let (Ok(()), Some(network)) = (ready, shared.upgrade()) else {
                    return;
                };
                for _ in 0..BATCH {
                    let Some(frame) = link.receive(&mut buffer) else {
                        break;
                    };
                    network.hub.switch().receive(port, frame, network.hub.now());
                }
            }
        }
    }
}
