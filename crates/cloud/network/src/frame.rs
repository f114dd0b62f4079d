//! Reading frames of a guest: whatever does not hold together is nothing.

use std::net::Ipv4Addr;

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetFrame, EthernetProtocol, Icmpv4Packet, IpProtocol,
    Ipv4Packet, TcpPacket, UdpPacket,
};

use crate::groups::What;
use crate::guest::Mac;

/// A frame that holds together.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) source: Mac,
    pub(crate) target: Mac,
    pub(crate) content: Content<'a>,
}

#[derive(Debug)]
pub(crate) enum Content<'a> {
    /// Who has an address.
    ArpRequest {
        source: Ipv4Addr,
        target: Ipv4Addr,
    },
    Packet(Packet<'a>),
}

/// An IPv4 packet whose lengths and header checksum are right.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet<'a> {
    /// The packet without what follows it in a short frame.
    pub(crate) bytes: &'a [u8],
    pub(crate) source: Ipv4Addr,
    pub(crate) target: Ipv4Addr,
    pub(crate) transport: Transport<'a>,
}

/// What a packet carries.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Transport<'a> {
    Tcp {
        source: u16,
        target: u16,
        /// It begins a connection.
        opens: bool,
        resets: bool,
    },
    Udp {
        source: u16,
        target: u16,
        data: &'a [u8],
    },
    Icmp {
        kind: u8,
        code: u8,
        /// The identifier of an echo.
        ident: u16,
        /// The whole message.
        message: &'a [u8],
    },
    Other {
        protocol: u8,
    },
    /// Not the whole packet. Only of a first piece the sender is informed.
    Fragment {
        first: bool,
    },
}

pub(crate) const ECHO_REQUEST: u8 = 8;
pub(crate) const ECHO_REPLY: u8 = 0;
pub(crate) const UNREACHABLE: u8 = 3;
pub(crate) const TIME_EXCEEDED: u8 = 11;

impl<'a> Frame<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let frame = EthernetFrame::new_checked(bytes).ok()?;
        let content = match frame.ethertype() {
            EthernetProtocol::Arp => arp_request(frame.payload())?,
            EthernetProtocol::Ipv4 => Content::Packet(Packet::parse(frame.payload())?),
            _ => return None,
        };
        Some(Self {
            source: Mac(frame.src_addr().0),
            target: Mac(frame.dst_addr().0),
            content,
        })
    }
}

fn arp_request<'a>(bytes: &[u8]) -> Option<Content<'a>> {
    let packet = ArpPacket::new_checked(bytes).ok()?;
    match ArpRepr::parse(&packet).ok()? {
        ArpRepr::EthernetIpv4 {
            operation: ArpOperation::Request,
            source_protocol_addr: source,
            target_protocol_addr: target,
            ..
        } => Some(Content::ArpRequest { source, target }),
        _ => None,
    }
}

impl<'a> Packet<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let packet = Ipv4Packet::new_checked(bytes).ok()?;
        if packet.version() != 4 || !packet.verify_checksum() {
            return None;
        }
        let (source, target) = (packet.src_addr(), packet.dst_addr());
        let transport = if packet.more_frags() || packet.frag_offset() != 0 {
            Transport::Fragment {
                first: packet.frag_offset() == 0,
            }
        } else {
            Transport::parse(packet.next_header(), source, target, packet.payload())?
        };
        Some(Self {
            bytes: &bytes[..usize::from(packet.total_len())],
            source,
            target,
            transport,
        })
    }
}

impl<'a> Transport<'a> {
    fn parse(
        protocol: IpProtocol,
        source: Ipv4Addr,
        target: Ipv4Addr,
        bytes: &'a [u8],
    ) -> Option<Self> {
        let (from, to) = (source.into(), target.into());
        Some(match protocol {
            IpProtocol::Tcp => {
                let tcp = TcpPacket::new_checked(bytes).ok()?;
                if !tcp.verify_checksum(&from, &to) {
                    return None;
                }
                Self::Tcp {
                    source: tcp.src_port(),
                    target: tcp.dst_port(),
                    opens: tcp.syn() && !tcp.ack(),
                    resets: tcp.rst(),
                }
            }
            IpProtocol::Udp => {
                let udp = UdpPacket::new_checked(bytes).ok()?;
                // A checksum of zero says that there is none.
                if udp.checksum() != 0 && !udp.verify_checksum(&from, &to) {
                    return None;
                }
                Self::Udp {
                    source: udp.src_port(),
                    target: udp.dst_port(),
                    data: udp.payload(),
                }
            }
            IpProtocol::Icmp => {
                let icmp = Icmpv4Packet::new_checked(bytes).ok()?;
                if !icmp.verify_checksum() {
                    return None;
                }
                Self::Icmp {
                    kind: icmp.msg_type().into(),
                    code: icmp.msg_code(),
                    ident: icmp.echo_ident(),
                    message: bytes,
                }
            }
            other => Self::Other {
                protocol: other.into(),
            },
        })
    }

    /// What a rule can ask of it; `None` for a piece, of which nothing is known.
    pub(crate) fn what(&self) -> Option<What> {
        Some(match *self {
            Self::Tcp { target, .. } => What::Tcp { port: target },
            Self::Udp { target, .. } => What::Udp { port: target },
            Self::Icmp { kind, code, .. } => What::Icmp { kind, code },
            Self::Other { protocol } => What::Other { protocol },
            Self::Fragment { .. } => return None,
        })
    }
}

/// All checksums are checked and made: a guest's card has nobody who would do it.
pub(crate) fn checksums() -> ChecksumCapabilities {
    ChecksumCapabilities::default()
}
