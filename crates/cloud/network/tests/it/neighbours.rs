//! Guests and each other.

use std::task::Poll;

use gumnut_cloud_network::{METADATA, NetworkError, Traffic};

use crate::guest::{address, guest};
use crate::lab::{Lab, anywhere, from_address, from_group};

const PING: Traffic = Traffic::Icmp {
    kind: Some(8),
    code: Some(0),
};

#[test]
fn neighbours_ping_each_other_once_it_is_authorized() {
    let mut lab = Lab::new(&[&["default"], &["default"]]);
    assert!(!lab.ping(0, address(11)));
    lab.set_rules("default", vec![from_group(PING, "default")]);
    assert!(lab.ping(0, address(11)) && lab.ping(1, address(10)));
    lab.set_rules("default", vec![]);
    assert!(!lab.ping(0, address(11)));
}

#[test]
fn a_rule_opens_one_direction() {
    let mut lab = Lab::new(&[&["clients"], &["servers"]]);
    lab.set_rules(
        "servers",
        vec![from_group(Traffic::Tcp(80..=80), "clients")],
    );
    let listening = lab.machine(1).listen(80);
    lab.machine(0).listen(80);
    assert!(
        !lab.connect(1, (address(10), 80), 5000).0,
        "the other direction"
    );
    assert!(!lab.connect(0, (address(11), 81), 5001).0, "another port");
    let handle = lab.machine(0).connect((address(11), 80), 5002);
    assert!(lab.outcome(0, handle).0);
    lab.until(|lab| lab.machine(1).tcp(listening).can_send().then_some(()));
    lab.machine(1)
        .tcp(listening)
        .send_slice(b"welcome")
        .unwrap();
    lab.until(|lab| (lab.machine(0).tcp(handle).recv_queue() == 7).then_some(()));
}

#[test]
fn an_answer_passes_only_to_the_one_who_asked() {
    let mut lab = Lab::new(&[&[], &["servers"], &[]]);
    lab.set_rules(
        "servers",
        vec![from_address(Traffic::Udp(53..=53), address(10))],
    );
    let client = lab.machine(0).bind_udp(4000);
    let (server, stranger) = (lab.machine(1).bind_udp(53), lab.machine(2).bind_udp(4000));
    let to = |number| (smoltcp::wire::IpAddress::from(address(number)), 4000);
    // Nobody has asked.
    lab.machine(1)
        .udp(server)
        .send_slice(b"unasked", to(10))
        .unwrap();
    lab.ticks(50);
    assert!(!lab.machine(0).udp(client).can_recv());
    let server_address = (smoltcp::wire::IpAddress::from(address(11)), 53);
    lab.machine(0)
        .udp(client)
        .send_slice(b"who?", server_address)
        .unwrap();
    lab.until(|lab| lab.machine(1).udp(server).can_recv().then_some(()));
    for number in [12, 10] {
        lab.machine(1)
            .udp(server)
            .send_slice(b"you", to(number))
            .unwrap();
    }
    lab.until(|lab| lab.machine(0).udp(client).can_recv().then_some(()));
    assert!(!lab.machine(2).udp(stranger).can_recv());
    assert_eq!(lab.switch.flows(), 1);
}

#[test]
fn a_revoked_rule_ends_connections_that_exist() {
    let mut lab = Lab::new(&[&["g"], &["g"]]);
    lab.set_rules("g", vec![anywhere(Traffic::Tcp(22..=22))]);
    let listening = lab.machine(1).listen(22);
    let handle = lab.machine(0).connect((address(11), 22), 5000);
    assert!(lab.outcome(0, handle).0);
    lab.set_rules("g", vec![]);
    assert_eq!(lab.switch.flows(), 0);
    lab.machine(0).tcp(handle).send_slice(b"ls\n").unwrap();
    lab.until(|lab| (!lab.machine(0).tcp(handle).is_active()).then_some(()));
    assert_eq!(lab.machine(1).tcp(listening).recv_queue(), 0);
}

