//! The network with its sockets, and a guest that stands in for an emulator.

use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gumnut_cloud_network::{
    Arrivals, Attachment, EMULATOR_SOCKET, METADATA, MOVED_BY, NETWORK_SOCKET, Network,
    NetworkError, NetworkOptions, Proxy, Traffic, connect_through,
};
use smoltcp::time::Instant as Moment;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixDatagram};

use crate::guest::{Machine, address, guest};
use crate::lab::anywhere;

/// A guest at its sockets, driven while a test waits for it.
struct Emulator {
    socket: UnixDatagram,
    network: PathBuf,
    machine: Machine,
    start: Instant,
    _link: tempfile::TempDir,
}

impl Emulator {
    fn start(folder: &Path, number: u8) -> Self {
        // A path that a socket's address has room for.
        let link = tempfile::tempdir().unwrap();
        let short = link.path().join("i");
        std::os::unix::fs::symlink(folder, &short).unwrap();
        let _ = fs_err::remove_file(folder.join(EMULATOR_SOCKET));
        Self {
            socket: UnixDatagram::bind(short.join(EMULATOR_SOCKET)).unwrap(),
            network: short.join(NETWORK_SOCKET),
            machine: Machine::new(number).with_address(address(number)),
            start: Instant::now(),
            _link: link,
        }
    }

    /// Runs the guest until something is seen.
    async fn until<T>(&mut self, mut seen: impl FnMut(&mut Machine) -> Option<T>) -> T {
        let mut buffer = vec![0; 65_536];
        loop {
            let elapsed = i64::try_from(self.start.elapsed().as_millis()).unwrap();
            self.machine.poll(Moment::from_millis(elapsed));
            while let Some(frame) = self.machine.card.outbound.pop_front() {
                // Without a network it is lost, and comes again.
                let _ = self.socket.send_to(&frame, &self.network).await;
            }
            if let Some(found) = seen(&mut self.machine) {
                return found;
            }
            let frame =
                tokio::time::timeout(Duration::from_millis(20), self.socket.recv(&mut buffer))
                    .await;
            if let Ok(count) = frame {
                self.machine
                    .card
                    .inbound
                    .push_back(buffer[..count.unwrap()].to_vec());
            }
            assert!(
                self.start.elapsed() < Duration::from_mins(1),
                "nothing within a minute"
            );
        }
    }

    /// Says something, and gives what comes back up to the end.
    async fn exchange(&mut self, to: (Ipv4Addr, u16), from: u16, text: &[u8]) -> Vec<u8> {
        let handle = self.machine.connect(to, from);
        self.until(|machine| machine.tcp(handle).can_send().then_some(()))
            .await;
        self.machine.tcp(handle).send_slice(text).unwrap();
        self.machine.tcp(handle).close();
        let mut answer = vec![];
        self.until(|machine| {
            let socket = machine.tcp(handle);
            if socket.can_recv() {
                let _ = socket.recv(|bytes| {
                    answer.extend_from_slice(bytes);
                    (bytes.len(), ())
                });
            }
            (!socket.is_open()).then_some(())
        })
        .await;
        answer
    }

    /// Takes a connection and sends back whatever comes until the other side ends.
    async fn echo(&mut self, port: u16) {
        let handle = self.machine.listen(port);
        self.until(|machine| {
            let socket = machine.tcp(handle);
            if socket.can_recv() && socket.can_send() {
                let bytes = socket.recv(|bytes| (bytes.len(), bytes.to_vec())).unwrap();
                socket.send_slice(&bytes).unwrap();
            }
            if socket.may_send() && !socket.may_recv() && socket.is_active() {
                socket.close();
            }
            (!socket.is_open()).then_some(())
        })
        .await;
    }
}

struct Place {
    network: Network,
    arrivals: Arrivals,
    folder: PathBuf,
    _root: tempfile::TempDir,
}

impl Place {
    /// A directory whose sockets have longer paths than a socket's address can hold.
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a".repeat(100)).join("instances/i-10");
        fs_err::create_dir_all(&folder).unwrap();
        let (network, arrivals) = Network::new(NetworkOptions::default());
        Self {
            network,
            arrivals,
            folder,
            _root: root,
        }
    }

    fn attach(&self, public: Ipv4Addr) -> Attachment {
        let mut guest = guest(10, &["g"]);
        guest.public = public;
        self.network.attach(guest, &self.folder).unwrap()
    }

    fn open(&self, traffic: Traffic) {
        self.network
            .set_rules("g".parse().unwrap(), vec![anywhere(traffic)]);
    }
}

/// An address of this host that no other test uses.
fn public() -> Ipv4Addr {
    let mut bytes = [0; 2];
    getrandom::fill(&mut bytes).unwrap();
    Ipv4Addr::new(127, 31, bytes[0], bytes[1].clamp(1, 254))
}

#[tokio::test]
async fn a_guest_is_served_over_its_socket_and_again_after_a_restart() {
    let mut place = Place::new();
    let _attachment = place.attach(public());
    // The second is another process at the same path.
    for from in [4000, 4001] {
        let mut emulator = Emulator::start(&place.folder, 10);
        let serving = async {
            let mut arrival = place.arrivals.next().await.unwrap();
            assert_eq!(arrival.guest.to_string(), "i-10");
            assert_eq!(arrival.service, "169.254.169.254:80".parse().unwrap());
            let mut asked = vec![];
            arrival.stream.read_to_end(&mut asked).await.unwrap();
            asked.reverse();
            arrival.stream.write_all(&asked).await.unwrap();
        };
        let (answer, ()) = tokio::join!(emulator.exchange((METADATA, 80), from, b"abc"), serving);
        assert_eq!(answer, b"cba");
    }
}

