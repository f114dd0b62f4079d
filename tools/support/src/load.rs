//! Many clients at once, each with a connection of its own that it keeps. They send requests that are signed already, and
//! know no more of HTTP than the answers need.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use xshell::cmd;

use crate::python::Environment;
use crate::workspace::Workspace;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_mins(5);
/// Bytes that are written or read at a time.
const PIECE: usize = 256 << 10;

/// Requests for objects of one length.
pub struct Load {
    /// Where they go.
    pub server: SocketAddr,
    /// Heads of requests, each with the empty line at its end.
    pub heads: Vec<String>,
    /// What each sends, or what each must get.
    pub body: Vec<u8>,
    /// Which way they go.
    pub direction: Direction,
}

/// Which way the objects go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To the server.
    Put,
    /// From the server, and they are compared.
    Get,
}

impl Direction {
    /// The method of the requests.
    pub fn method(self) -> &'static str {
        match self {
            Self::Put => "PUT",
            Self::Get => "GET",
        }
    }
}

/// Signs requests, by a program that is not of this project.
pub struct Signer<'a> {
    /// Where the script is.
    pub workspace: &'a Workspace,
    /// Where Python and botocore are.
    pub environment: &'a Environment,
    /// The access key.
    pub access_key: &'a str,
    /// The secret key.
    pub secret_key: &'a str,
}

impl Signer<'_> {
    /// The heads of `count` requests below `url`, which is that of a server or of a bucket, each with this body. The names
    /// there are `00000` and so on.
    pub fn heads(
        &self,
        method: &str,
        url: &str,
        count: usize,
        body: &[u8],
    ) -> anyhow::Result<Vec<String>> {
        let shell = self.workspace.shell()?;
        let sum = cmd!(shell, "sha256sum").stdin(body).quiet().read()?;
        let sha256 = sum.split(' ').next().unwrap_or_default();
        let python = self.environment.program("python");
        let script = self.workspace.root().join("tools/support/src/sign.py");
        let (count, length) = (count.to_string(), body.len().to_string());
        let signed = cmd!(
            shell,
            "{python} {script} {method} {url} {count} {sha256} {length}"
        )
        .env("ACCESS_KEY", self.access_key)
        .env("SECRET_KEY", self.secret_key)
        .quiet()
        .read()
        .context("cannot sign requests")?;
        let heads = signed
            .split("\r\n\r\n")
            .filter(|head| !head.trim().is_empty());
        Ok(heads
            .map(|head| format!("{}\r\n\r\n", head.trim()))
            .collect())
    }
}

impl Load {
    /// Sends everything with so many clients, and gives the time that it took.
    pub fn run(&self, clients: usize) -> anyhow::Result<Duration> {
        let start = Instant::now();
        self.send(clients, |number| {
            (number < self.heads.len()).then_some(number)
        })?;
        Ok(start.elapsed())
    }

    /// Sends requests with so many clients for this time, from the first again when it is longer than they last: objects that are put
    /// are replaced then. Gives how many requests were answered, and the time until the last answer.
    pub fn run_for(&self, clients: usize, time: Duration) -> anyhow::Result<(usize, Duration)> {
        let (start, answered) = (Instant::now(), AtomicUsize::new(0));
        self.send(clients, |number| {
            if start.elapsed() >= time {
                return None;
            }
            answered.fetch_add(1, Ordering::Relaxed);
            Some(number % self.heads.len())
        })?;
        Ok((answered.into_inner(), start.elapsed()))
    }

    /// Sends requests with so many clients. `choose` gets the numbers 0, 1, 2 and so on, and says which request it is; `None` ends a
    /// client.
    fn send(
        &self,
        clients: usize,
        choose: impl Fn(usize) -> Option<usize> + Sync,
    ) -> anyhow::Result<()> {
        let next = AtomicUsize::new(0);
        let chosen = || choose(next.fetch_add(1, Ordering::Relaxed));
        thread::scope(|scope| {
            let running: Vec<_> = (0..clients)
                .map(|_| scope.spawn(|| self.client(&chosen)))
                .collect();
            for client in running {
                let ended = client.join();
                ended.map_err(|_| anyhow::anyhow!("a client panicked"))??;
            }
            Ok(())
        })
    }

    fn client(&self, choose: &impl Fn() -> Option<usize>) -> anyhow::Result<()> {
        let socket = TcpStream::connect(self.server)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let mut stream = BufReader::with_capacity(PIECE, socket);
        while let Some(number) = choose() {
            let head = &self.heads[number];
            let first = head.lines().next().unwrap_or_default();
            self.ask(&mut stream, head)
                .with_context(|| format!("request {first:?}"))?;
        }
        Ok(())
    }

    fn ask(&self, stream: &mut BufReader<TcpStream>, head: &str) -> anyhow::Result<()> {
        stream.get_mut().write_all(head.as_bytes())?;
        if self.direction == Direction::Put {
            stream.get_mut().write_all(&self.body)?;
        }
        let (status, length) = read_head(stream)?;
        if status != 200 {
            let mut text = String::new();
            stream.take(length.min(2000)).read_to_string(&mut text)?;
            bail!("answered with {status}: {text}");
        }
        if self.direction == Direction::Put {
            return skip(stream, length);
        }
        ensure!(
            length == self.body.len() as u64,
            "an object of {length} bytes came back"
        );
        self.compare(stream)
    }

    fn compare(&self, stream: &mut BufReader<TcpStream>) -> anyhow::Result<()> {
        let mut at = 0;
        while at < self.body.len() {
            let piece = stream.fill_buf()?;
            ensure!(!piece.is_empty(), "the answer ended early");
            let count = piece.len().min(self.body.len() - at);
            ensure!(
                piece[..count] == self.body[at..at + count],
                "another object came back"
            );
            stream.consume(count);
            at += count;
        }
        Ok(())
    }
}

/// Sends a request without a body, and gives the status of the answer.
pub fn status(server: SocketAddr, head: &str) -> anyhow::Result<u16> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(head.as_bytes())?;
    let (status, _) = read_head(&mut BufReader::new(stream))?;
    Ok(status)
}

/// Status and length of an answer.
fn read_head(stream: &mut BufReader<TcpStream>) -> anyhow::Result<(u16, u64)> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|word| word.parse().ok());
    let status = status.with_context(|| format!("no status in {line:?}"))?;
    let mut length = None;
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok();
        }
    }
    Ok((status, length.context("the answer has no length")?))
}

fn skip(stream: &mut BufReader<TcpStream>, length: u64) -> anyhow::Result<()> {
    let mut rest = stream.take(length);
    std::io::copy(&mut rest, &mut std::io::sink())?;
    Ok(())
}
