//! TCP between one guest and the host, on smoltcp.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::num::NonZeroU8;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp::{RecvError, Socket, SocketBuffer, State};
use smoltcp::time::{Duration as Span, Instant};
use smoltcp::wire::{EthernetProtocol, HardwareAddress, IpCidr, IpEndpoint};

use crate::build::framed;
use crate::error::NetworkError;
use crate::guest::Mac;
use crate::limits::{ETHERNET_HEADER, Limits, MTU};
use crate::subnet::Subnet;

/// A connection of one guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ConnectionId(u64);

pub(crate) struct Stack {
    interface: Interface,
    sockets: SocketSet<'static>,
    wire: Wire,
    connections: HashMap<ConnectionId, Connection>,
    accepted: VecDeque<(ConnectionId, SocketAddrV4)>,
    limits: Limits,
    gateway: Ipv4Addr,
    next_id: u64,
    next_port: u16,
}

struct Connection {
    handle: SocketHandle,
    origin: Origin,
    holder: Holder,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// The guest opened it to this service.
    Guest(SocketAddrV4),
    /// The host opened it to this port of the guest.
    Host(u16),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Holder {
    /// The handshake is not over.
    Nobody,
    /// A stream of the host.
    Stream,
    /// Its stream has gone; what was written is still delivered.
    Left { since: Duration },
}

/// The queues between smoltcp and the guest's card.
struct Wire {
    mac: Mac,
    inbound: VecDeque<Vec<u8>>,
    outbound: VecDeque<Vec<u8>>,
    most: usize,
}

/// Ports from which the host connects.
const FIRST_PORT: u16 = 49_152;

impl Stack {
    pub(crate) fn new(mac: Mac, subnet: Subnet, limits: Limits, seed: u64, now: Duration) -> Self {
        let mut wire = Wire {
            mac,
            inbound: VecDeque::new(),
            outbound: VecDeque::new(),
            most: limits.queue,
        };
        let mut config = Config::new(HardwareAddress::Ip);
        // Sequence numbers that a guest cannot foresee.
        config.random_seed = seed;
        let mut interface = Interface::new(config, &mut wire, instant(now));
        interface.update_ip_addrs(|addresses| {
            let address = IpCidr::new(subnet.gateway().into(), subnet.prefix());
            // There is room for more than one.
            let _ = addresses.push(address);
        });
        interface.set_any_ip(true);
        Self {
            interface,
            sockets: SocketSet::new(Vec::new()),
            wire,
            connections: HashMap::new(),
            accepted: VecDeque::new(),
            limits,
            gateway: subnet.gateway(),
            next_id: 0,
            next_port: FIRST_PORT,
        }
    }

    /// Takes a packet with a TCP segment; what belongs to no connection is refused with a reset.
    pub(crate) fn receive(&mut self, packet: &[u8]) {
        if self.wire.inbound.len() < self.wire.most {
            self.wire.inbound.push_back(packet.to_vec());
        }
    }

    /// A connection is about to begin with the next packet; if there are too many it is not, and the packet is refused.
    pub(crate) fn expect(&mut self, service: SocketAddrV4, from: (Ipv4Addr, u16)) {
        let peer = IpEndpoint::from(from);
        let mut known = self.connections.values();
        let again = known.any(|connection| {
            let socket = self.sockets.get::<Socket<'_>>(connection.handle);
            connection.origin == Origin::Guest(service) && socket.remote_endpoint() == Some(peer)
        });
        let is_guest = |origin| matches!(origin, Origin::Guest(_));
        if again || !self.make_room(self.limits.from_guest, is_guest) {
            return;
        }
        let mut socket = self.socket();
        // A new socket is closed, and the port of a service is not zero.
        if socket.listen((*service.ip(), service.port())).is_ok() {
            self.add(socket, Origin::Guest(service), Holder::Nobody);
        }
    }

    /// Begins a connection to a port of the guest.
    pub(crate) fn connect(
        &mut self,
        guest: Ipv4Addr,
        port: u16,
    ) -> Result<ConnectionId, NetworkError> {
        let is_host = |origin| matches!(origin, Origin::Host(_));
        if !self.make_room(self.limits.to_guest, is_host) {
            return Err(NetworkError::TooManyConnections(self.limits.to_guest));
        }
        let local = self.free_port();
        let mut socket = self.socket();
        let source = (self.gateway, local);
        socket
            .connect(self.interface.context(), (guest, port), source)
            .map_err(|_| NetworkError::Port(port))?;
        Ok(self.add(socket, Origin::Host(port), Holder::Stream))
    }

