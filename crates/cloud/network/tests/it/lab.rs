//! A switch with guests and a clock of its own.

use std::net::Ipv4Addr;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use gumnut_cloud_network::{
    Accepted, Cidr, Connection, NetworkOptions, Port, Rule, Source, Switch, Traffic,
};
use smoltcp::iface::SocketHandle;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::socket::tcp::State;
use smoltcp::time::Instant;
use smoltcp::wire::{Icmpv4Packet, Icmpv4Repr};

use crate::guest::{Machine, address, guest};

pub(crate) struct Lab {
    pub(crate) switch: Switch,
    pub(crate) machines: Vec<(Port, Machine)>,
    pub(crate) now: Duration,
    /// Every so many frames one is lost; `None`: none.
    pub(crate) loses: Option<u64>,
    frames: u64,
    /// The ICMP messages that guests got.
    heard: Vec<Vec<u8>>,
}

const TICK: Duration = Duration::from_millis(1);
const NO_BELL: fn() = || {};

impl Lab {
    /// Guests with the numbers 10, 11 and so on, each in the groups named.
    pub(crate) fn new(groups: &[&[&str]]) -> Self {
        Self::with(NetworkOptions::default(), groups)
    }

    pub(crate) fn with(options: NetworkOptions, groups: &[&[&str]]) -> Self {
        let mut lab = Self {
            switch: Switch::new(options),
            machines: vec![],
            now: Duration::ZERO,
            loses: None,
            frames: 0,
            heard: vec![],
        };
        for (number, groups) in (10..).zip(groups) {
            let port = lab.attach(number, groups);
            let machine = Machine::new(number).with_address(address(number));
            lab.machines.push((port, machine));
        }
        lab
    }

    pub(crate) fn attach(&mut self, number: u8, groups: &[&str]) -> Port {
        let guest = guest(number, groups);
        self.switch
            .attach(guest, number.into(), self.now, Box::new(NO_BELL))
            .unwrap()
    }

    pub(crate) fn machine(&mut self, at: usize) -> &mut Machine {
        &mut self.machines[at].1
    }

    pub(crate) fn port(&self, at: usize) -> Port {
        self.machines[at].0
    }

    /// Everything that can happen within a millisecond.
    pub(crate) fn tick(&mut self) {
        let now = Instant::from_micros(i64::try_from(self.now.as_micros()).unwrap());
        for (port, machine) in &mut self.machines {
            machine.poll(now);
            while let Some(frame) = machine.card.outbound.pop_front() {
                self.frames += 1;
                if self
                    .loses
                    .is_none_or(|every| !self.frames.is_multiple_of(every))
                {
                    self.switch.receive(*port, &frame, self.now);
                }
            }
        }
        for (port, machine) in &mut self.machines {
            self.switch.poll(*port, self.now);
            while let Some(frame) = self.switch.transmit(*port) {
                self.frames += 1;
                if self
                    .loses
                    .is_none_or(|every| !self.frames.is_multiple_of(every))
                {
                    if frame[12..14] == [8, 0] && frame[23] == 1 {
                        self.heard.push(frame[34..].to_vec());
                    }
                    machine.card.inbound.push_back(frame);
                }
            }
            machine.poll(now);
        }
        self.now += TICK;
    }

    /// Lets time pass until something is there; gives it with the time it took.
    pub(crate) fn until<T>(
        &mut self,
        mut seen: impl FnMut(&mut Self) -> Option<T>,
    ) -> (T, Duration) {
        let start = self.now;
        while self.now.saturating_sub(start) < Duration::from_mins(3) {
            if let Some(found) = seen(self) {
                return (found, self.now.saturating_sub(start));
            }
            self.tick();
        }
        panic!("nothing within three minutes");
    }

    pub(crate) fn ticks(&mut self, count: usize) {
        for _ in 0..count {
            self.tick();
        }
    }

    /// A connection that a guest opens to a service of the network.
    pub(crate) fn accepted(&mut self, at: usize) -> Accepted {
        let port = self.port(at);
        self.until(|lab| lab.switch.accept(port)).0
    }

    /// How a connection of a guest ends: whether it was established, and after how long.
    pub(crate) fn outcome(&mut self, at: usize, handle: SocketHandle) -> (bool, Duration) {
        self.until(|lab| match lab.machine(at).tcp(handle).state() {
            State::SynSent => None,
            state => Some(state == State::Established),
        })
    }

