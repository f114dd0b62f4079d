//! What a guest finds: an address, names, the metadata service, and refusals.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::task::{Poll, Waker};
use std::time::Duration;

use gumnut_cloud_network::METADATA;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::socket::icmp::Endpoint;
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, DhcpMessageType, DhcpPacket, DhcpRepr, EthernetAddress,
    EthernetFrame, EthernetProtocol, Icmpv4DstUnreachable, Icmpv4Packet, Icmpv4Repr, IpProtocol,
    Ipv4Cidr, Ipv4Packet, Ipv4Repr, UdpPacket, UdpRepr,
};

use crate::guest::{GATEWAY, Lease, Machine, address, guest};
use crate::lab::Lab;

const AT_ONCE: Duration = Duration::from_millis(20);

#[test]
fn a_guest_gets_its_address_and_all_that_goes_with_it() {
    let mut lab = Lab::new(&[]);
    let port = lab.attach(10, &[]);
    lab.machines.push((port, Machine::new(10)));
    let asking = lab.machine(0).ask_for_lease();
    let (lease, took) = lab.until(|lab| lab.machine(0).lease(asking));
    assert_eq!(
        lease,
        Lease {
            address: Ipv4Cidr::new(address(10), 16),
            router: GATEWAY,
            resolvers: vec![GATEWAY],
        }
    );
    assert!(took < Duration::from_secs(11), "{took:?}");
    // With the lease it can talk.
    assert!(lab.connect(0, (METADATA, 80), 4000).0);
}

