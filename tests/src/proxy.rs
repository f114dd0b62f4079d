//! A proxy in front of a cloud that does one thing wrong, at one request.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::{Cloud, Program};

/// How long a stalled client is kept waiting at most, should it have no limit of its own.
const STALL: Duration = Duration::from_secs(20);

/// What goes wrong.
#[derive(Clone)]
#[non_exhaustive]
pub enum Fault {
    /// The connection breaks before the request reaches the cloud.
    Reset,
    /// The connection breaks in the middle of the request's body.
    ResetInBody,
    /// The cloud does what was asked, and its answer is lost.
    LostAnswer,
    /// The cloud does what was asked, and the connection breaks in the middle of its answer.
    CutAnswer,
    /// The cloud does what was asked, and a byte in the middle of its answer's body is another.
    AlteredAnswer,
    /// The cloud does what was asked, and the answer has the tag of something else.
    WrongEtag,
    /// Nothing is answered, until the client gives up.
    Stall,
    /// This status and code are answered, with these headers, and the cloud hears nothing.
    Refusal(u16, &'static str, &'static str),
    /// The client's clock is said to be 20 minutes off.
    Skewed,
    /// From here on the key pair is unknown.
    Revoked,
    /// From here on there is no room for objects.
    StoreFull,
    /// This is done before the request reaches the cloud.
    Before(Arc<dyn Fn() + Send + Sync>),
    /// This is done when the cloud has acted, and its answer is lost.
    After(Arc<dyn Fn() + Send + Sync>),
}

/// A running proxy on a free port.
pub struct FaultProxy {
    endpoint: String,
    state: Arc<State>,
}

struct State {
    /// `HOST:PORT` of the cloud.
    upstream: Mutex<String>,
    /// Requests so far.
    count: AtomicUsize,
    log: Mutex<Vec<String>>,
    armed: Mutex<Option<(usize, Fault)>>,
}

/// A request as it came.
struct Asked {
    head: Vec<u8>,
    body: Vec<u8>,
    /// Bytes of the body that were announced.
    length: usize,
}

impl FaultProxy {
    /// Starts a proxy in front of `upstream`, as in `http://127.0.0.1:8773`, with which nothing goes wrong yet.
    #[must_use]
    pub fn start(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it has an address");
        let state = Arc::new(State {
            upstream: Mutex::new(address_of(upstream)),
            count: AtomicUsize::new(0),
            log: Mutex::default(),
            armed: Mutex::default(),
        });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                // A connection that breaks is what this is for.
                std::thread::spawn(move || shared.serve(&stream));
            }
        });
        Self {
            endpoint: format!("http://{address}"),
            state,
        }
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The administrator of a cloud, whose requests go through this.
    #[must_use]
    pub fn client(&self, cloud: &Cloud) -> Program {
        let url = |service: &str| format!("{}/services/{service}", self.endpoint);
        cloud
            .client()
            .with("EC2_URL", url("compute"))
            .with("S3_URL", url("objectstorage"))
    }

    /// Lets `fault` happen at request number `index`, counted from 0 from now on; forgets what was asked before.
    pub fn arm(&self, index: usize, fault: Fault) {
        self.set(Some((index, fault)));
    }

    /// Lets nothing go wrong any more; forgets what was asked before.
    pub fn disarm(&self) {
        self.set(None);
    }

    /// Leads to another cloud from now on.
    pub fn lead_to(&self, upstream: &str) {
        *lock(&self.state.upstream) = address_of(upstream);
    }

    fn set(&self, armed: Option<(usize, Fault)>) {
        *lock(&self.state.armed) = armed;
        lock(&self.state.log).clear();
        self.state.count.store(0, Ordering::SeqCst);
    }

    /// What was asked, in order: method, path and range, or the action of the EC2 service.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        lock(&self.state.log).clone()
    }
}

