//! What guests have with each other: an answer passes because the question did.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::frame::{ECHO_REPLY, ECHO_REQUEST, Packet, TIME_EXCEEDED, Transport, UNREACHABLE};
use crate::groups::What;

/// A connection or an exchange, as its first packet has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Flow {
    protocol: u8,
    source: (Ipv4Addr, u16),
    target: (Ipv4Addr, u16),
}

/// Flows by the time of their last packet.
#[derive(Debug)]
pub(crate) struct Flows {
    last: HashMap<Flow, Duration>,
    most: usize,
}

/// A flow of which nothing was seen for so long is over. Linux' own keep-alive comes after two hours, and with the next packet
/// in the direction that the rules admit the flow is there again.
const IDLE: Duration = Duration::from_mins(10);

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;

impl Flow {
    /// The flow of a packet that goes in its direction; `None` for what has none.
    pub(crate) fn of(packet: &Packet<'_>) -> Option<Self> {
        let (protocol, source, target) = match packet.transport {
            Transport::Tcp { source, target, .. } => (TCP, source, target),
            Transport::Udp { source, target, .. } => (UDP, source, target),
            Transport::Icmp {
                kind: ECHO_REQUEST | ECHO_REPLY,
                ident,
                ..
            } => (ICMP, ident, ident),
            Transport::Other { protocol } => (protocol, 0, 0),
            Transport::Icmp { .. } | Transport::Fragment { .. } => return None,
        };
        Some(Self {
            protocol,
            source: (packet.source, source),
            target: (packet.target, target),
        })
    }

    /// The flow that a packet answers.
    pub(crate) fn answered_by(packet: &Packet<'_>) -> Option<Self> {
        match packet.transport {
            // A connection is not begun by an answer, nor does a request answer.
            Transport::Tcp { opens: true, .. }
            | Transport::Icmp {
                kind: ECHO_REQUEST, ..
            } => None,
            Transport::Icmp {
                kind: UNREACHABLE | TIME_EXCEEDED,
                message,
                ..
            } => Self::complained_of(packet, message),
            _ => Self::of(packet).map(Self::reversed),
        }
    }

    /// The flow of the packet that an ICMP message quotes: its receiver complains to its sender.
    fn complained_of(packet: &Packet<'_>, message: &[u8]) -> Option<Self> {
        // The quote is cut off, so its lengths do not hold together.
        let quote = message.get(8..)?;
        let header = usize::from(quote.first()? & 15) * 4;
        let octets = |at: usize| Some(Ipv4Addr::from(*quote.get(at..at + 4)?.first_chunk()?));
        let port = |at: usize| Some(u16::from_be_bytes(*quote.get(at..at + 2)?.first_chunk()?));
        let protocol = *quote.get(9)?;
        let ports = match protocol {
            TCP | UDP => (port(header)?, port(header + 2)?),
            ICMP => (port(header + 4)?, port(header + 4)?),
            _ => (0, 0),
        };
        let flow = Self {
            protocol,
            source: (octets(12)?, ports.0),
            target: (octets(16)?, ports.1),
        };
        let fits = flow.target.0 == packet.source && flow.source.0 == packet.target;
        fits.then_some(flow)
    }

    /// Who began it.
    pub(crate) fn began_at(&self) -> Ipv4Addr {
        self.source.0
    }

    /// Who gets what it began with.
    pub(crate) fn leads_to(&self) -> Ipv4Addr {
        self.target.0
    }

    /// What a rule can ask of its first packet.
    pub(crate) fn what(&self) -> What {
        let port = self.target.1;
        match self.protocol {
            TCP => What::Tcp { port },
            UDP => What::Udp { port },
            ICMP => What::Icmp {
                kind: ECHO_REQUEST,
                code: 0,
            },
            protocol => What::Other { protocol },
        }
    }

    /// Whether this guest is at one of its ends.
    pub(crate) fn touches(&self, address: Ipv4Addr) -> bool {
        self.source.0 == address || self.target.0 == address
    }

    fn reversed(self) -> Self {
        Self {
            source: self.target,
            target: self.source,
            ..self
        }
    }
}

impl Flows {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            last: HashMap::new(),
            most,
        }
    }

    /// A packet in the direction of the flow passed.
    pub(crate) fn passed(&mut self, flow: Flow, now: Duration) {
        if !self.last.contains_key(&flow) {
            self.make_room(flow.began_at(), now);
        }
        self.last.insert(flow, now);
    }

    /// Whether an answer passes.
    pub(crate) fn knows(&mut self, flow: &Flow, now: Duration) -> bool {
        let Some(last) = self.last.get_mut(flow) else {
            return false;
        };
        let alive = now.saturating_sub(*last) < IDLE;
        if alive {
            *last = now;
        } else {
            self.last.remove(flow);
        }
        alive
    }

    /// Forgets those that `keep` refuses.
    pub(crate) fn retain(&mut self, keep: impl Fn(&Flow) -> bool) {
        self.last.retain(|flow, _| keep(flow));
    }

    pub(crate) fn len(&self) -> usize {
        self.last.len()
    }

    /// One guest cannot take the room of another.
    fn make_room(&mut self, of: Ipv4Addr, now: Duration) {
        let began = self.last.iter().filter(|(flow, _)| flow.began_at() == of);
        if began.count() < self.most {
            return;
        }
        self.last.retain(|_, last| now.saturating_sub(*last) < IDLE);
        let began = self.last.iter().filter(|(flow, _)| flow.began_at() == of);
        let count = began.clone().count();
        let oldest = began.min_by_key(|(_, last)| **last).map(|(flow, _)| *flow);
        if let Some(oldest) = oldest.filter(|_| count >= self.most) {
            self.last.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(guest: u8, port: u16) -> Flow {
        Flow {
            protocol: TCP,
            source: (Ipv4Addr::new(10, 0, 0, guest), port),
            target: (Ipv4Addr::new(10, 0, 0, 9), 80),
        }
    }

    #[test]
    fn a_guest_forgets_its_own_oldest_flow() {
        let mut flows = Flows::new(2);
        flows.passed(flow(2, 1), Duration::from_secs(1));
        flows.passed(flow(1, 1), Duration::from_secs(2));
        flows.passed(flow(1, 2), Duration::from_secs(3));
        assert!(flows.knows(&flow(1, 1), Duration::from_secs(4)));
        flows.passed(flow(1, 3), Duration::from_secs(5));
        let now = Duration::from_secs(6);
        assert!(!flows.knows(&flow(1, 2), now), "the oldest");
        assert!(flows.knows(&flow(1, 1), now) && flows.knows(&flow(1, 3), now));
        assert!(flows.knows(&flow(2, 1), now), "of another");
    }

    #[test]
    fn a_flow_ends_when_nothing_passes() {
        let mut flows = Flows::new(2);
        flows.passed(flow(1, 1), Duration::ZERO);
        assert!(flows.knows(&flow(1, 1), IDLE / 2));
        assert!(flows.knows(&flow(1, 1), IDLE));
        assert!(!flows.knows(&flow(1, 1), IDLE * 2));
        assert_eq!(flows.len(), 0);
    }
}