    /// Does what is due, and says when something is due again.
    pub(crate) fn poll(&mut self, now: Duration) -> Option<Duration> {
        let Self {
            interface,
            sockets,
            wire,
            ..
        } = self;
        interface.poll(instant(now), wire, sockets);
        // What smoltcp has no room to answer was asked in vain, as on any wire.
        wire.inbound.clear();
        if self.tidy(now) {
            let Self {
                interface,
                sockets,
                wire,
                ..
            } = self;
            interface.poll(instant(now), wire, sockets);
            self.remove_closed();
        }
        let due = self.interface.poll_at(instant(now), &self.sockets);
        due.map(|due| Duration::from_micros(due.total_micros().try_into().unwrap_or(0)))
    }

    /// The next connection that the guest has opened.
    pub(crate) fn accept(&mut self) -> Option<(ConnectionId, SocketAddrV4)> {
        self.accepted.pop_front()
    }

    pub(crate) fn push(&mut self, frame: Vec<u8>) -> bool {
        let room = !self.wire.is_full();
        if room {
            self.wire.outbound.push_back(frame);
        }
        room
    }

    pub(crate) fn pop(&mut self) -> Option<Vec<u8>> {
        self.wire.outbound.pop_front()
    }

    /// Resets the connections to ports that `keep` refuses.
    pub(crate) fn cut(&mut self, keep: impl Fn(u16) -> bool) {
        for connection in self.connections.values() {
            if matches!(connection.origin, Origin::Host(port) if !keep(port)) {
                self.sockets
                    .get_mut::<Socket<'_>>(connection.handle)
                    .abort();
            }
        }
    }

    /// The guest has gone: all who wait for it learn so.
    pub(crate) fn close(&mut self) {
        for connection in self.connections.values() {
            self.sockets
                .get_mut::<Socket<'_>>(connection.handle)
                .abort();
        }
    }

    /// Connections, opened by either side.
    pub(crate) fn connections(&self) -> usize {
        self.connections.len()
    }

    /// Frames for the guest.
    pub(crate) fn waiting(&self) -> usize {
        self.wire.outbound.len()
    }

    pub(crate) fn poll_connected(
        &mut self,
        id: ConnectionId,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let socket = self.held(id)?;
        match socket.state() {
            State::SynSent | State::SynReceived => {
                socket.register_send_waker(context.waker());
                Poll::Pending
            }
            // Nobody listens on this port of the guest, or the guest did not answer for as long as the host has patience.
            State::Closed => Poll::Ready(Err(io::ErrorKind::ConnectionRefused.into())),
            _ => Poll::Ready(Ok(())),
        }
    }

    pub(crate) fn poll_read(
        &mut self,
        id: ConnectionId,
        buffer: &mut [u8],
        waker: &Waker,
    ) -> Poll<io::Result<usize>> {
        let socket = self.held(id)?;
        match socket.recv_slice(buffer) {
            Ok(0) if !buffer.is_empty() => {
                socket.register_recv_waker(waker);
                Poll::Pending
            }
            Ok(count) => Poll::Ready(Ok(count)),
            Err(RecvError::Finished) => Poll::Ready(Ok(0)),
            Err(RecvError::InvalidState) => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
        }
    }

    pub(crate) fn poll_write(
        &mut self,
        id: ConnectionId,
        bytes: &[u8],
        waker: &Waker,
    ) -> Poll<io::Result<usize>> {
        let socket = self.held(id)?;
        match socket.send_slice(bytes) {
            Ok(0) if !bytes.is_empty() => {
                socket.register_send_waker(waker);
                Poll::Pending
            }
            Ok(count) => Poll::Ready(Ok(count)),
            Err(_) => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    /// How many routers the next packets may pass.
    pub(crate) fn set_hop_limit(&mut self, id: ConnectionId, limit: NonZeroU8) {
        if let Ok(socket) = self.held(id) {
            socket.set_hop_limit(Some(limit.get()));
        }
    }

    /// The host has written everything.
    pub(crate) fn finish(&mut self, id: ConnectionId) {
        if let Ok(socket) = self.held(id) {
            socket.close();
        }
    }

    /// The host has lost interest.
    pub(crate) fn leave(&mut self, id: ConnectionId, now: Duration) {
        if let Ok(socket) = self.held(id) {
            socket.close();
        }
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.holder = Holder::Left { since: now };
        }
    }

    fn held(&mut self, id: ConnectionId) -> io::Result<&mut Socket<'static>> {
        let connection = self.connections.get(&id);
        let connection = connection.ok_or(io::ErrorKind::NotConnected)?;
        Ok(self.sockets.get_mut(connection.handle))
    }

    fn socket(&self) -> Socket<'static> {
        let buffer = || SocketBuffer::new(vec![0; self.limits.buffer]);
        let mut socket = Socket::new(buffer(), buffer());
        let patience = span(self.limits.patience);
        socket.set_timeout(Some(patience));
        socket.set_keep_alive(Some(patience / 4));
        socket.set_hop_limit(Some(crate::build::HOP_LIMIT));
        socket
    }

