//! Any bytes are what two guests of a cloud send, and what the host does meanwhile.

use std::task::Waker;
use std::time::Duration;

use gumnut_cloud_network::{
    Cidr, Connection, Guest, Limits, MAX_FRAME, Mac, NetworkOptions, Port, Rule, Source, Switch,
    Traffic,
};

use crate::input::Input;

const GATEWAY: [u8; 6] = [0x02, 0x67, 0x75, 0x6d, 0x00, 0x01];
/// Most steps of one input.
const STEPS: usize = 200;

/// Two guests send frames, with their own addresses where the bytes say so, while the host connects, reads, writes and changes the rules.
///
/// # Panics
/// When a frame of the switch does not hold together, goes to another card or is too long, or a guest holds more than its bounds.
pub fn network(bytes: &[u8]) {
    let mut input = Input(bytes);
    let mut lab = Lab::new();
    let mut steps = 0;
    while !input.0.is_empty() && steps < STEPS {
        steps += 1;
        lab.step(&mut input);
    }
}

struct Lab {
    switch: Switch,
    ports: [Port; 2],
    connections: Vec<Connection>,
    now: Duration,
}

impl Lab {
    fn new() -> Self {
        let mut switch = Switch::new(NetworkOptions::default());
        let ports = [10, 11].map(|number| {
            let attached = switch.attach(
                guest(number),
                number.into(),
                Duration::ZERO,
                Box::new(|| ()),
            );
            attached
                .unwrap_or_else(|error| panic!("the guests have addresses of their own: {error}"))
        });
        let mut lab = Self {
            switch,
            ports,
            connections: Vec::new(),
            now: Duration::ZERO,
        };
        lab.set_rules(0xff);
        lab
    }

    fn step(&mut self, input: &mut Input<'_>) {
        let what = input.byte();
        let port = self.ports[usize::from(what & 1)];
        match what >> 1 & 7 {
            0 => self.set_rules(input.byte()),
            1 => {
                if let Ok(connection) = self.switch.connect(port, input.u16()) {
                    self.connections.push(connection);
                }
            }
            2 => self.use_connection(input),
            3 => self.now += Duration::from_millis(input.u16().into()),
            _ => {
                let frame = frame(input, what & 1);
                self.switch.receive(port, &frame, self.now);
            }
        }
        self.check();
    }

    fn set_rules(&mut self, which: u8) {
        let all = [
            Traffic::Any,
            Traffic::Tcp(1..=1000),
            Traffic::Udp(53..=53),
            Traffic::Icmp {
                kind: None,
                code: None,
            },
        ];
        let rules = all
            .into_iter()
            .enumerate()
            .filter(|(at, _)| which >> at & 1 == 1);
        let rules = rules.map(|(_, traffic)| Rule {
            traffic,
            source: Source::Cidr(Cidr::ANYWHERE),
        });
        if let Ok(group) = "g".parse() {
            self.switch.set_rules(group, rules.collect());
        }
    }

    fn use_connection(&mut self, input: &mut Input<'_>) {
        let (at, what) = (input.byte(), input.byte());
        let Some(connection) = self.connections.get(usize::from(at)).copied() else {
            return;
        };
        // Whatever the guest has made of it.
        match what % 4 {
            0 => {
                let _ = self
                    .switch
                    .poll_read(connection, &mut [0; 100], Waker::noop());
            }
            1 => {
                let _ = self
                    .switch
                    .poll_write(connection, &[what; 100], Waker::noop());
            }
            2 => self.switch.finish(connection),
            _ => self.switch.leave(connection, self.now),
        }
    }

    /// Lets everything happen that is due.
    fn check(&mut self) {
        let limits = Limits::default();
        for (number, port) in [10, 11].into_iter().zip(self.ports) {
            self.switch.poll(port, self.now);
            while let Some(accepted) = self.switch.accept(port) {
                self.connections.push(accepted.connection);
            }
            let load = self.switch.load(port);
            assert!(
                load.is_some_and(|load| load.frames <= limits.queue
                    && load.connections <= limits.from_guest + limits.to_guest),
                "{load:?} is bounded"
            );
            while let Some(frame) = self.switch.transmit(port) {
                assert_frame(&frame, number);
            }
        }
        assert!(
            self.switch.flows() <= 2 * limits.flows,
            "the flows are bounded"
        );
    }
}

