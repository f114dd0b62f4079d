//! Connections of the host to a guest.

use std::time::Duration;

use gumnut_cloud_network::{NetworkError, Traffic};

use crate::guest::{GATEWAY, address};
use crate::lab::{Lab, anywhere, from_address};

fn open_lab() -> Lab {
    let mut lab = Lab::new(&[&["g"]]);
    lab.set_rules("g", vec![anywhere(Traffic::Tcp(22..=22))]);
    lab
}

#[test]
fn the_host_reaches_a_guest_that_has_not_spoken_yet() {
    let mut lab = open_lab();
    let listening = lab.machine(0).listen(22);
    let port = lab.port(0);
    let connection = lab.switch.connect(port, 22).unwrap();
    assert!(lab.connected(connection));
    let peer = lab.machine(0).tcp(listening).remote_endpoint().unwrap();
    assert_eq!(peer.addr, GATEWAY.into());
    lab.write(connection, b"hello");
    lab.until(|lab| (lab.machine(0).tcp(listening).recv_queue() == 5).then_some(()));
    lab.machine(0)
        .tcp(listening)
        .send_slice(b"welcome")
        .unwrap();
    lab.machine(0).tcp(listening).close();
    assert_eq!(lab.read_to_end(connection).unwrap(), b"welcome");
}

#[test]
fn only_what_the_rules_admit_is_reached() {
    let mut lab = open_lab();
    let port = lab.port(0);
    lab.machine(0).listen(80);
    let error = lab.switch.connect(port, 80).unwrap_err();
    assert!(
        matches!(error, NetworkError::NotAdmitted { port: 80, .. }),
        "{error}"
    );
    // The host is not a neighbour.
    lab.set_rules("g", vec![from_address(Traffic::Any, address(10))]);
    assert!(matches!(
        lab.switch.connect(port, 22),
        Err(NetworkError::NotAdmitted { .. })
    ));
    lab.set_rules("g", vec![anywhere(Traffic::Any)]);
    assert!(matches!(
        lab.switch.connect(port, 0),
        Err(NetworkError::Port(0))
    ));
}

#[test]
fn a_guest_that_does_not_listen_refuses() {
    let mut lab = open_lab();
    let port = lab.port(0);
    let connection = lab.switch.connect(port, 22).unwrap();
    assert!(!lab.connected(connection));
}

#[test]
fn a_guest_that_is_silent_is_given_up() {
    let mut lab = open_lab();
    let port = lab.port(0);
    // Its system has not started.
    lab.machine(0)
        .interface
        .update_ip_addrs(|addresses| addresses.truncate(0));
    let connection = lab.switch.connect(port, 22).unwrap();
    let start = lab.now;
    assert!(!lab.connected(connection));
    let took = lab.now.saturating_sub(start);
    assert!((59..=62).contains(&took.as_secs()), "{took:?}");
}

#[test]
fn a_revoked_rule_cuts_the_host_off() {
    let mut lab = open_lab();
    let listening = lab.machine(0).listen(22);
    let port = lab.port(0);
    let connection = lab.switch.connect(port, 22).unwrap();
    assert!(lab.connected(connection));
    lab.until(|lab| lab.machine(0).tcp(listening).can_send().then_some(()));
    lab.set_rules("g", vec![]);
    lab.until(|lab| (!lab.machine(0).tcp(listening).is_active()).then_some(()));
    assert_eq!(lab.read_to_end(connection), None, "a reset");
}

#[test]
fn what_was_written_arrives_after_the_host_has_gone() {
    let mut lab = open_lab();
    let listening = lab.machine(0).listen(22);
    let port = lab.port(0);
    let connection = lab.switch.connect(port, 22).unwrap();
    assert!(lab.connected(connection));
    lab.write(connection, b"last words");
    lab.switch.leave(connection, lab.now);
    lab.until(|lab| {
        (!lab.machine(0).tcp(listening).may_recv()
            || lab.machine(0).tcp(listening).recv_queue() == 10)
            .then_some(())
    });
    assert_eq!(lab.machine(0).tcp(listening).recv_queue(), 10);
    // The guest never ends its side.
    lab.ticks(61_000);
    assert_eq!(lab.switch.load(port).unwrap().connections, 0);
    assert!(lab.now > Duration::from_mins(1));
}
