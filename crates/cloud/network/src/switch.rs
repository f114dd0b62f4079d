//! The network without sockets: frames in, frames out.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::num::NonZeroU8;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use smoltcp::wire::Icmpv4DstUnreachable as Reason;

use crate::error::NetworkError;
use crate::flows::{Flow, Flows};
use crate::frame::{Content, ECHO_REQUEST, Frame, Packet, Transport};
use crate::groups::{Arrival, Groups, Rule, What};
use crate::guest::{GroupId, Guest, GuestId, Mac};
use crate::limits::MAX_FRAME;
use crate::stack::{ConnectionId, Stack};
use crate::subnet::{GATEWAY_MAC, METADATA, METADATA_NAME, NetworkOptions};
use crate::{build, dhcp, dns};

/// Where a guest is plugged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Port(u64);

/// A TCP connection between a guest and the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Connection {
    port: Port,
    id: ConnectionId,
}

/// A connection that a guest has opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The connection.
    pub connection: Connection,
    /// The service that the guest wanted.
    pub service: SocketAddrV4,
}

/// What a guest holds of its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Frames that wait for it.
    pub frames: usize,
    /// Connections with the host.
    pub connections: usize,
}

/// Called when there is something to do for a guest that its own frames did not cause.
pub type Bell = Box<dyn Fn() + Send>;

/// A switch with guests, and behind it a gateway that leads nowhere: it gives addresses, knows few names, passes connections to
/// the services on to the host, and refuses the rest. It has no sockets and no clock, so it does the same with the same frames.
///
/// All times are since any one moment, which must be the same for all calls.
pub struct Switch {
    options: NetworkOptions,
    ports: HashMap<Port, Plugged>,
    by_address: HashMap<Ipv4Addr, Port>,
    groups: Groups,
    flows: Flows,
    next_port: u64,
}

struct Plugged {
    guest: Guest,
    stack: Stack,
    bell: Bell,
}

impl Switch {
    /// A switch without guests.
    pub fn new(options: NetworkOptions) -> Self {
        Self {
            flows: Flows::new(options.limits.flows),
            options,
            ports: HashMap::new(),
            by_address: HashMap::new(),
            groups: Groups::default(),
            next_port: 0,
        }
    }

    /// Plugs a guest in. `seed` should be random: what the guest must not foresee comes of it.
    ///
    /// # Errors
    /// When its name or one of its addresses is taken, or not possible.
    pub fn attach(
        &mut self,
        guest: Guest,
        seed: u64,
        now: Duration,
        bell: Bell,
    ) -> Result<Port, NetworkError> {
        self.check(&guest)?;
        let port = Port(self.next_port);
        self.next_port += 1;
        let (subnet, limits) = (self.options.subnet, self.options.limits);
        let stack = Stack::new(guest.mac, subnet, limits, seed, now);
        self.by_address.insert(guest.private, port);
        self.ports.insert(port, Plugged { guest, stack, bell });
        Ok(port)
    }

    fn check(&self, guest: &Guest) -> Result<(), NetworkError> {
        let name = guest.host_name.as_bytes();
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
        if name.is_empty() || name.len() > 63 || !name.iter().all(allowed) {
            return Err(NetworkError::HostName(guest.host_name.clone()));
        }
        if !self.options.subnet.has_room_at(guest.private) {
            return Err(NetworkError::Address(guest.private));
        }
        if !guest.public.is_loopback() {
            return Err(NetworkError::Address(guest.public));
        }
        for Plugged { guest: other, .. } in self.ports.values() {
            if other.id == guest.id {
                return Err(NetworkError::Attached(guest.id.clone()));
            }
            if other.private == guest.private || other.mac == guest.mac {
                return Err(NetworkError::Taken(guest.private));
            }
            if other.public == guest.public {
                return Err(NetworkError::Taken(guest.public));
            }
        }
        Ok(())
    }

    /// Unplugs a guest; its connections end.
    pub fn detach(&mut self, port: Port) {
        if let Some(mut plugged) = self.ports.remove(&port) {
            let address = plugged.guest.private;
            self.by_address.remove(&address);
            self.flows.retain(|flow| !flow.touches(address));
            plugged.stack.close();
        }
    }

    /// The guest at a port.
    pub fn guest(&self, port: Port) -> Option<&Guest> {
        self.ports.get(&port).map(|plugged| &plugged.guest)
    }

