//! Writing frames for a guest.

use std::net::Ipv4Addr;

use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol,
    Icmpv4DstUnreachable, Icmpv4Packet, Icmpv4Repr, IpProtocol, Ipv4Packet, Ipv4Repr, UdpPacket,
    UdpRepr,
};

use crate::frame::{Packet, checksums};
use crate::guest::Mac;
use crate::limits::ETHERNET_HEADER;
use crate::subnet::GATEWAY_MAC;

/// As everybody sends them.
pub(crate) const HOP_LIMIT: u8 = 64;
/// How much of a packet goes back to the sender in a refusal, in bytes: RFC 1812 allows 576 for the whole.
const QUOTED: usize = 576 - 20 - 8;

/// A frame with room for so many bytes of content.
pub(crate) fn framed(to: Mac, protocol: EthernetProtocol, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; ETHERNET_HEADER + len];
    let mut frame = EthernetFrame::new_unchecked(&mut bytes[..]);
    frame.set_dst_addr(EthernetAddress(to.0));
    frame.set_src_addr(EthernetAddress(GATEWAY_MAC.0));
    frame.set_ethertype(protocol);
    bytes
}

/// A packet as it is.
pub(crate) fn forwarded(to: Mac, packet: &[u8]) -> Vec<u8> {
    let mut bytes = framed(to, EthernetProtocol::Ipv4, packet.len());
    bytes[ETHERNET_HEADER..].copy_from_slice(packet);
    bytes
}

/// The answer to the question who has `address`: we have.
pub(crate) fn arp_reply(to: Mac, asked_by: Ipv4Addr, address: Ipv4Addr) -> Vec<u8> {
    let reply = ArpRepr::EthernetIpv4 {
        operation: ArpOperation::Reply,
        source_hardware_addr: EthernetAddress(GATEWAY_MAC.0),
        source_protocol_addr: address,
        target_hardware_addr: EthernetAddress(to.0),
        target_protocol_addr: asked_by,
    };
    let mut bytes = framed(to, EthernetProtocol::Arp, reply.buffer_len());
    reply.emit(&mut ArpPacket::new_unchecked(&mut bytes[ETHERNET_HEADER..]));
    bytes
}

/// A datagram; `write` fills its `len` bytes.
pub(crate) fn udp(
    to: Mac,
    (source, source_port): (Ipv4Addr, u16),
    (target, target_port): (Ipv4Addr, u16),
    len: usize,
    write: impl FnOnce(&mut [u8]),
) -> Vec<u8> {
    let udp = UdpRepr {
        src_port: source_port,
        dst_port: target_port,
    };
    packet(
        to,
        source,
        target,
        IpProtocol::Udp,
        udp.header_len() + len,
        |bytes| {
            let mut datagram = UdpPacket::new_unchecked(bytes);
            let (source, target) = (source.into(), target.into());
            udp.emit(&mut datagram, &source, &target, len, write, &checksums());
        },
    )
}

/// The answer to an echo request.
pub(crate) fn echo_reply(to: Mac, packet: &Packet<'_>, message: &[u8]) -> Option<Vec<u8>> {
    let request = Icmpv4Packet::new_checked(message).ok()?;
    let reply = Icmpv4Repr::EchoReply {
        ident: request.echo_ident(),
        seq_no: request.echo_seq_no(),
        data: request.data(),
    };
    Some(icmp(to, packet.target, packet.source, &reply))
}

/// The message by which the sender of `refused` learns that nobody gets it.
pub(crate) fn unreachable(
    to: Mac,
    says: Ipv4Addr,
    refused: &Packet<'_>,
    reason: Icmpv4DstUnreachable,
) -> Option<Vec<u8>> {
    let quoted = Ipv4Packet::new_checked(refused.bytes).ok()?;
    let payload = quoted.payload();
    let data = &payload[..payload.len().min(QUOTED)];
    let header = Ipv4Repr {
        src_addr: refused.source,
        dst_addr: refused.target,
        next_header: quoted.next_header(),
        // What it was, not what is quoted of it.
        payload_len: payload.len(),
        hop_limit: quoted.hop_limit(),
    };
    let message = Icmpv4Repr::DstUnreachable {
        reason,
        header,
        data,
    };
    Some(icmp(to, says, refused.source, &message))
}

fn icmp(to: Mac, source: Ipv4Addr, target: Ipv4Addr, message: &Icmpv4Repr<'_>) -> Vec<u8> {
    packet(
        to,
        source,
        target,
        IpProtocol::Icmp,
        message.buffer_len(),
        |bytes| {
            message.emit(&mut Icmpv4Packet::new_unchecked(bytes), &checksums());
        },
    )
}

fn packet(
    to: Mac,
    source: Ipv4Addr,
    target: Ipv4Addr,
    protocol: IpProtocol,
    len: usize,
    write: impl FnOnce(&mut [u8]),
) -> Vec<u8> {
    let header = Ipv4Repr {
        src_addr: source,
        dst_addr: target,
        next_header: protocol,
        payload_len: len,
        hop_limit: HOP_LIMIT,
    };
    let mut bytes = framed(to, EthernetProtocol::Ipv4, header.buffer_len() + len);
    let packet = &mut bytes[ETHERNET_HEADER..];
    header.emit(&mut Ipv4Packet::new_unchecked(&mut *packet), &checksums());
    write(&mut packet[header.buffer_len()..]);
    bytes
}
