//! A guest that misbehaves.

use gumnut_cloud_network::{MAX_FRAME, METADATA, Mac, NetworkOptions, Traffic};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::guest::{Machine, address};
use crate::lab::{Lab, anywhere};

#[test]
fn a_flood_of_connections_is_bounded_and_passes() {
    let mut lab = Lab::new(&[&[]]);
    let port = lab.port(0);
    let most = NetworkOptions::default().limits.from_guest;
    let handles: Vec<_> = (0..100_u16)
        .map(|number| lab.machine(0).connect((METADATA, 80), 10_000 + number))
        .collect();
    let established = |lab: &mut Lab| {
        let mut count = 0;
        for handle in &handles {
            count += usize::from(lab.machine(0).tcp(*handle).may_send());
        }
        count
    };
    lab.ticks(100);
    assert_eq!(established(&mut lab), most);
    assert_eq!(lab.switch.load(port).unwrap().connections, most);
    // Those that were refused know it.
    let refused = handles.iter().filter(|handle| {
        !lab.machines[0]
            .1
            .sockets
            .get::<smoltcp::socket::tcp::Socket<'_>>(**handle)
            .is_open()
    });
    assert_eq!(refused.count(), 100 - most);
    // The places of those that end are free at once.
    while let Some(accepted) = lab.switch.accept(port) {
        lab.switch.leave(accepted.connection, lab.now);
    }
    for handle in &handles {
        lab.machine(0).tcp(*handle).close();
    }
    lab.ticks(100);
    for number in 0..80 {
        let handle = lab.machine(0).connect((METADATA, 80), 20_000 + number);
        let accepted = lab.accepted(0);
        lab.switch.leave(accepted.connection, lab.now);
        lab.ticks(30);
        lab.machine(0).tcp(handle).close();
    }
}

#[test]
fn a_hundred_thousand_first_segments_take_no_more_than_their_place() {
    let mut lab = Lab::new(&[&[]]);
    let port = lab.port(0);
    // One frame of a guest, with other ports.
    let mut machine = Machine::new(10).with_address(address(10));
    machine.connect((METADATA, 80), 4000);
    *lab.machine(0) = machine;
    let limits = NetworkOptions::default().limits;
    let mut frame = None;
    lab.ticks(1);
    let now = lab.now;
    lab.machine(0).poll(smoltcp::time::Instant::from_millis(
        i64::try_from(now.as_millis()).unwrap(),
    ));
    frame = frame.or_else(|| lab.machine(0).card.outbound.pop_back());
    let frame = frame.unwrap();
    for number in 0..100_000_u32 {
        let mut frame = frame.clone();
        let [_, _, high, low] = number.to_be_bytes();
        let (source, target) = (address(10).into(), METADATA.into());
        let mut segment = smoltcp::wire::TcpPacket::new_unchecked(&mut frame[34..]);
        segment.set_src_port(u16::from_be_bytes([high, low]).max(1));
        segment.fill_checksum(&source, &target);
        lab.switch.receive(port, &frame, now);
        if number % 100 == 0 {
            lab.switch.poll(port, now);
        }
        let load = lab.switch.load(port).unwrap();
        assert!(
            load.connections <= limits.from_guest && load.frames <= limits.queue,
            "{load:?}"
        );
    }
}

#[test]
fn a_guest_that_takes_nothing_holds_no_more_than_its_queue() {
    let mut lab = Lab::new(&[&["g"], &["g"]]);
    lab.set_rules("g", vec![anywhere(Traffic::Any)]);
    let sender = lab.machine(0).bind_udp(4000);
    let (from, to) = (lab.port(0), lab.port(1));
    // Its card is not read any more.
    lab.machines.pop();
    let target = (smoltcp::wire::IpAddress::from(address(11)), 9);
    for _ in 0..2000 {
        lab.machine(0)
            .udp(sender)
            .send_slice(&[7; 1000], target)
            .unwrap();
        lab.tick();
    }
    let limits = NetworkOptions::default().limits;
    assert_eq!(lab.switch.load(to).unwrap().frames, limits.queue);
    assert_eq!(lab.switch.load(from).unwrap().frames, 0);
}

#[test]
fn a_frame_that_is_too_long_is_no_frame() {
    let mut lab = Lab::new(&[&[]]);
    let port = lab.port(0);
    let now = lab.now;
    for len in [0, 1, 13, MAX_FRAME + 1, 65_536] {
        let mut frame = vec![0xff; len];
        if let Some(source) = frame.get_mut(6..12) {
            source.copy_from_slice(&Mac::of_instance(10).0);
        }
        lab.switch.receive(port, &frame, now);
        lab.switch.poll(port, now);
        assert_eq!(lab.switch.transmit(port), None);
    }
}

/// A frame that looks like one up to some depth.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let ethernet = (
        any::<bool>(),
        prop_oneof![Just(0x0800_u16), Just(0x0806), any::<u16>()],
    );
    (ethernet, vec(any::<u8>(), 0..200)).prop_map(|((broadcast, kind), mut content)| {
        if kind == 0x0800 && content.len() >= 20 {
            let len = u16::try_from(content.len()).unwrap_or(20);
            content[0] = 0x45;
            content[2..4].copy_from_slice(&len.to_be_bytes());
            content[12..16].copy_from_slice(&address(10).octets());
            content[9] = [1, 6, 17, 47][usize::from(content[9] % 4)];
            smoltcp::wire::Ipv4Packet::new_unchecked(&mut content[..]).fill_checksum();
        }
        let gateway = [0x02, 0x67, 0x75, 0x6d, 0x00, 0x01];
        let mut frame = if broadcast {
            vec![0xff; 6]
        } else {
            gateway.to_vec()
        };
        frame.extend(Mac::of_instance(10).0);
        frame.extend(kind.to_be_bytes());
        frame.extend(content);
        frame
    })
}

proptest! {
    #[test]
    fn no_frame_does_harm(frames in vec(frame(), 1..40)) {
        let mut lab = Lab::new(&[&["g"], &["g"]]);
        lab.set_rules("g", vec![anywhere(Traffic::Any)]);
        let (port, now) = (lab.port(0), lab.now);
        for frame in &frames {
            lab.switch.receive(port, frame, now);
        }
        lab.tick();
        prop_assert!(lab.connect(0, (METADATA, 80), 60_000).0, "the guest is served afterwards");
    }
}