/// A DHCP message in a frame, as a guest that knows what it wants sends it.
fn dhcp(kind: DhcpMessageType, change: impl FnOnce(&mut DhcpRepr<'_>)) -> Vec<u8> {
    let mac = EthernetAddress(guest(10, &[]).mac.0);
    let mut message = DhcpRepr {
        message_type: kind,
        transaction_id: 0x1234_5678,
        secs: 0,
        client_hardware_address: mac,
        client_ip: Ipv4Addr::UNSPECIFIED,
        your_ip: Ipv4Addr::UNSPECIFIED,
        server_ip: Ipv4Addr::UNSPECIFIED,
        router: None,
        subnet_mask: None,
        relay_agent_ip: Ipv4Addr::UNSPECIFIED,
        broadcast: false,
        requested_ip: None,
        client_identifier: None,
        server_identifier: None,
        parameter_request_list: None,
        dns_servers: None,
        max_size: None,
        lease_duration: None,
        renew_duration: None,
        rebind_duration: None,
        additional_options: &[],
    };
    change(&mut message);
    let mut bytes = vec![0; message.buffer_len()];
    message
        .emit(&mut DhcpPacket::new_unchecked(&mut bytes[..]))
        .unwrap();
    datagram(
        (Ipv4Addr::UNSPECIFIED, 68),
        (Ipv4Addr::BROADCAST, 67),
        &bytes,
    )
}

fn datagram(from: (Ipv4Addr, u16), to: (Ipv4Addr, u16), data: &[u8]) -> Vec<u8> {
    let udp = UdpRepr {
        src_port: from.1,
        dst_port: to.1,
    };
    packet(from.0, to.0, IpProtocol::Udp, 8 + data.len(), |bytes| {
        let (source, target) = (from.0.into(), to.0.into());
        let mut datagram = UdpPacket::new_unchecked(bytes);
        let checksums = ChecksumCapabilities::default();
        udp.emit(
            &mut datagram,
            &source,
            &target,
            data.len(),
            |bytes| bytes.copy_from_slice(data),
            &checksums,
        );
    })
}

fn packet(
    from: Ipv4Addr,
    to: Ipv4Addr,
    protocol: IpProtocol,
    len: usize,
    write: impl FnOnce(&mut [u8]),
) -> Vec<u8> {
    let header = Ipv4Repr {
        src_addr: from,
        dst_addr: to,
        next_header: protocol,
        payload_len: len,
        hop_limit: 64,
    };
    let mut bytes = vec![0; 14 + 20 + len];
    let mut frame = EthernetFrame::new_unchecked(&mut bytes[..]);
    frame.set_src_addr(EthernetAddress(guest(10, &[]).mac.0));
    frame.set_dst_addr(EthernetAddress::BROADCAST);
    frame.set_ethertype(EthernetProtocol::Ipv4);
    let checksums = ChecksumCapabilities::default();
    header.emit(
        &mut Ipv4Packet::new_unchecked(frame.payload_mut()),
        &checksums,
    );
    write(&mut frame.payload_mut()[20..]);
    bytes
}

/// The only frame that comes back, if one does.
fn sent(lab: &mut Lab, frame: &[u8]) -> Option<Vec<u8>> {
    let (port, now) = (lab.port(0), lab.now);
    lab.switch.receive(port, frame, now);
    lab.switch.poll(port, now);
    let answer = lab.switch.transmit(port);
    assert_eq!(lab.switch.transmit(port), None, "one answer is enough");
    answer
}

/// The DHCP message in a frame with the address that it goes to.
fn dhcp_in(frame: &[u8]) -> (Ipv4Addr, DhcpPacket<&[u8]>) {
    let frame = EthernetFrame::new_checked(frame).unwrap();
    let packet = Ipv4Packet::new_checked(frame.payload()).unwrap();
    let datagram = UdpPacket::new_checked(packet.payload()).unwrap();
    assert_eq!((datagram.src_port(), datagram.dst_port()), (67, 68));
    assert!(datagram.verify_checksum(&GATEWAY.into(), &packet.dst_addr().into()));
    (
        packet.dst_addr(),
        DhcpPacket::new_checked(datagram.payload()).unwrap(),
    )
}

fn option<'a>(message: &'a DhcpPacket<&'a [u8]>, kind: u8) -> Option<&'a [u8]> {
    let mut options = message.options();
    options
        .find(|option| option.kind == kind)
        .map(|option| option.data)
}

#[test]
fn an_offer_has_the_options_that_guests_ask_for() {
    let mut lab = Lab::new(&[&[]]);
    let answer = sent(&mut lab, &dhcp(DhcpMessageType::Discover, |_| {})).unwrap();
    let (target, offer) = dhcp_in(&answer);
    assert_eq!(target, Ipv4Addr::BROADCAST);
    assert_eq!(offer.your_ip(), address(10));
    assert_eq!(offer.transaction_id(), 0x1234_5678);
    let expected: [(u8, &[u8]); 7] = [
        (53, &[2]),
        (54, &[172, 31, 0, 1]),
        (51, &86_400_u32.to_be_bytes()),
        (1, &[255, 255, 0, 0]),
        (3, &[172, 31, 0, 1]),
        (6, &[172, 31, 0, 1]),
        (12, b"ip-172-31-0-10"),
    ];
    for (kind, value) in expected {
        assert_eq!(option(&offer, kind), Some(value), "option {kind}");
    }
}

#[test]
fn a_guest_gets_no_other_address() {
    let mut lab = Lab::new(&[&[]]);
    let kind_of = |lab: &mut Lab, frame: &[u8]| {
        let answer = sent(lab, frame)?;
        let (_, message) = dhcp_in(&answer);
        Some(option(&message, 53)?[0])
    };
    let request = |address| {
        dhcp(DhcpMessageType::Request, |message| {
            message.requested_ip = Some(address);
        })
    };
    assert_eq!(kind_of(&mut lab, &request(address(10))), Some(5), "ACK");
    assert_eq!(kind_of(&mut lab, &request(address(11))), Some(6), "NAK");
    // One that renews a lease of another network.
    let renewing = dhcp(DhcpMessageType::Request, |message| {
        message.client_ip = Ipv4Addr::new(10, 0, 0, 5);
    });
    assert_eq!(kind_of(&mut lab, &renewing), Some(6), "NAK");
    let of_another = dhcp(DhcpMessageType::Request, |message| {
        message.requested_ip = Some(address(10));
        message.server_identifier = Some(address(99));
    });
    assert_eq!(kind_of(&mut lab, &of_another), None);
    let release = dhcp(DhcpMessageType::Release, |message| {
        message.client_ip = address(10);
    });
    assert_eq!(kind_of(&mut lab, &release), None);
    let for_another_card = dhcp(DhcpMessageType::Discover, |message| {
        message.client_hardware_address = EthernetAddress(guest(11, &[]).mac.0);
    });
    assert_eq!(kind_of(&mut lab, &for_another_card), None);
}

fn arp(source: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    let mac = EthernetAddress(guest(10, &[]).mac.0);
    let request = ArpRepr::EthernetIpv4 {
        operation: ArpOperation::Request,
        source_hardware_addr: mac,
        source_protocol_addr: source,
        target_hardware_addr: EthernetAddress([0; 6]),
        target_protocol_addr: target,
    };
    let mut bytes = vec![0; 14 + request.buffer_len()];
    let mut frame = EthernetFrame::new_unchecked(&mut bytes[..]);
    frame.set_src_addr(mac);
    frame.set_dst_addr(EthernetAddress::BROADCAST);
    frame.set_ethertype(EthernetProtocol::Arp);
    request.emit(&mut ArpPacket::new_unchecked(frame.payload_mut()));
    bytes
}

#[test]
fn a_guest_finds_everybody_behind_the_gateway_and_not_itself() {
    let mut lab = Lab::new(&[&[]]);
    for target in [
        GATEWAY,
        METADATA,
        address(11),
        Ipv4Addr::new(172, 31, 200, 1),
    ] {
        let answer = sent(&mut lab, &arp(address(10), target)).unwrap();
        let frame = EthernetFrame::new_checked(&answer[..]).unwrap();
        let reply = ArpRepr::parse(&ArpPacket::new_checked(frame.payload()).unwrap()).unwrap();
        let ArpRepr::EthernetIpv4 {
            operation,
            source_hardware_addr,
            source_protocol_addr,
            ..
        } = reply
        else {
            panic!("{reply:?}");
        };
        assert_eq!(operation, ArpOperation::Reply);
        assert_eq!(source_protocol_addr, target);
        assert_eq!(source_hardware_addr, frame.src_addr());
    }
    // Another that had its address would make it give it up.
    assert_eq!(
        sent(&mut lab, &arp(Ipv4Addr::UNSPECIFIED, address(10))),
        None
    );
    assert_eq!(sent(&mut lab, &arp(address(10), address(10))), None);
    assert_eq!(
        sent(&mut lab, &arp(address(10), Ipv4Addr::new(8, 8, 8, 8))),
        None
    );
}

#[test]
fn the_metadata_service_is_a_stream_in_both_directions() {
    let mut lab = Lab::new(&[&[]]);
    for port in [80, 8773] {
        let handle = lab.machine(0).connect((METADATA, port), 4000 + port);
        let accepted = lab.accepted(0);
        assert_eq!(accepted.service, SocketAddrV4::new(METADATA, port));
        lab.until(|lab| lab.machine(0).tcp(handle).can_send().then_some(()));
        lab.machine(0).tcp(handle).send_slice(b"GET /").unwrap();
        lab.machine(0).tcp(handle).close();
        assert_eq!(lab.read_to_end(accepted.connection).unwrap(), b"GET /");
        // More than fits into any buffer, after the guest has said all.
        let long: Vec<u8> = (0..300_000_u32)
            .map(|number| number.to_le_bytes()[0])
            .collect();
        let mut came = vec![];
        let mut rest = &long[..];
        lab.until(|lab| {
            if let Poll::Ready(count) =
                lab.switch
                    .poll_write(accepted.connection, rest, Waker::noop())
            {
                rest = &rest[count.unwrap()..];
            }
            let socket = lab.machine(0).tcp(handle);
            while let Ok(1..) = socket.recv(|bytes| {
                came.extend_from_slice(bytes);
                (bytes.len(), bytes.len())
            }) {}
            (came.len() == long.len()).then_some(())
        });
        assert_eq!(came, long);
        lab.switch.leave(accepted.connection, lab.now);
        lab.until(|lab| (!lab.machine(0).tcp(handle).may_recv()).then_some(()));
    }
}

#[test]
fn a_stream_survives_lost_frames() {
    let mut lab = Lab::new(&[&[]]);
    lab.loses = Some(7);
    let handle = lab.machine(0).connect((METADATA, 80), 4000);
    let accepted = lab.accepted(0);
    let text: Vec<u8> = (0..100_000_u32)
        .map(|number| number.to_le_bytes()[1])
        .collect();
    let (mut rest, mut came) = (&text[..], vec![]);
    lab.until(|lab| {
        let socket = lab.machine(0).tcp(handle);
        if socket.can_send() {
            let count = socket.send_slice(rest).unwrap();
            rest = &rest[count..];
        }
        while let Poll::Ready(Some(bytes)) = lab.read(accepted.connection) {
            came.extend(bytes);
        }
        (came.len() == text.len()).then_some(())
    });
    assert_eq!(came, text);
}

#[test]
fn what_is_not_there_refuses_at_once() {
    let mut lab = Lab::new(&[&[]]);
    let nowhere = [
        (GATEWAY, 8773),
        (GATEWAY, 53),
        (METADATA, 81),
        (Ipv4Addr::new(1, 1, 1, 1), 80),
        (address(77), 22),
        (Ipv4Addr::LOCALHOST, 80),
    ];
    for (from, to) in (5000..).zip(nowhere) {
        // A guest asks for one card in a second.
        lab.ticks(1100);
        let (established, took) = lab.connect(0, to, from);
        assert!(!established && took < AT_ONCE, "{to:?} {took:?}");
    }
}

#[test]
fn a_dead_name_server_is_known_to_be_dead() {
    let mut lab = Lab::new(&[&[]]);
    let asking = lab.machine(0).bind_udp(6000);
    let errors = lab.machine(0).bind_icmp(Endpoint::Udp(6000.into()));
    for target in [Ipv4Addr::new(10, 9, 9, 9), METADATA, address(77)] {
        let server = (smoltcp::wire::IpAddress::from(target), 53);
        // A guest asks for one card in a second.
        lab.ticks(1100);
        lab.machine(0)
            .udp(asking)
            .send_slice(b"anybody?", server)
            .unwrap();
        let ((reason, of), took) = lab.until(|lab| {
            let (bytes, _) = lab.machine(0).icmp(errors).recv().ok()?;
            let packet = Icmpv4Packet::new_checked(bytes).unwrap();
            match Icmpv4Repr::parse(&packet, &ChecksumCapabilities::default()).unwrap() {
                Icmpv4Repr::DstUnreachable { reason, header, .. } => {
                    Some((reason, header.dst_addr))
                }
                other => panic!("{other:?}"),
            }
        });
        assert_eq!(
            (reason, of),
            (Icmpv4DstUnreachable::PortUnreachable, target)
        );
        assert!(took < AT_ONCE, "{took:?}");
    }
}

fn resolve(lab: &mut Lab, name: &str) -> Vec<u8> {
    let mut query = vec![0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        query.push(u8::try_from(label.len()).unwrap());
        query.extend(label.as_bytes());
    }
    query.extend([0, 0, 1, 0, 1]);
    let port = 7000 + u16::try_from(lab.now.as_millis() % 1000).unwrap();
    let asking = lab.machine(0).bind_udp(port);
    let server = (smoltcp::wire::IpAddress::from(GATEWAY), 53);
    lab.machine(0)
        .udp(asking)
        .send_slice(&query, server)
        .unwrap();
    let (answer, took) = lab.until(|lab| {
        let (bytes, _) = lab.machine(0).udp(asking).recv().ok()?;
        Some(bytes.to_vec())
    });
    assert!(took < AT_ONCE, "{took:?}");
    assert_eq!(answer[..2], query[..2]);
    answer
}

#[test]
fn the_network_knows_its_own_names_and_no_others() {
    let mut lab = Lab::new(&[&[], &[]]);
    assert!(resolve(&mut lab, "instance-data").ends_with(&[169, 254, 169, 254]));
    assert!(resolve(&mut lab, "ip-172-31-0-11").ends_with(&[172, 31, 0, 11]));
    assert_eq!(resolve(&mut lab, "www.example.org")[3] & 15, 5, "REFUSED");
    assert_eq!(resolve(&mut lab, "ip-172-31-0-12")[3] & 15, 5, "REFUSED");
}

#[test]
fn the_gateway_and_the_service_answer_pings_and_the_world_does_not() {
    let mut lab = Lab::new(&[&[]]);
    assert!(lab.ping(0, GATEWAY));
    assert!(lab.ping(0, METADATA));
    assert!(!lab.ping(0, Ipv4Addr::new(8, 8, 8, 8)));
    assert!(!lab.ping(0, address(77)));
}

#[test]
fn other_protocols_and_pieces_of_packets_are_refused() {
    let mut lab = Lab::new(&[&[]]);
    let reason = |answer: &[u8]| {
        let frame = EthernetFrame::new_checked(answer).unwrap();
        let packet = Ipv4Packet::new_checked(frame.payload()).unwrap();
        Icmpv4Packet::new_checked(packet.payload())
            .unwrap()
            .msg_code()
    };
    let gre = packet(address(10), GATEWAY, IpProtocol::Unknown(47), 30, |_| {});
    assert_eq!(reason(&sent(&mut lab, &gre).unwrap()), 2);
    let piece = |first: bool| {
        let mut bytes = datagram((address(10), 1000), (GATEWAY, 53), &[0; 64]);
        let mut packet = Ipv4Packet::new_unchecked(&mut bytes[14..]);
        packet.set_more_frags(true);
        packet.set_frag_offset(if first { 0 } else { 64 });
        packet.fill_checksum();
        bytes
    };
    assert_eq!(reason(&sent(&mut lab, &piece(true)).unwrap()), 13);
    assert_eq!(sent(&mut lab, &piece(false)), None);
}

#[test]
fn what_is_for_all_is_for_nobody() {
    let mut lab = Lab::new(&[&[], &[]]);
    for target in [
        [255, 255, 255, 255],
        [172, 31, 255, 255],
        [224, 0, 0, 251],
        [0, 0, 0, 0],
    ] {
        let frame = datagram((address(10), 5353), (target.into(), 5353), b"hello all");
        assert_eq!(sent(&mut lab, &frame), None, "{target:?}");
        let neighbour = lab.port(1);
        assert_eq!(lab.switch.transmit(neighbour), None);
    }
}