    /// The port of the guest that is meant by its name, its private or its public address.
    pub fn find(&self, text: &str) -> Option<Port> {
        let address: Option<Ipv4Addr> = text.parse().ok();
        let mut ports = self.ports.iter();
        let found = ports.find(|(_, Plugged { guest, .. })| match address {
            Some(address) => guest.private == address || guest.public == address,
            None => text.parse::<GuestId>().is_ok_and(|id| guest.id == id),
        });
        found.map(|(port, _)| *port)
    }

    /// Replaces the rules of a group. What they no longer admit ends.
    pub fn set_rules(&mut self, group: GroupId, rules: Vec<Rule>) {
        self.groups.set(group, rules);
        self.enforce();
    }

    /// Replaces the groups that a guest is in. What they no longer admit ends.
    pub fn set_groups(&mut self, port: Port, groups: BTreeSet<GroupId>) {
        if let Some(plugged) = self.ports.get_mut(&port) {
            plugged.guest.groups = groups;
            self.enforce();
        }
    }

    /// The TCP ports on which the host should listen for a guest.
    pub fn host_ports(&self, port: Port) -> BTreeSet<u16> {
        let most = self.options.limits.listeners;
        let guest = self.guest(port);
        guest.map_or_else(BTreeSet::new, |guest| {
            self.groups.host_ports(&guest.groups, most)
        })
    }

    /// A frame that a guest has sent. The answers come with [`Switch::poll`] and [`Switch::transmit`].
    pub fn receive(&mut self, port: Port, frame: &[u8], now: Duration) {
        let Some(plugged) = self.ports.get_mut(&port) else {
            return;
        };
        if frame.len() > MAX_FRAME {
            return;
        }
        let Some(frame) = Frame::parse(frame) else {
            return;
        };
        let for_gateway = frame.target == GATEWAY_MAC || frame.target == Mac([0xff; 6]);
        if frame.source != plugged.guest.mac || !for_gateway {
            return;
        }
        match frame.content {
            Content::ArpRequest { source, target } => {
                // It asks for its own address to find out whether another has it.
                let known = self.options.subnet.has_room_at(target)
                    || target == self.options.subnet.gateway()
                    || target == METADATA;
                if known && target != plugged.guest.private {
                    plugged
                        .stack
                        .push(build::arp_reply(plugged.guest.mac, source, target));
                }
            }
            Content::Packet(packet) => self.route(port, &packet, now),
        }
    }

    /// Does what is due for a guest, and says when something is due again.
    pub fn poll(&mut self, port: Port, now: Duration) -> Option<Duration> {
        self.ports.get_mut(&port)?.stack.poll(now)
    }

    /// The next frame for a guest.
    pub fn transmit(&mut self, port: Port) -> Option<Vec<u8>> {
        self.ports.get_mut(&port)?.stack.pop()
    }

    /// The next connection that a guest has opened.
    pub fn accept(&mut self, port: Port) -> Option<Accepted> {
        let (id, service) = self.ports.get_mut(&port)?.stack.accept()?;
        Some(Accepted {
            connection: Connection { port, id },
            service,
        })
    }

    /// Begins a connection of the host to a guest.
    ///
    /// # Errors
    /// When the rules do not admit the host, or there are too many connections.
    pub fn connect(&mut self, port: Port, to: u16) -> Result<Connection, NetworkError> {
        let plugged = self.ports.get_mut(&port);
        let plugged = plugged.ok_or_else(|| NetworkError::NoGuest("at this port".to_owned()))?;
        if !self.groups.admit(&plugged.guest.groups, &host_to(to)) {
            return Err(NetworkError::NotAdmitted {
                guest: plugged.guest.id.clone(),
                port: to,
            });
        }
        let id = plugged.stack.connect(plugged.guest.private, to)?;
        (plugged.bell)();
        Ok(Connection { port, id })
    }

    /// Whether the guest has taken a connection of the host.
    ///
    /// # Errors
    /// When it refused, or was unplugged.
    pub fn poll_connected(
        &mut self,
        connection: Connection,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let plugged = self.held(connection)?;
        plugged.stack.poll_connected(connection.id, context)
    }

    /// What the guest has sent.
    ///
    /// # Errors
    /// When the connection was reset.
    pub fn poll_read(
        &mut self,
        connection: Connection,
        buffer: &mut [u8],
        waker: &Waker,
    ) -> Poll<io::Result<usize>> {
        let plugged = self.held(connection)?;
        let read = plugged.stack.poll_read(connection.id, buffer, waker);
        if matches!(read, Poll::Ready(Ok(1..))) {
            // The guest may send more.
            (plugged.bell)();
        }
        read
    }