fn address_of(endpoint: &str) -> String {
    endpoint.trim_start_matches("http://").to_owned()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    /// One request a connection.
    fn serve(&self, client: &TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(client);
        let Some(head) = read_head(&mut reader)? else {
            return Ok(());
        };
        let length: usize = header(&head, "content-length")
            .and_then(|value| value.parse().ok())
            .unwrap_or_default();
        let fault = self.fault(&head);
        let wanted = if matches!(fault, Some(Fault::ResetInBody)) {
            length / 2
        } else {
            length
        };
        let mut body = vec![0; wanted];
        reader.read_exact(&mut body)?;
        let asked = Asked { head, body, length };
        self.note(&asked);
        self.act(fault, &asked, client)
    }

    /// What goes wrong with the request that comes now.
    fn fault(&self, head: &[u8]) -> Option<Fault> {
        let number = self.count.fetch_add(1, Ordering::SeqCst);
        let armed = lock(&self.armed);
        let (index, fault) = armed.as_ref()?;
        let lasting = match fault {
            Fault::Revoked => true,
            Fault::StoreFull => head.starts_with(b"PUT"),
            _ => false,
        };
        let now = number == *index || lasting && number >= *index;
        now.then(|| fault.clone())
    }

    fn note(&self, asked: &Asked) {
        let line = String::from_utf8_lossy(&asked.head);
        let mut words = line.split_whitespace();
        let (method, path) = (words.next(), words.next());
        let body = String::from_utf8_lossy(&asked.body);
        let action = body
            .split('&')
            .find_map(|pair| pair.strip_prefix("Action="))
            .filter(|_| method == Some("POST"));
        let path = path.unwrap_or_default();
        let path = path.split('?').next().unwrap_or_default();
        let range = header(&asked.head, "range").map(|range| format!(" {range}"));
        let entry = action.map_or_else(
            || {
                let method = method.unwrap_or_default();
                format!("{method} {path}{}", range.unwrap_or_default())
            },
            str::to_owned,
        );
        lock(&self.log).push(entry);
    }

    fn act(&self, fault: Option<Fault>, asked: &Asked, client: &TcpStream) -> io::Result<()> {
        match fault {
            None => send(client, &self.forward(asked)?),
            Some(Fault::Reset | Fault::ResetInBody) => Ok(()),
            Some(Fault::Stall) => {
                client.set_read_timeout(Some(STALL))?;
                // The end of the connection is all that is waited for.
                let _ = (&mut &*client).read(&mut [0; 1]);
                Ok(())
            }
            Some(Fault::Refusal(status, code, headers)) => {
                send(client, &refusal(status, code, headers))
            }
            Some(Fault::Skewed) => send(client, &skewed()),
            Some(Fault::Revoked) => send(client, &refusal(403, "InvalidAccessKeyId", "")),
            Some(Fault::StoreFull) => send(client, &refusal(507, "InsufficientStorage", "")),
            Some(Fault::LostAnswer) => self.forward(asked).map(drop),
            Some(Fault::CutAnswer) => {
                let answer = self.forward(asked)?;
                send(client, &answer[..answer.len() - answer.len() / 4])
            }
            Some(Fault::AlteredAnswer) => send(client, &altered(self.forward(asked)?)),
            Some(Fault::WrongEtag) => send(client, &other_etag(self.forward(asked)?)),
            Some(Fault::Before(act)) => {
                act();
                // The cloud may be gone, which is then what the client sees.
                self.forward(asked).and_then(|answer| send(client, &answer))
            }
            Some(Fault::After(act)) => {
                let _ = self.forward(asked)?;
                act();
                Ok(())
            }
        }
    }

    /// Sends the request on, and gives the whole answer.
    fn forward(&self, asked: &Asked) -> io::Result<Vec<u8>> {
        debug_assert_eq!(asked.body.len(), asked.length);
        let mut cloud = TcpStream::connect(&*lock(&self.upstream))?;
        let head = String::from_utf8_lossy(&asked.head);
        let mut request = String::new();
        for line in head.trim_end().split("\r\n") {
            if !line.to_ascii_lowercase().starts_with("connection:") {
                request.push_str(line);
                request.push_str("\r\n");
            }
        }
        request.push_str("connection: close\r\n\r\n");
        cloud.write_all(request.as_bytes())?;
        cloud.write_all(&asked.body)?;
        let mut answer = Vec::new();
        cloud.read_to_end(&mut answer)?;
        Ok(answer)
    }
}

fn read_head(reader: &mut BufReader<&TcpStream>) -> io::Result<Option<Vec<u8>>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if reader.read_until(b'\n', &mut head)? == 0 {
            return Ok(None);
        }
    }
    Ok(Some(head))
}

fn header(head: &[u8], name: &str) -> Option<String> {
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    lines.find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found
            .eq_ignore_ascii_case(name)
            .then(|| value.trim().to_owned())
    })
}

fn send(mut client: &TcpStream, answer: &[u8]) -> io::Result<()> {
    client.write_all(answer)?;
    client.shutdown(Shutdown::Write)
}

fn refusal(status: u16, code: &str, headers: &str) -> Vec<u8> {
    let body = format!("<Error><Code>{code}</Code><Message>as the test wants</Message></Error>");
    let length = body.len();
    format!(
        "HTTP/1.1 {status} Refused\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    )
    .into_bytes()
}

/// An answer of a server whose clock is 20 minutes ahead.
fn skewed() -> Vec<u8> {
    let ahead = SystemTime::now() + Duration::from_mins(20);
    let seconds = ahead
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let format = [
        "-u",
        "-d",
        &format!("@{seconds}"),
        "+%a, %d %b %Y %H:%M:%S GMT",
    ];
    let date = crate::tool("env", &[&["LC_ALL=C", "date"], &format[..]].concat());
    let date = format!("date: {}\r\n", date.trim());
    refusal(403, "RequestTimeTooSkewed", &date)
}

/// The answer with another byte in the middle of its body, if it has one.
fn altered(mut answer: Vec<u8>) -> Vec<u8> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
    let start = end.map_or(answer.len(), |end| end + 4);
    let middle = start + (answer.len() - start) / 2;
    if let Some(byte) = answer.get_mut(middle) {
        *byte ^= 0x15;
    }
    answer
}

fn other_etag(answer: Vec<u8>) -> Vec<u8> {
    let Some(tag) = header(&answer, "etag") else {
        return answer;
    };
    let digits = tag.replace(|c: char| c.is_ascii_hexdigit(), "0");
    let position = answer
        .windows(tag.len())
        .position(|window| window == tag.as_bytes());
    let mut answer = answer;
    if let Some(position) = position {
        answer[position..position + tag.len()].copy_from_slice(digits.as_bytes());
    }
    answer
}
