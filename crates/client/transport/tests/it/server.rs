//! A server on a free port that gives each connection the next of its answers, and is then gone.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread::JoinHandle;

/// What a server answers to the first bytes of a connection.
pub(crate) type Answer = fn(&[u8]) -> Vec<u8>;

/// A running server.
pub(crate) struct Server {
    /// `127.0.0.1:PORT`.
    pub(crate) host: String,
    thread: JoinHandle<Vec<String>>,
}

impl Server {
    /// An answer is made of the first bytes that came; without one the connection is closed.
    pub(crate) fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let thread = std::thread::spawn(move || {
            let mut heads = Vec::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut buffer = [0; 8192];
                let count = stream.read(&mut buffer).unwrap();
                heads.push(String::from_utf8_lossy(&buffer[..count]).into_owned());
                // The client may have gone.
                let _ = stream.write_all(&answer(&buffer[..count]));
            }
            heads
        });
        Self { host, thread }
    }

    /// What was asked, after every answer was given.
    pub(crate) fn asked(self) -> Vec<String> {
        self.thread.join().unwrap()
    }
}

/// An address at which nobody listens.
pub(crate) fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

pub(crate) fn ok(_: &[u8]) -> Vec<u8> {
    b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".to_vec()
}

pub(crate) fn busy(_: &[u8]) -> Vec<u8> {
    b"HTTP/1.1 503 Slow Down\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".to_vec()
}

pub(crate) fn closed(_: &[u8]) -> Vec<u8> {
    Vec::new()
}

pub(crate) fn half(_: &[u8]) -> Vec<u8> {
    b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 100\r\n\r\nhalf".to_vec()
}

/// An alert, as servers that speak TLS answer to what is none.
pub(crate) fn alert(_: &[u8]) -> Vec<u8> {
    vec![0x15, 3, 3, 0, 2, 2, 70]
}

/// An alert to a handshake, and nothing to anything else.
pub(crate) fn only_tls(asked: &[u8]) -> Vec<u8> {
    if asked.first() == Some(&0x16) {
        alert(asked)
    } else {
        Vec::new()
    }
}