    /// Sends to the guest.
    ///
    /// # Errors
    /// When the connection was reset.
    pub fn poll_write(
        &mut self,
        connection: Connection,
        bytes: &[u8],
        waker: &Waker,
    ) -> Poll<io::Result<usize>> {
        let plugged = self.held(connection)?;
        let written = plugged.stack.poll_write(connection.id, bytes, waker);
        if matches!(written, Poll::Ready(Ok(1..))) {
            (plugged.bell)();
        }
        written
    }

    /// How many routers the next packets of a connection may pass on the side of the guest.
    pub fn set_hop_limit(&mut self, connection: Connection, limit: NonZeroU8) {
        if let Ok(plugged) = self.held(connection) {
            plugged.stack.set_hop_limit(connection.id, limit);
        }
    }

    /// The host has written everything; it still reads.
    pub fn finish(&mut self, connection: Connection) {
        if let Ok(plugged) = self.held(connection) {
            plugged.stack.finish(connection.id);
            (plugged.bell)();
        }
    }

    /// The host has lost interest in a connection; what it has written is still delivered.
    pub fn leave(&mut self, connection: Connection, now: Duration) {
        if let Ok(plugged) = self.held(connection) {
            plugged.stack.leave(connection.id, now);
            (plugged.bell)();
        }
    }

    /// What a guest holds of its bounds.
    pub fn load(&self, port: Port) -> Option<Load> {
        let stack = &self.ports.get(&port)?.stack;
        Some(Load {
            frames: stack.waiting(),
            connections: stack.connections(),
        })
    }

    /// Flows between guests.
    pub fn flows(&self) -> usize {
        self.flows.len()
    }

    fn held(&mut self, connection: Connection) -> io::Result<&mut Plugged> {
        let plugged = self.ports.get_mut(&connection.port);
        // The guest was unplugged.
        plugged.ok_or_else(|| io::ErrorKind::ConnectionAborted.into())
    }

    /// Ends what the rules no longer admit.
    fn enforce(&mut self) {
        let Self {
            ports,
            by_address,
            groups,
            flows,
            ..
        } = self;
        let guest = |address| {
            let port = by_address.get(&address)?;
            ports.get(port).map(|plugged| &plugged.guest)
        };
        flows.retain(
            |flow| match (guest(flow.began_at()), guest(flow.leads_to())) {
                (Some(from), Some(to)) => admits(groups, from, to, flow.what()),
                _ => false,
            },
        );
        for Plugged { guest, stack, bell } in ports.values_mut() {
            stack.cut(|port| groups.admit(&guest.groups, &host_to(port)));
            bell();
        }
    }

    /// A packet of a guest goes to the services, to another guest, or back.
    fn route(&mut self, port: Port, packet: &Packet<'_>, now: Duration) {
        let Some(plugged) = self.ports.get_mut(&port) else {
            return;
        };
        let (subnet, guest) = (self.options.subnet, &plugged.guest);
        if let Transport::Udp {
            target: dhcp::SERVER_PORT,
            source: dhcp::CLIENT_PORT,
            data,
        } = packet.transport
        {
            let own = [guest.private, Ipv4Addr::UNSPECIFIED].contains(&packet.source);
            let server = [Ipv4Addr::BROADCAST, subnet.gateway()].contains(&packet.target);
            if own && server {
                if let Some((to, reply)) = dhcp::answer(data, guest, subnet) {
                    let from = (subnet.gateway(), dhcp::SERVER_PORT);
                    let to = (to, dhcp::CLIENT_PORT);
                    let frame = build::udp(guest.mac, from, to, reply.len(), |bytes| {
                        bytes.copy_from_slice(&reply);
                    });
                    plugged.stack.push(frame);
                }
                return;
            }
        }
        let for_many = packet.target.is_multicast()
            || packet.target.is_broadcast()
            || packet.target == subnet.broadcast()
            || packet.target.is_unspecified();
        // A sender that it is not, and what goes to all, gets no answer either: the answer would hit another.
        if packet.source != guest.private || packet.target == guest.private || for_many {
            return;
        }
        if packet.target == subnet.gateway() || packet.target == METADATA {
            self.serve(port, packet);
        } else if let Some(to) = self.by_address.get(&packet.target) {
            self.pass(port, *to, packet, now);
        } else {
            plugged.refuse(packet, subnet.gateway());
        }
    }

