//! A server whose answers a test chooses, and which remembers what it was asked.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request.
#[derive(Clone, Debug)]
pub struct Asked {
    /// As in `PUT /bucket/key`.
    pub line: String,
    /// Header lines with names in lower case.
    pub headers: Vec<String>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Asked {
    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let prefix = format!("{name}: ");
        self.headers
            .iter()
            .find_map(|line| line.strip_prefix(&prefix))
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A running server on a free port.
#[derive(Debug)]
pub struct Server {
    endpoint: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    /// Starts a server. `answer` gives status line and body for a request, of which it has had `n` before.
    pub fn start(answer: impl Fn(&Asked, usize) -> (u16, String) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Arc::new(Mutex::new(Vec::<Asked>::new()));
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that went away in the middle has asked nothing.
                let _ = serve(&stream, &log, &answer);
            }
        });
        Self { endpoint, asked }
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Everything that was asked so far.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no test has panicked").clone()
    }

    /// The lines of everything that was asked so far.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }
}

fn serve(
    stream: &TcpStream,
    log: &Mutex<Vec<Asked>>,
    answer: &impl Fn(&Asked, usize) -> (u16, String),
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let first = lines.remove(0);
    let mut asked = Asked {
        line: first.trim_end_matches(" HTTP/1.1").to_owned(),
        headers: lines,
        body: Vec::new(),
    };
    let length = asked
        .header("content-length")
        .and_then(|length| length.parse().ok());
    asked.body.resize(length.unwrap_or(0), 0);
    reader.read_exact(&mut asked.body)?;
    let (status, body) = {
        let mut log = log.lock().expect("no test has panicked");
        let before = log.iter().filter(|old| old.line == asked.line).count();
        log.push(asked.clone());
        answer(&asked, before)
    };
    let head = asked.line.starts_with("HEAD ");
    let length = body.len();
    let body = if head { "" } else { &body };
    write!(
        &mut &*stream,
        "HTTP/1.1 {status} x\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}
