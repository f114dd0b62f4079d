//! A guest on smoltcp: an Ethernet card and a stack behind it.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use gumnut_cloud_network::{Guest, Mac};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::{dhcpv4, icmp, tcp, udp};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpCidr, Ipv4Cidr};

pub(crate) const GATEWAY: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 1);

/// What the network knows of the guest with this number.
pub(crate) fn guest(number: u8, groups: &[&str]) -> Guest {
    Guest {
        id: format!("i-{number}").parse().unwrap(),
        mac: Mac::of_instance(number.into()),
        private: address(number),
        public: Ipv4Addr::new(127, 31, 0, number),
        host_name: format!("ip-172-31-0-{number}"),
        groups: groups.iter().map(|name| name.parse().unwrap()).collect(),
    }
}

pub(crate) fn address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(172, 31, 0, number)
}

pub(crate) struct Machine {
    pub(crate) card: Card,
    pub(crate) interface: Interface,
    pub(crate) sockets: SocketSet<'static>,
}

#[derive(Default)]
pub(crate) struct Card {
    pub(crate) inbound: VecDeque<Vec<u8>>,
    pub(crate) outbound: VecDeque<Vec<u8>>,
}

impl Machine {
    pub(crate) fn new(number: u8) -> Self {
        let mut card = Card::default();
        let mac = EthernetAddress(Mac::of_instance(number.into()).0);
        let mut config = Config::new(mac.into());
        config.random_seed = number.into();
        let interface = Interface::new(config, &mut card, Instant::ZERO);
        Self {
            card,
            interface,
            sockets: SocketSet::new(vec![]),
        }
    }

    /// As if it had a lease.
    pub(crate) fn with_address(mut self, address: Ipv4Addr) -> Self {
        self.configure(Ipv4Cidr::new(address, 16), GATEWAY);
        self
    }

    pub(crate) fn configure(&mut self, address: Ipv4Cidr, router: Ipv4Addr) {
        self.interface.update_ip_addrs(|addresses| {
            addresses.clear();
            addresses.push(IpCidr::Ipv4(address)).unwrap();
        });
        let table = self.interface.routes_mut();
        table.add_default_ipv4_route(router).unwrap();
    }

    pub(crate) fn poll(&mut self, now: Instant) {
        self.interface.poll(now, &mut self.card, &mut self.sockets);
    }

    fn buffer() -> tcp::SocketBuffer<'static> {
        tcp::SocketBuffer::new(vec![0; 32 << 10])
    }

    pub(crate) fn connect(&mut self, to: (Ipv4Addr, u16), from: u16) -> SocketHandle {
        let mut socket = tcp::Socket::new(Self::buffer(), Self::buffer());
        socket.connect(self.interface.context(), to, from).unwrap();
        self.sockets.add(socket)
    }

    pub(crate) fn listen(&mut self, port: u16) -> SocketHandle {
        let mut socket = tcp::Socket::new(Self::buffer(), Self::buffer());
        socket.listen(port).unwrap();
        self.sockets.add(socket)
    }

    pub(crate) fn tcp(&mut self, handle: SocketHandle) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(handle)
    }

    pub(crate) fn bind_udp(&mut self, port: u16) -> SocketHandle {
        let buffer = || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; 4], vec![0; 4096]);
        let mut socket = udp::Socket::new(buffer(), buffer());
        socket.bind(port).unwrap();
        self.sockets.add(socket)
    }

    pub(crate) fn udp(&mut self, handle: SocketHandle) -> &mut udp::Socket<'static> {
        self.sockets.get_mut(handle)
    }

    /// Gets echo replies with this identifier, or errors of a UDP port.
    pub(crate) fn bind_icmp(&mut self, endpoint: icmp::Endpoint) -> SocketHandle {
        let buffer =
            || icmp::PacketBuffer::new(vec![icmp::PacketMetadata::EMPTY; 8], vec![0; 8192]);
        let mut socket = icmp::Socket::new(buffer(), buffer());
        socket.bind(endpoint).unwrap();
        self.sockets.add(socket)
    }

    pub(crate) fn icmp(&mut self, handle: SocketHandle) -> &mut icmp::Socket<'static> {
        self.sockets.get_mut(handle)
    }

    pub(crate) fn ask_for_lease(&mut self) -> SocketHandle {
        self.sockets.add(dhcpv4::Socket::new())
    }

    /// The lease, if it has come; it is used from then on.
    pub(crate) fn lease(&mut self, handle: SocketHandle) -> Option<Lease> {
        let socket = self.sockets.get_mut::<dhcpv4::Socket<'_>>(handle);
        let Some(dhcpv4::Event::Configured(config)) = socket.poll() else {
            return None;
        };
        let lease = Lease {
            address: config.address,
            router: config.router.unwrap(),
            resolvers: config.dns_servers.to_vec(),
        };
        self.configure(lease.address, lease.router);
        Some(lease)
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) address: Ipv4Cidr,
    pub(crate) router: Ipv4Addr,
    pub(crate) resolvers: Vec<Ipv4Addr>,
}

impl Device for Card {
    type RxToken<'a> = Received;
    type TxToken<'a> = Sending<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Received, Sending<'_>)> {
        let frame = self.inbound.pop_front()?;
        Some((Received(frame), Sending(&mut self.outbound)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Sending<'_>> {
        Some(Sending(&mut self.outbound))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1514;
        capabilities
    }
}

pub(crate) struct Received(Vec<u8>);

impl RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

pub(crate) struct Sending<'a>(&'a mut VecDeque<Vec<u8>>);

impl TxToken for Sending<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let mut frame = vec![0; len];
        let result = write(&mut frame);
        self.0.push_back(frame);
        result
    }
}