    fn add(&mut self, socket: Socket<'static>, origin: Origin, holder: Holder) -> ConnectionId {
        let id = ConnectionId(self.next_id);
        self.next_id += 1;
        let connection = Connection {
            handle: self.sockets.add(socket),
            origin,
            holder,
        };
        self.connections.insert(id, connection);
        id
    }

    /// A port of the gateway that no connection uses; there are far more than connections.
    fn free_port(&mut self) -> u16 {
        loop {
            let port = self.next_port;
            self.next_port = port.checked_add(1).unwrap_or(FIRST_PORT);
            let mut used = self.connections.values();
            let is_used = used.any(|connection| {
                let socket = self.sockets.get::<Socket<'_>>(connection.handle);
                socket
                    .local_endpoint()
                    .is_some_and(|local| local.port == port)
            });
            if !is_used {
                return port;
            }
        }
    }

    /// Whether there is room for one more, if need be in the place of one that is over and only waits for stray segments.
    fn make_room(&mut self, most: usize, counts: impl Fn(Origin) -> bool) -> bool {
        let mut same = self.connections.iter();
        let count = same
            .clone()
            .filter(|(_, connection)| counts(connection.origin))
            .count();
        if count < most {
            return true;
        }
        let over = same.find(|(_, connection)| {
            let socket = self.sockets.get::<Socket<'_>>(connection.handle);
            counts(connection.origin)
                && matches!(connection.holder, Holder::Left { .. })
                && socket.state() == State::TimeWait
        });
        let over = over.map(|(id, _)| *id);
        over.is_some_and(|id| {
            self.remove(id);
            true
        })
    }

    /// Hands over what has become a connection and removes what is over. Whether something must still be sent.
    fn tidy(&mut self, now: Duration) -> bool {
        let mut changed = false;
        for (id, connection) in &mut self.connections {
            let socket = self.sockets.get_mut::<Socket<'_>>(connection.handle);
            match (connection.holder, connection.origin) {
                // The packet that was expected was not what it seemed.
                (Holder::Nobody, _) if socket.state() == State::Listen => socket.abort(),
                (Holder::Nobody, Origin::Guest(service)) => {
                    let opening = matches!(socket.state(), State::SynReceived | State::Closed);
                    if !opening {
                        connection.holder = Holder::Stream;
                        self.accepted.push_back((*id, service));
                    }
                }
                (Holder::Left { since }, _) => {
                    // What still comes is for nobody, and must not keep the guest from ending.
                    while socket
                        .recv(|bytes| (bytes.len(), bytes.len()))
                        .is_ok_and(|count| count > 0)
                    {
                        changed = true;
                    }
                    if now.saturating_sub(since) >= self.limits.patience && socket.is_open() {
                        socket.abort();
                        changed = true;
                    }
                }
                _ => {}
            }
        }
        self.remove_closed();
        changed
    }

    /// A connection whose stream exists is kept, so that the stream learns how it ended.
    fn remove_closed(&mut self) {
        let over = self.connections.iter().filter(|(_, connection)| {
            let socket = self.sockets.get::<Socket<'_>>(connection.handle);
            // A reset that is due is sent in the state in which all is over.
            let reset_due = socket.remote_endpoint().is_some();
            connection.holder != Holder::Stream && socket.state() == State::Closed && !reset_due
        });
        let over: Vec<_> = over.map(|(id, _)| *id).collect();
        for id in over {
            self.remove(id);
        }
    }

    fn remove(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.remove(&id) {
            self.sockets.remove(connection.handle);
        }
    }
}

impl Wire {
    fn is_full(&self) -> bool {
        self.outbound.len() >= self.most
    }
}

impl Device for Wire {
    type RxToken<'a> = Received;
    type TxToken<'a> = Sending<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Received, Sending<'_>)> {
        if self.is_full() {
            return None;
        }
        let packet = self.inbound.pop_front()?;
        Some((Received(packet), Sending(self)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Sending<'_>> {
        (!self.is_full()).then_some(Sending(self))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = MTU;
        capabilities
    }
}

struct Received(Vec<u8>);

impl RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

struct Sending<'a>(&'a mut Wire);

impl TxToken for Sending<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let mut frame = framed(self.0.mac, EthernetProtocol::Ipv4, len);
        let result = write(&mut frame[ETHERNET_HEADER..]);
        self.0.outbound.push_back(frame);
        result
    }
}

fn instant(now: Duration) -> Instant {
    // In microseconds, which last for 290000 years.
    Instant::from_micros(i64::try_from(now.as_micros()).unwrap_or(i64::MAX))
}

fn span(duration: Duration) -> Span {
    Span::from_micros(duration.as_micros().try_into().unwrap_or(u64::MAX))
}
