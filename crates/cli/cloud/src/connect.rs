//! `gumnut connect`

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::path::Path;

use clap::Args;
use gumnut_terminal::{Exit, Failure};

use crate::data::Data;

/// The socket in the data directory at which the network of instances is reached.
const SOCKET: &str = "connect.sock";
/// Longest answer before the connection begins, in bytes.
const MAX_ANSWER: usize = 512;
/// Longest name of an instance, in bytes: that of a host.
const MAX_TARGET: usize = 253;
/// Bytes that are passed on at a time.
const PIECE: usize = 64 << 10;
const OK: &str = "ok";
const ERROR: &str = "error: ";

/// Connect standard input and output to a port of an instance of the embedded cloud.
///
/// For `ProxyCommand` of ssh: it needs no port on this machine. The cloud must run as the same user, with `--instances`.
#[derive(Args)]
#[command(after_help = "\
Example:
  ssh -o ProxyCommand='gumnut connect %h %p' -i mykey.pem root@172.31.0.10")]
pub struct Connect {
    #[command(flatten)]
    data: Data,
    /// The instance: its id, an address, or its host name
    #[arg(value_name = "INSTANCE", value_parser = parse_target)]
    target: String,
    /// The TCP port
    port: u16,
}

fn parse_target(text: &str) -> Result<String, String> {
    let is_word = text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_word && (1..=MAX_TARGET).contains(&text.len()) {
        return Ok(text.to_owned());
    }
    Err("use an id, an address or a host name".to_owned())
}

impl Connect {
    /// Runs the command.
    ///
    /// # Errors
    /// When no cloud with instances runs with this data directory, it refuses the connection, or the connection breaks.
    pub fn run(&self) -> Result<(), anyhow::Error> {
        let folder = self.data.folder()?;
        let mut stream = open(&folder)?;
        writeln!(stream, "{} {}", self.target, self.port)?;
        let answer = answer(&mut stream)?;
        if answer != OK {
            let reason = answer.strip_prefix(ERROR).unwrap_or(&answer);
            let message = format!(
                "no connection to port {} of {}: {reason}",
                self.port, self.target
            );
            return Err(Failure::new(Exit::Refused, message).into());
        }
        let mut sending = stream.try_clone()?;
        // It ends with the process: what nobody reads any more need not be sent.
        std::thread::spawn(move || {
            let passed = pass(&mut io::stdin().lock(), &mut sending);
            let _ = passed.and_then(|()| sending.shutdown(Shutdown::Write));
        });
        match pass(&mut stream, &mut io::stdout().lock()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(()),
        }
    }
}

/// Connects to the socket in a directory, whose path may be longer than that of a socket.
fn open(folder: &Path) -> Result<UnixStream, Failure> {
    let unreachable = |error: io::Error| {
        let message = format!("no cloud with instances runs with {}", folder.display());
        Failure::new(Exit::Network, message)
            .because(error)
            .hint("start one: gumnut cloud start --instances")
    };
    let directory = fs_err::File::open(folder).map_err(unreachable)?;
    let short = format!("/proc/self/fd/{}/{SOCKET}", directory.as_raw_fd());
    UnixStream::connect(short).map_err(unreachable)
}

/// The line that the cloud answers with.
fn answer(stream: &mut UnixStream) -> io::Result<String> {
    let (mut line, mut byte) = (Vec::new(), [0]);
    // Byte by byte: what follows belongs to the connection.
    while line.len() < MAX_ANSWER {
        stream.read_exact(&mut byte)?;
        if byte == *b"\n" {
            break;
        }
        line.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&line).into_owned())
}

/// Passes everything on at once, to the end.
fn pass(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        match from.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(length) => {
                to.write_all(&piece[..length])?;
                to.flush()?;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_one_word() {
        for good in ["i-4DA90A12", "172.31.0.10", "ip-172-31-0-10"] {
            assert!(parse_target(good).is_ok(), "{good}");
        }
        for bad in ["", "a b", "a\n", "ü", &"x".repeat(254)] {
            assert!(parse_target(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_answer_is_a_line_and_what_follows_is_left() {
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(b"ok\nSSH-2.0").unwrap();
        drop(theirs);
        assert_eq!(answer(&mut ours).unwrap(), "ok");
        let mut rest = Vec::new();
        pass(&mut ours, &mut rest).unwrap();
        assert_eq!(rest, b"SSH-2.0");
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        drop(theirs);
        assert!(answer(&mut ours).is_err(), "no answer at all");
    }
}