#[test]
fn a_guest_that_leaves_a_group_leaves_its_rights() {
    let mut lab = Lab::new(&[&["a"], &["b"]]);
    lab.set_rules("b", vec![from_group(PING, "a")]);
    assert!(lab.ping(0, address(11)));
    let port = lab.port(0);
    lab.switch.set_groups(port, ["c".parse().unwrap()].into());
    assert!(!lab.ping(0, address(11)));
}

#[test]
fn who_lies_about_itself_is_not_heard() {
    let mut lab = Lab::new(&[&[], &["open"]]);
    lab.set_rules("open", vec![anywhere(Traffic::Any)]);
    // The address of another, with its own card.
    let machine = std::mem::replace(
        lab.machine(0),
        crate::guest::Machine::new(10).with_address(address(50)),
    );
    let asking = lab.machine(0).connect((METADATA, 80), 4000);
    let neighbour = lab.machine(0).connect((address(11), 80), 4001);
    lab.ticks(3000);
    for handle in [asking, neighbour] {
        assert_eq!(
            lab.machine(0).tcp(handle).state(),
            smoltcp::socket::tcp::State::SynSent
        );
    }
    // The card of another, with its own address.
    *lab.machine(0) = crate::guest::Machine::new(12).with_address(address(10));
    let asking = lab.machine(0).connect((METADATA, 80), 4000);
    lab.ticks(3000);
    assert_eq!(
        lab.machine(0).tcp(asking).state(),
        smoltcp::socket::tcp::State::SynSent
    );
    *lab.machine(0) = machine;
    assert!(
        lab.connect(0, (METADATA, 80), 4002).0,
        "and then it is heard"
    );
}

#[test]
fn nobody_gets_what_another_has() {
    let mut lab = Lab::new(&[&[]]);
    let now = lab.now;
    let mut attach = |change: &dyn Fn(&mut gumnut_cloud_network::Guest)| {
        let mut other = guest(11, &[]);
        change(&mut other);
        lab.switch
            .attach(other, 0, now, Box::new(|| ()))
            .unwrap_err()
    };
    let first = guest(10, &[]);
    assert!(matches!(
        attach(&|other| other.id = first.id.clone()),
        NetworkError::Attached(_)
    ));
    assert!(matches!(
        attach(&|other| other.private = first.private),
        NetworkError::Taken(_)
    ));
    assert!(matches!(
        attach(&|other| other.mac = first.mac),
        NetworkError::Taken(_)
    ));
    assert!(matches!(
        attach(&|other| other.public = first.public),
        NetworkError::Taken(_)
    ));
    assert!(matches!(
        attach(&|other| other.private = [172, 31, 0, 1].into()),
        NetworkError::Address(_)
    ));
    assert!(matches!(
        attach(&|other| other.private = [10, 0, 0, 9].into()),
        NetworkError::Address(_)
    ));
    assert!(matches!(
        attach(&|other| other.public = [192, 168, 0, 9].into()),
        NetworkError::Address(_)
    ));
    assert!(matches!(
        attach(&|other| other.host_name = "a.b".to_owned()),
        NetworkError::HostName(_)
    ));
}

#[test]
fn a_guest_that_has_gone_leaves_nothing() {
    let mut lab = Lab::new(&[&["g"], &["g"]]);
    lab.set_rules("g", vec![anywhere(Traffic::Any)]);
    assert!(lab.ping(0, address(11)));
    lab.machine(1).connect((METADATA, 80), 4000);
    let accepted = lab.accepted(1);
    let (port, _) = lab.machines.remove(1);
    lab.switch.detach(port);
    assert!(matches!(lab.read(accepted.connection), Poll::Ready(None)));
    assert_eq!((lab.switch.flows(), lab.switch.load(port)), (0, None));
    assert!(!lab.ping(0, address(11)));
    // Its place is free.
    lab.attach(11, &["g"]);
}