    pub(crate) fn connect(
        &mut self,
        at: usize,
        to: (Ipv4Addr, u16),
        from: u16,
    ) -> (bool, Duration) {
        let handle = self.machine(at).connect(to, from);
        self.outcome(at, handle)
    }

    /// Whether an echo request is answered; otherwise it must be refused at once.
    pub(crate) fn ping(&mut self, at: usize, to: Ipv4Addr) -> bool {
        use smoltcp::socket::icmp::Endpoint;
        let checksums = ChecksumCapabilities::default();
        let ident = u16::try_from(self.now.as_millis() % 60_000).unwrap();
        let handle = self.machine(at).bind_icmp(Endpoint::Ident(ident));
        let request = Icmpv4Repr::EchoRequest {
            ident,
            seq_no: 1,
            data: b"good day",
        };
        for _ in 0..3 {
            // A guest asks for one card in a second, and smoltcp loses the answer for which it has to ask.
            self.ticks(1100);
            self.heard.clear();
            let socket = self.machine(at).icmp(handle);
            let bytes = socket.send(request.buffer_len(), to.into()).unwrap();
            request.emit(&mut Icmpv4Packet::new_unchecked(bytes), &checksums);
            self.ticks(50);
            for bytes in &self.heard {
                let packet = Icmpv4Packet::new_checked(&bytes[..]).unwrap();
                match Icmpv4Repr::parse(&packet, &checksums).unwrap() {
                    Icmpv4Repr::EchoReply { data, .. } => {
                        assert_eq!(data, b"good day");
                        return true;
                    }
                    Icmpv4Repr::DstUnreachable { .. } => return false,
                    _ => {}
                }
            }
        }
        panic!("neither an answer nor a refusal");
    }

    pub(crate) fn read(&mut self, connection: Connection) -> Poll<Option<Vec<u8>>> {
        let mut buffer = vec![0; 4096];
        let read = self
            .switch
            .poll_read(connection, &mut buffer, Waker::noop());
        read.map(|read| {
            let count = read.ok()?;
            buffer.truncate(count);
            Some(buffer)
        })
    }

    /// Everything that comes up to the end; `None`: the connection was reset.
    pub(crate) fn read_to_end(&mut self, connection: Connection) -> Option<Vec<u8>> {
        let mut all = vec![];
        self.until(|lab| match lab.read(connection) {
            Poll::Pending => None,
            Poll::Ready(None) => Some(None),
            Poll::Ready(Some(bytes)) if bytes.is_empty() => Some(Some(std::mem::take(&mut all))),
            Poll::Ready(Some(bytes)) => {
                all.extend(bytes);
                None
            }
        })
        .0
    }

    pub(crate) fn write(&mut self, connection: Connection, bytes: &[u8]) {
        let mut rest = bytes;
        self.until(|lab| {
            let written = lab.switch.poll_write(connection, rest, Waker::noop());
            if let Poll::Ready(count) = written {
                rest = &rest[count.unwrap()..];
            }
            rest.is_empty().then_some(())
        });
    }

    /// Whether a connection that the host has begun is taken.
    pub(crate) fn connected(&mut self, connection: Connection) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        let (outcome, _) =
            self.until(
                |lab| match lab.switch.poll_connected(connection, &mut context) {
                    Poll::Pending => None,
                    Poll::Ready(outcome) => Some(outcome.is_ok()),
                },
            );
        outcome
    }

    pub(crate) fn set_rules(&mut self, group: &str, rules: Vec<Rule>) {
        self.switch.set_rules(group.parse().unwrap(), rules);
    }
}

pub(crate) fn anywhere(traffic: Traffic) -> Rule {
    Rule {
        traffic,
        source: Source::Cidr(Cidr::ANYWHERE),
    }
}

pub(crate) fn from_group(traffic: Traffic, group: &str) -> Rule {
    Rule {
        traffic,
        source: Source::Group(group.parse().unwrap()),
    }
}

pub(crate) fn from_address(traffic: Traffic, address: Ipv4Addr) -> Rule {
    Rule {
        traffic,
        source: Source::Cidr(Cidr::new(address, 32).unwrap()),
    }
}
