//! Front ends that end while clients use them: SIGTERM, SIGHUP and a second signal.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use gumnut_tests::{Cloud, Program, tool};

/// Asks for an object that everybody may read.
const GET: &str = "GET /public/common";

/// An answer: its status, whether the connection ends with it, and its body.
struct Answer {
    status: u16,
    closes: bool,
    body: String,
}

/// Sends a request on a connection and reads the answer.
fn ask(stream: &mut BufReader<TcpStream>, request: &str, body: &str) -> io::Result<Answer> {
    let length = body.len();
    // Only an object has an ACL; elsewhere the header says nothing.
    let acl = "x-amz-acl: public-read";
    let text = format!(
        "{request} HTTP/1.1\r\nhost: cloud\r\n{acl}\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.get_mut().write_all(text.as_bytes())?;
    let broken = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|it| it.parse().ok());
    let mut answer = Answer {
        status: status.ok_or_else(broken)?,
        closes: false,
        body: String::new(),
    };
    let mut length = 0;
    loop {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Err(broken());
        }
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        match name {
            "content-length" => length = value.parse().map_err(|_| broken())?,
            "connection" => answer.closes = value == "close",
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    answer.body = String::from_utf8_lossy(&body).into_owned();
    Ok(answer)
}

fn connect(to: SocketAddr) -> io::Result<BufReader<TcpStream>> {
    Ok(BufReader::new(TcpStream::connect(to)?))
}

fn addr(cloud: &Cloud) -> SocketAddr {
    let (_, authority) = cloud.endpoint().split_once("://").unwrap();
    authority.parse().unwrap()
}

/// What `/readyz` says; `None` when nobody answers.
fn readiness(of: SocketAddr) -> Option<Answer> {
    ask(&mut connect(of).ok()?, "GET /readyz", "").ok()
}

/// Passes connections on to the front ends that say that they are ready, in turn. It looks at them all the time, and knows nothing
/// of what passes.
struct Balancer {
    addr: SocketAddr,
    /// Front ends that were ready when last looked at.
    ready: Arc<Mutex<Vec<SocketAddr>>>,
    ended: Arc<AtomicBool>,
}

impl Balancer {
    fn start(front_ends: Vec<SocketAddr>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let balancer = Self {
            addr: listener.local_addr().unwrap(),
            ready: Arc::new(Mutex::new(front_ends.clone())),
            ended: Arc::default(),
        };
        let (ready, ended) = (Arc::clone(&balancer.ready), Arc::clone(&balancer.ended));
        thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                let is_ready = |it: &SocketAddr| readiness(*it).is_some_and(|it| it.status == 200);
                let found = front_ends.iter().copied().filter(is_ready).collect();
                *ready.lock().unwrap() = found;
            }
        });
        let ready = Arc::clone(&balancer.ready);
        thread::spawn(move || {
            for (turn, client) in listener.incoming().map_while(Result::ok).enumerate() {
                let front_end = {
                    let ready = ready.lock().unwrap();
                    ready.get(turn % ready.len().max(1)).copied()
                };
                // A client that nobody is there for sees a connection that ends, which is an error.
                let Some(Ok(server)) = front_end.map(TcpStream::connect) else {
                    continue;
                };
                pass_on(client.try_clone().unwrap(), server.try_clone().unwrap());
                pass_on(server, client);
            }
        });
        balancer
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream) {
    thread::spawn(move || {
        // Whatever ends one side ends the other.
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
}

/// Clients that store an object each and read one that every front end has, all the time, on connections that they keep.
struct Load {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicUsize>,
    clients: Vec<thread::JoinHandle<Vec<String>>>,
}

impl Load {
    fn start(at: SocketAddr, clients: usize) -> Self {
        let (stop, done) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let clients = (0..clients).map(|client| {
            let (stop, done) = (Arc::clone(&stop), Arc::clone(&done));
            thread::spawn(move || {
                let (mut errors, mut connection) = (Vec::new(), None);
                while !stop.load(Ordering::Relaxed) {
                    let put = format!("PUT /public/{client}");
                    for (request, body) in [(put.as_str(), "gum nut"), (GET, "")] {
                        let mut call = || -> io::Result<Answer> {
                            let mut stream = match connection.take() {
                                Some(stream) => stream,
                                None => connect(at)?,
                            };
                            let answer = ask(&mut stream, request, body)?;
                            connection = (!answer.closes).then_some(stream);
                            Ok(answer)
                        };
                        match call() {
                            Ok(answer) if answer.status == 200 => {}
                            Ok(answer) => errors.push(format!("{request}: {}", answer.body)),
                            Err(error) => errors.push(format!("{request}: {error}")),
                        }
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                }
                errors
            })
        });
        Self {
            clients: clients.collect(),
            stop,
            done,
        }
    }

    /// Waits until so many requests more have been answered.
    fn wait(&self, requests: usize) {
        let goal = self.done.load(Ordering::Relaxed) + requests;
        while self.done.load(Ordering::Relaxed) < goal {
            thread::yield_now();
        }
    }

    /// What went wrong.
    fn end(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        let errors = self.clients.into_iter().map(|it| it.join().unwrap());
        errors.flatten().collect()
    }
}

/// A cloud with a bucket that everybody may write to and read from.
fn with_public_bucket(cloud: &Cloud) {
    let keys = ["EC2_ACCESS_KEY", "EC2_SECRET_KEY"].map(|name| cloud.exported(name));
    let user = keys.join(":");
    let url = format!("{}/public", cloud.endpoint());
    let options = ["--silent", "--show-error", "--fail", "--request", "PUT"];
    let signed = ["--aws-sigv4", "aws:amz:us-east-1:s3", "--user", &user];
    let acl = ["--header", "x-amz-acl: public-read-write"];
    let unsigned = ["--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD"];
    tool(
        "curl",
        &[&options[..], &signed, &acl, &unsigned, &[&url]].concat(),
    );
}

#[test]
fn a_front_end_that_drains_costs_its_clients_no_request() {
    let program = Program::new();
    program.write("cloud.toml", "drain = \"3 s\"\n");
    let options = ["--server-config", "cloud.toml"];
    let mut first = Cloud::start_with(program, &options);
    with_public_bucket(&first);
    let mut client = connect(addr(&first)).unwrap();
    let put = ask(&mut client, &GET.replace("GET", "PUT"), "gum nut").unwrap();
    assert_eq!(put.status, 200, "{}", put.body);
    // A second front end with a copy of all that the first has.
    assert_eq!(first.interrupt(), Some(0));
    let program = Program::new();
    program.write("cloud.toml", "");
    let copy = program.path("data");
    let from = first.data();
    tool(
        "cp",
        &["-a", from.to_str().unwrap(), copy.to_str().unwrap()],
    );
    let mut first = Cloud::start_with(first.kill(), &options);
    let second = Cloud::start_with(program, &options);

    let balancer = Balancer::start(vec![addr(&first), addr(&second)]);
    let load = Load::start(balancer.addr, 4);
    load.wait(200);
    tool("kill", &["-TERM", &first.pid()]);
    let draining = loop {
        let answer = readiness(addr(&first)).expect("it answers while it drains");
        if answer.status != 200 {
            break answer;
        }
    };
    assert_eq!(draining.status, 503);
    assert_eq!(draining.body, "not ready\nserving: draining\n");
    // Requests are answered as before.
    let mut direct = connect(addr(&first)).unwrap();
    let answer = ask(&mut direct, GET, "").unwrap();
    assert_eq!((answer.status, answer.closes), (200, true));
    assert_eq!(first.wait(), Some(0));
    load.wait(200);
    assert_eq!(load.end(), [""; 0]);
    assert_eq!(*balancer.ready.lock().unwrap(), [addr(&second)]);
}

/// Begins a request that does not end by itself, and waits until it is worked on.
fn begin_put(to: SocketAddr) -> BufReader<TcpStream> {
    let mut stream = connect(to).unwrap();
    let head = "PUT /public/key HTTP/1.1\r\nhost: cloud\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n";
    stream.get_mut().write_all(head.as_bytes()).unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

#[test]
fn a_second_signal_ends_at_once() {
    for (settings, first, second, code) in [
        ("drain = \"1 h\"\n", "-TERM", "-TERM", 143),
        ("grace = \"1 h\"\n", "-TERM", "-INT", 130),
        ("drain = \"1 h\"\ngrace = \"1 h\"\n", "-INT", "-INT", 130),
    ] {
        let program = Program::new();
        program.write("cloud.toml", settings);
        let mut cloud = Cloud::start_with(program, &["--server-config", "cloud.toml"]);
        with_public_bucket(&cloud);
        let mut put = begin_put(addr(&cloud));
        let signal = |signal: &str| tool("kill", &[signal, &cloud.pid()]);
        signal(first);
        if first == "-TERM" && settings.starts_with("drain") {
            while readiness(addr(&cloud)).unwrap().status == 200 {}
        } else {
            // It does not drain: it accepts no more connections.
            while connect(addr(&cloud)).is_ok() {}
        }
        signal(second);
        assert_eq!(cloud.wait(), Some(code), "{settings}");
        assert_eq!(put.read_to_end(&mut Vec::new()).unwrap_or_default(), 0);
        // Nothing of it is there, and the next start is like any other.
        let cloud = Cloud::start_with(cloud.kill(), &[]);
        let mut again = connect(addr(&cloud)).unwrap();
        assert_eq!(ask(&mut again, "GET /public/key", "").unwrap().status, 404);
    }
}