    /// The gateway and the metadata service.
    fn serve(&mut self, port: Port, packet: &Packet<'_>) {
        let names = self.names(packet);
        let services = &self.options.services;
        let Some(plugged) = self.ports.get_mut(&port) else {
            return;
        };
        match packet.transport {
            Transport::Tcp {
                source,
                target,
                opens,
                ..
            } => {
                let service = SocketAddrV4::new(packet.target, target);
                if opens && services.contains(&service) {
                    plugged.stack.expect(service, (packet.source, source));
                }
                plugged.stack.receive(packet.bytes);
            }
            Transport::Icmp {
                kind: ECHO_REQUEST,
                message,
                ..
            } => {
                if let Some(frame) = build::echo_reply(plugged.guest.mac, packet, message) {
                    plugged.stack.push(frame);
                }
            }
            Transport::Udp {
                source,
                target: dns::PORT,
                ..
            } if packet.target != METADATA => {
                if let Some(reply) = names {
                    let from = (packet.target, dns::PORT);
                    let to = (packet.source, source);
                    let frame = build::udp(plugged.guest.mac, from, to, reply.len(), |bytes| {
                        bytes.copy_from_slice(&reply);
                    });
                    plugged.stack.push(frame);
                }
            }
            _ => plugged.refuse(packet, packet.target),
        }
    }

    /// The answer to a question for a name.
    fn names(&self, packet: &Packet<'_>) -> Option<Vec<u8>> {
        let Transport::Udp {
            target: dns::PORT,
            data,
            ..
        } = packet.transport
        else {
            return None;
        };
        dns::answer(data, |name| {
            if name == METADATA_NAME {
                return Some(METADATA);
            }
            let mut guests = self.ports.values().map(|plugged| &plugged.guest);
            let named = guests.find(|guest| guest.host_name.eq_ignore_ascii_case(name));
            named.map(|guest| guest.private)
        })
    }

    /// A packet from one guest to another.
    fn pass(&mut self, from: Port, to: Port, packet: &Packet<'_>, now: Duration) {
        let admitted = self.is_admitted(from, to, packet, now);
        let gateway = self.options.subnet.gateway();
        if !admitted {
            if let Some(plugged) = self.ports.get_mut(&from) {
                plugged.refuse(packet, gateway);
            }
        } else if let Some(plugged) = self.ports.get_mut(&to) {
            plugged
                .stack
                .push(build::forwarded(plugged.guest.mac, packet.bytes));
            (plugged.bell)();
        }
    }

    fn is_admitted(&mut self, from: Port, to: Port, packet: &Packet<'_>, now: Duration) -> bool {
        let (Some(from), Some(to)) = (self.ports.get(&from), self.ports.get(&to)) else {
            return false;
        };
        let answers = Flow::answered_by(packet).filter(|flow| self.flows.knows(flow, now));
        if answers.is_some() {
            return true;
        }
        let what = packet.transport.what();
        let admitted = what.is_some_and(|what| admits(&self.groups, &from.guest, &to.guest, what));
        if let Some(flow) = Flow::of(packet).filter(|_| admitted) {
            self.flows.passed(flow, now);
        }
        admitted
    }
}

impl Plugged {
    /// Informs the sender that nobody gets this. Silence would make it wait.
    fn refuse(&mut self, packet: &Packet<'_>, says: Ipv4Addr) {
        let reason = match packet.transport {
            Transport::Tcp { resets: true, .. } => return,
            Transport::Tcp { .. } => {
                // It belongs to no connection, so it is answered with a reset.
                self.stack.receive(packet.bytes);
                return;
            }
            Transport::Udp { .. } => Reason::PortUnreachable,
            Transport::Icmp {
                kind: ECHO_REQUEST, ..
            }
            | Transport::Fragment { first: true } => Reason::CommProhibited,
            Transport::Other { .. } => Reason::ProtoUnreachable,
            // Of an error or of an answer nobody is informed, nor of later pieces.
            Transport::Icmp { .. } | Transport::Fragment { first: false } => return,
        };
        if let Some(frame) = build::unreachable(self.guest.mac, says, packet, reason) {
            self.stack.push(frame);
        }
    }
}

fn admits(groups: &Groups, from: &Guest, to: &Guest, what: What) -> bool {
    let arrival = Arrival {
        source: from.private,
        groups: Some(&from.groups),
        what,
    };
    groups.admit(&to.groups, &arrival)
}

/// A connection of the host to a port, as rules see it.
fn host_to(port: u16) -> Arrival<'static> {
    Arrival {
        source: Ipv4Addr::LOCALHOST,
        groups: None,
        what: What::Tcp { port },
    }
}

impl fmt::Debug for Switch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Switch")
            .field("options", &self.options)
            .field("guests", &self.ports.len())
            .finish_non_exhaustive()
    }
}