fn guest(number: u8) -> Guest {
    let name = |text: &str| text.parse().ok();
    Guest {
        id: name("i-10").filter(|_| number == 10).unwrap_or_else(|| {
            "i-11"
                .parse()
                .unwrap_or_else(|error| panic!("a name: {error}"))
        }),
        mac: Mac::of_instance(number.into()),
        private: [172, 31, 0, number].into(),
        public: [127, 31, 0, number].into(),
        host_name: format!("ip-172-31-0-{number}"),
        groups: "g".parse().into_iter().collect(),
    }
}

/// A frame of a guest. It is corrected as far as its first byte says, so that not every one ends at a wrong address or checksum.
fn frame(input: &mut Input<'_>, guest: u8) -> Vec<u8> {
    let depth = input.byte();
    let len = usize::from(input.u16()) % (MAX_FRAME + 64);
    let mut frame = input.bytes(len).to_vec();
    let number = 10 + guest;
    if depth & 1 == 1 && frame.len() >= 14 {
        frame[..6].copy_from_slice(&GATEWAY);
        frame[6..12].copy_from_slice(&Mac::of_instance(number.into()).0);
        frame[12..14].copy_from_slice(if depth & 2 == 2 { &[8, 0] } else { &[8, 6] });
    }
    if depth & 7 == 7 && frame.len() >= 34 {
        let len = u16::try_from(frame.len() - 14).unwrap_or(u16::MAX);
        let packet = &mut frame[14..];
        packet[0] = 0x45;
        packet[2..4].copy_from_slice(&len.to_be_bytes());
        packet[12..16].copy_from_slice(&[172, 31, 0, number]);
        let target = match depth >> 3 & 3 {
            0 => [172, 31, 0, 1],
            1 => [169, 254, 169, 254],
            2 => [172, 31, 0, 21 - number],
            _ => [packet[16], packet[17], packet[18], packet[19]],
        };
        packet[16..20].copy_from_slice(&target);
        if depth & 32 == 32 {
            packet[6..8].copy_from_slice(&[0, 0]);
            transport(packet);
        }
        packet[10..12].copy_from_slice(&[0, 0]);
        let sum = checksum(&packet[..20]);
        packet[10..12].copy_from_slice(&sum);
    }
    frame
}

/// Makes the checksum of what a packet carries right.
fn transport(packet: &mut [u8]) {
    let len = u16::try_from(packet.len() - 20).unwrap_or(u16::MAX);
    let (protocol, at) = match packet[9] % 3 {
        0 => (1, 2),
        1 => (6, 16),
        _ => (17, 6),
    };
    packet[9] = protocol;
    if packet.len() < 20 + at + 2 {
        return;
    }
    if protocol == 17 {
        packet[24..26].copy_from_slice(&len.to_be_bytes());
    }
    packet[20 + at..22 + at].copy_from_slice(&[0, 0]);
    let mut summed = Vec::new();
    if protocol != 1 {
        summed.extend(&packet[12..20]);
        summed.extend([0, protocol]);
        summed.extend(len.to_be_bytes());
    }
    summed.extend(&packet[20..]);
    let sum = checksum(&summed);
    packet[20 + at..22 + at].copy_from_slice(&sum);
}

/// The Internet checksum, by its definition.
fn checksum(bytes: &[u8]) -> [u8; 2] {
    let words = bytes.chunks(2).map(|word| {
        let low = word.get(1).copied().unwrap_or(0);
        u64::from(u16::from_be_bytes([word[0], low]))
    });
    let mut sum: u64 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let [.., high, low] = (!sum).to_be_bytes();
    [high, low]
}

fn assert_frame(frame: &[u8], number: u8) {
    assert!(
        (14..=MAX_FRAME).contains(&frame.len()),
        "{} bytes",
        frame.len()
    );
    assert_eq!(
        frame[..6],
        Mac::of_instance(number.into()).0,
        "it goes to its guest"
    );
    assert_eq!(frame[6..12], GATEWAY, "it comes from the gateway");
    match frame[12..14] {
        [8, 6] => assert_eq!(frame.len(), 14 + 28, "an answer of ARP"),
        [8, 0] => {
            let packet = &frame[14..];
            let header = usize::from(packet[0] & 15) * 4;
            assert!(header >= 20 && header <= packet.len(), "a header");
            assert_eq!(checksum(&packet[..header]), [0, 0], "its checksum");
            let len = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
            assert_eq!(len, packet.len(), "its length");
        }
        _ => panic!("of no known kind: {:?}", &frame[12..14]),
    }
}
