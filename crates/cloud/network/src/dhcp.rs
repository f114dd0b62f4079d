//! The server of the guests' addresses: each guest has one, known beforehand.

use std::net::Ipv4Addr;

use smoltcp::wire::{DhcpMessageType, DhcpOption, DhcpPacket, DhcpRepr, EthernetAddress};

use crate::guest::{Guest, Mac};
use crate::subnet::Subnet;

pub(crate) const SERVER_PORT: u16 = 67;
pub(crate) const CLIENT_PORT: u16 = 68;
/// Seconds. A guest asks again after half of it.
const LEASE: u32 = 86_400;

const REQUESTED_ADDRESS: u8 = 50;
const MESSAGE_TYPE: u8 = 53;
const SERVER_IDENTIFIER: u8 = 54;
const HOST_NAME: u8 = 12;

/// A question of the guest.
struct Question {
    kind: DhcpMessageType,
    transaction: u32,
    /// The address that it has and uses.
    client: Ipv4Addr,
    broadcast: bool,
    requested: Option<Ipv4Addr>,
    server: Option<Ipv4Addr>,
}

/// The answer to a guest, and where it goes. `None`: nothing is said, because nothing was asked or another was.
pub(crate) fn answer(message: &[u8], guest: &Guest, subnet: Subnet) -> Option<(Ipv4Addr, Vec<u8>)> {
    let question = Question::parse(message, guest.mac)?;
    if question
        .server
        .is_some_and(|server| server != subnet.gateway())
    {
        return None;
    }
    let given = Some(guest.private);
    let kind = match question.kind {
        DhcpMessageType::Discover => DhcpMessageType::Offer,
        // Before it has a lease a guest names the address in an option, afterwards in the header.
        DhcpMessageType::Request if question.requested.or(Some(question.client)) == given => {
            DhcpMessageType::Ack
        }
        DhcpMessageType::Request => DhcpMessageType::Nak,
        DhcpMessageType::Inform => DhcpMessageType::Ack,
        _ => return None,
    };
    // Who has no lease cannot get what is sent to its address.
    let has_address = kind != DhcpMessageType::Nak && question.client == guest.private;
    let target = if has_address {
        guest.private
    } else {
        Ipv4Addr::BROADCAST
    };
    Some((target, question.reply(kind, guest, subnet)?))
}

impl Question {
    fn parse(message: &[u8], from: Mac) -> Option<Self> {
        let packet = DhcpPacket::new_checked(message).ok()?;
        let asked_by = Mac(packet.client_hardware_address().0);
        if packet.hardware_len() != 6 || asked_by != from {
            return None;
        }
        let option = |kind| {
            let mut options = packet.options();
            options
                .find(|option| option.kind == kind)
                .map(|option| option.data)
        };
        let address = |kind| {
            let octets: [u8; 4] = option(kind)?.try_into().ok()?;
            Some(Ipv4Addr::from(octets))
        };
        let kind = DhcpMessageType::from(*option(MESSAGE_TYPE)?.first()?);
        Some(Self {
            kind,
            transaction: packet.transaction_id(),
            client: packet.client_ip(),
            broadcast: packet.flags().bits() & 0x8000 != 0,
            requested: address(REQUESTED_ADDRESS),
            server: address(SERVER_IDENTIFIER),
        })
    }

    fn reply(&self, kind: DhcpMessageType, guest: &Guest, subnet: Subnet) -> Option<Vec<u8>> {
        let refused = kind == DhcpMessageType::Nak;
        // Who asks for hints only has an address already.
        let leases = !refused && self.kind != DhcpMessageType::Inform;
        let hints = [DhcpOption {
            kind: HOST_NAME,
            data: guest.host_name.as_bytes(),
        }];
        let reply = DhcpRepr {
            message_type: kind,
            transaction_id: self.transaction,
            secs: 0,
            client_hardware_address: EthernetAddress(guest.mac.0),
            client_ip: if refused {
                Ipv4Addr::UNSPECIFIED
            } else {
                self.client
            },
            your_ip: if leases {
                guest.private
            } else {
                Ipv4Addr::UNSPECIFIED
            },
            server_ip: Ipv4Addr::UNSPECIFIED,
            router: (!refused).then(|| subnet.gateway()),
            subnet_mask: (!refused).then(|| subnet.mask()),
            relay_agent_ip: Ipv4Addr::UNSPECIFIED,
            broadcast: self.broadcast,
            requested_ip: None,
            client_identifier: None,
            server_identifier: Some(subnet.gateway()),
            parameter_request_list: None,
            dns_servers: (!refused).then(|| [subnet.gateway()].into_iter().collect()),
            max_size: None,
            lease_duration: leases.then_some(LEASE),
            renew_duration: None,
            rebind_duration: None,
            additional_options: if refused { &[] } else { &hints },
        };
        let mut bytes = vec![0; reply.buffer_len()];
        reply
            .emit(&mut DhcpPacket::new_unchecked(&mut bytes[..]))
            .ok()?;
        Some(bytes)
    }
}
