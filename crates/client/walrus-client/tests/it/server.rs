//! A server on a free port that gives canned answers, one a connection, and keeps what it was asked.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// What to do with a connection.
pub(crate) enum Answer {
    /// Read the whole request and answer it with these bytes.
    Bytes(Vec<u8>),
    /// Read the head and a little of the body, then reset the connection.
    Reset,
    /// Read the request and say nothing while the test continues.
    Silence,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

pub(crate) struct Server {
    endpoint: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    thread: Option<JoinHandle<()>>,
    /// Its end ends the silence.
    going_on: Option<Sender<()>>,
}

/// An answer with a status, headers and a body.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Answer {
    let length = body.len();
    Answer::Bytes(
        format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
            .into_bytes(),
    )
}

pub(crate) fn ok() -> Answer {
    answer("200 OK", "", "")
}

pub(crate) fn error(status: &str, code: &str) -> Answer {
    let body = format!(
        "<Error><Code>{code}</Code><Message>no</Message><RequestId>R-17</RequestId></Error>"
    );
    answer(status, "", &body)
}

impl Server {
    pub(crate) fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let list = Arc::clone(&asked);
        let (going_on, silence) = channel();
        let thread = std::thread::spawn(move || {
            for answer in answers {
                let (stream, _) = listener.accept().unwrap();
                serve(stream, answer, &list, &silence);
            }
        });
        Self {
            endpoint,
            asked,
            thread: Some(thread),
            going_on: Some(going_on),
        }
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// What was asked, after every answer was given.
    pub(crate) fn asked(mut self) -> Vec<Asked> {
        drop(self.going_on.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

impl Asked {
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap()
    }

    /// The value of a header, which must stand there once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut found = fields.filter(|(field, _)| field.eq_ignore_ascii_case(name));
        let value = found.next().map(|(_, value)| value);
        assert!(
            found.next().is_none(),
            "{name} stands twice in {}",
            self.head
        );
        value
    }
}

fn serve(mut stream: TcpStream, answer: Answer, list: &Mutex<Vec<Asked>>, silence: &Receiver<()>) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        let count = stream.read(&mut buffer).unwrap();
        assert!(count > 0, "the request ends in its head");
        bytes.extend_from_slice(&buffer[..count]);
    };
    let mut asked = Asked {
        head: String::from_utf8(bytes[..head_end].to_vec()).unwrap(),
        body: bytes[head_end..].to_vec(),
    };
    let length: usize = asked
        .header("content-length")
        .map_or(0, |length| length.parse().unwrap());
    if let Answer::Reset = answer {
        list.lock().unwrap().push(asked);
        // Unread bytes make the system reset the connection.
        return;
    }
    while asked.body.len() < length {
        let count = stream.read(&mut buffer).unwrap();
        asked.body.extend_from_slice(&buffer[..count]);
    }
    list.lock().unwrap().push(asked);
    match answer {
        Answer::Bytes(bytes) => {
            // The client may have heard enough.
            let _ = stream.write_all(&bytes);
        }
        _ => drop(silence.recv()),
    }
}
