//! HAProxy in front of the front ends.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::front_end::FrontEnd;

/// After a refusal HAProxy would wait for a body that the client does not send.
const CLOSE: &str = "    http-request set-var(txn.expects) req.hdr(expect)
    http-after-response set-header Connection close if { var(txn.expects) -m found } { status ge 400 }";

/// How long it may take until it sees what the front ends are like.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running HAProxy; killed when it goes out of scope.
pub(crate) struct Balancer {
    process: Child,
    /// Accepts commands.
    socket: PathBuf,
    /// In front of the first front end alone.
    pub(crate) one: SocketAddr,
    /// In front of all.
    pub(crate) all: SocketAddr,
}

impl Balancer {
    pub(crate) fn start(
        folder: &Path,
        [one, all]: [SocketAddr; 2],
        front_ends: &[FrontEnd],
    ) -> anyhow::Result<Self> {
        let config = folder.join("haproxy.cfg");
        let socket = folder.join("haproxy.sock");
        let mut text = format!(
            "global
    maxconn 2000
    stats socket {} mode 600 level admin
    log stderr format raw local0

defaults
    mode http
    log global
    option httplog
    option dontlog-normal
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    balance leastconn
    option httpchk GET /readyz
    default-server check inter 500ms fall 2 rise 1
    option redispatch
    retries 3
    retry-on conn-failure

",
            socket.display()
        );
        for (name, address, members) in [("one", one, &front_ends[..1]), ("all", all, front_ends)] {
            writeln!(text, "listen {name}\n    bind {address}\n{CLOSE}")?;
            for front_end in members {
                writeln!(text, "    server {} {}", front_end.name, front_end.address)?;
            }
            writeln!(text)?;
        }
        fs_err::write(&config, text)?;
        let log = fs_err::File::create(folder.join("haproxy.log"))?;
        let process = Command::new("haproxy")
            // Not every user has the directory in the path.
            .env("PATH", "/usr/sbin:/usr/bin")
            .arg("-db")
            .arg("-f")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.into_parts().0)
            .spawn()
            .context("cannot run haproxy")?;
        let balancer = Self {
            process,
            socket,
            one,
            all,
        };
        for front_end in front_ends {
            balancer.wait_for(&front_end.name)?;
        }
        Ok(balancer)
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Waits until a front end is up in its eyes.
    pub(crate) fn wait_for(&self, name: &str) -> anyhow::Result<()> {
        let start = Instant::now();
        let mut last = String::new();
        while start.elapsed() < PATIENCE {
            match self.status(name) {
                Ok(status) if status.starts_with("UP") => return Ok(()),
                Ok(status) => last = status,
                Err(error) => last = error.to_string(),
            }
            thread::sleep(Duration::from_millis(50));
        }
        let said = fs_err::read_to_string(self.socket.with_extension("log"))?;
        bail!("HAProxy does not see that {name} is up: {last}\n{said}")
    }

    /// `UP`, `DOWN` or a word for what is between them.
    fn status(&self, name: &str) -> anyhow::Result<String> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.write_all(b"show stat\n")?;
        let mut table = String::new();
        stream.read_to_string(&mut table)?;
        let mut lines = table.lines();
        let titles = lines.next().context("an empty table")?;
        let column = titles.split(',').position(|title| title == "status");
        let column = column.context("the table has no status")?;
        let prefix = format!("all,{name},");
        let row = lines.find(|line| line.starts_with(&prefix));
        let row = row.with_context(|| format!("the table has no {name}"))?;
        Ok(row.split(',').nth(column).unwrap_or_default().to_owned())
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