#[tokio::test]
async fn a_port_of_a_guest_is_open_on_the_host_while_a_rule_says_so() {
    let place = Place::new();
    let attachment = place.attach(public());
    assert_eq!(attachment.host_ports(), []);
    place.open(Traffic::Tcp(2222..=2222));
    let ports = attachment.host_ports();
    let at = ports[0].listening.clone().unwrap();
    assert_eq!((ports.len(), ports[0].port, at.port()), (1, 2222, 2222));
    let mut emulator = Emulator::start(&place.folder, 10);
    let client = async {
        let mut client = TcpStream::connect(at).await.unwrap();
        client.write_all(b"hello").await.unwrap();
        client.shutdown().await.unwrap();
        let mut answer = vec![];
        client.read_to_end(&mut answer).await.unwrap();
        answer
    };
    let (answer, ()) = tokio::join!(client, emulator.echo(2222));
    assert_eq!(answer, b"hello");
    place.open(Traffic::Tcp(1..=1));
    assert!(attachment.host_ports().iter().all(|port| port.port == 1));
    closed(at).await;
}

/// Waits until nobody listens at an address.
async fn closed(at: std::net::SocketAddrV4) {
    let start = Instant::now();
    loop {
        match TcpStream::connect(at).await {
            Ok(mut client) => {
                // Until the task has ended it is accepted and given up.
                let _ = client.read(&mut [0]).await;
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return,
            Err(_) => {}
        }
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "the port is still open"
        );
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_port_that_only_root_may_take_moves() {
    let place = Place::new();
    // What the user of this test may do.
    let may = match std::net::TcpListener::bind((public(), 22)) {
        Err(error) => error.kind() != io::ErrorKind::PermissionDenied,
        Ok(_) => true,
    };
    let attachment = place.attach(public());
    place.open(Traffic::Tcp(22..=22));
    let ports = attachment.host_ports();
    assert_eq!(ports[0].port, 22);
    let expected = if may { 22 } else { 22 + MOVED_BY };
    assert_eq!(ports[0].listening.clone().unwrap().port(), expected);
}

#[tokio::test]
async fn a_port_that_another_has_is_reported() {
    let place = Place::new();
    let address = public();
    let other = std::net::TcpListener::bind((address, 0)).unwrap();
    let port = other.local_addr().unwrap().port();
    let attachment = place.attach(address);
    place.open(Traffic::Tcp(port..=port));
    let reason = attachment.host_ports()[0].listening.clone().unwrap_err();
    assert!(reason.contains("in use"), "{reason}");
    drop(other);
    // With the next change of the rules it is tried again.
    place.open(Traffic::Tcp(port..=port));
    assert!(attachment.host_ports()[0].listening.is_ok());
}

#[tokio::test]
async fn other_processes_reach_a_guest_through_the_proxy() {
    let place = Place::new();
    let address = public();
    let _attachment = place.attach(address);
    place.open(Traffic::Tcp(22..=22));
    let path = place.folder.join("proxy.sock");
    let proxy = Proxy::bind(&path, place.network.clone()).unwrap();
    let mut emulator = Emulator::start(&place.folder, 10);
    for target in ["i-10", "172.31.0.10", &address.to_string()] {
        let client = async {
            let mut stream = connect_through(&path, target, 22).await.unwrap();
            stream.write_all(b"SSH-2.0").await.unwrap();
            stream.shutdown().await.unwrap();
            let mut answer = vec![];
            stream.read_to_end(&mut answer).await.unwrap();
            answer
        };
        let (answer, ()) = tokio::join!(client, emulator.echo(22));
        assert_eq!(answer, b"SSH-2.0", "{target}");
    }
    for (target, port, words) in [
        ("i-11", 22, "there is no guest i-11"),
        ("i-10", 80, "authorize"),
        ("i-10\n", 22, "there is no guest"),
    ] {
        let error = connect_through(&path, target, port).await.unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
    drop(proxy);
    let error = connect_through(&path, "i-10", 22).await.unwrap_err();
    assert!(matches!(error, NetworkError::System { .. }), "{error}");
}

#[tokio::test]
async fn a_line_without_an_end_is_not_read_for_ever() {
    let place = Place::new();
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("p");
    let _proxy = Proxy::bind(&path, place.network.clone()).unwrap();
    for request in [
        vec![b'x'; 4096],
        b"i-10 99999\n".to_vec(),
        b"i-10\n".to_vec(),
    ] {
        let mut client = tokio::net::UnixStream::connect(&path).await.unwrap();
        // It may be closed before everything is written.
        let _ = client.write_all(&request).await;
        let mut answer = vec![];
        let _ = client.read_to_end(&mut answer).await;
        assert!(
            answer.is_empty() || answer.starts_with(b"error: "),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn a_guest_that_is_detached_is_gone() {
    let mut place = Place::new();
    let attachment = place.attach(public());
    let mut emulator = Emulator::start(&place.folder, 10);
    let handle = emulator.machine.connect((METADATA, 80), 4000);
    emulator
        .until(|machine| machine.tcp(handle).may_send().then_some(()))
        .await;
    let mut arrival = place.arrivals.next().await.unwrap();
    drop(attachment);
    let error = arrival.stream.read(&mut [0]).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
    assert!(!place.folder.join(NETWORK_SOCKET).exists());
    let error = place.network.connect("i-10", 22).await.unwrap_err();
    assert!(matches!(error, NetworkError::NoGuest(_)), "{error}");
    // Its place is free at once.
    let _attachment = place.attach(public());
    assert!(place.folder.join(NETWORK_SOCKET).exists());
}
