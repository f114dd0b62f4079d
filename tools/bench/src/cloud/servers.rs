//! The servers under load, each a process of its own with its data in a directory of the same disk.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use support::cloud::Cloud;
use support::python::Environment;

/// How long a server may take to listen.
const PATIENCE: Duration = Duration::from_secs(30);
/// Clock ticks a second, in which the kernel counts processor time; the same on every Linux that has users.
const TICKS: f64 = 100.0;

/// A server and what a client needs to know of it.
pub(super) struct Server {
    pub(super) name: &'static str,
    pub(super) address: SocketAddr,
    pub(super) access_key: String,
    pub(super) secret_key: String,
    process: Process,
}

enum Process {
    Gumnut(Cloud),
    Peer(Child),
}

impl Server {
    /// gumnut's cloud.
    pub(super) fn gumnut(program: &Path, folder: &Path) -> anyhow::Result<Self> {
        let cloud = Cloud::start(program, folder)?;
        let authority = cloud.endpoint().trim_start_matches("http://");
        Ok(Self {
            name: "gumnut",
            address: authority.parse()?,
            access_key: cloud.setting("EC2_ACCESS_KEY")?,
            secret_key: cloud.setting("EC2_SECRET_KEY")?,
            process: Process::Gumnut(cloud),
        })
    }

    /// rclone's server, with keys for the length of its life.
    pub(super) fn rclone(environment: &Environment, folder: &Path) -> anyhow::Result<Self> {
        fs_err::create_dir_all(folder)?;
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let (access_key, secret_key) = ("BENCHMARK", "only-for-benchmarks");
        let log = fs_err::File::create(folder.with_extension("log"))?;
        let process = Command::new(environment.program("rclone"))
            .args(["--config", "/dev/null", "serve", "s3", "--addr"])
            .arg(address.to_string())
            .arg(folder)
            // A list of pairs, so that the comma of a pair needs quotes.
            .env("RCLONE_AUTH_KEY", format!("\"{access_key},{secret_key}\""))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.into_parts().0)
            .spawn()
            .context("cannot run rclone")?;
        let server = Self {
            name: "rclone",
            address,
            access_key: access_key.to_owned(),
            secret_key: secret_key.to_owned(),
            process: Process::Peer(process),
        };
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            ensure!(start.elapsed() < PATIENCE, "rclone does not listen");
            thread::sleep(Duration::from_millis(50));
        }
        Ok(server)
    }

    pub(super) fn id(&self) -> u32 {
        match &self.process {
            Process::Gumnut(cloud) => cloud.id(),
            Process::Peer(process) => process.id(),
        }
    }

    /// Processor time so far, in seconds.
    pub(super) fn processor_time(&self) -> anyhow::Result<f64> {
        let text = fs_err::read_to_string(format!("/proc/{}/stat", self.id()))?;
        // The name in parentheses may hold anything; behind it the times are the 12th and 13th.
        let (_, fields) = text.rsplit_once(')').context("/proc has another form")?;
        let fields = fields.split_whitespace().skip(11).take(2);
        let ticks: f64 = fields
            .map(|field| field.parse::<f64>().unwrap_or(0.0))
            .sum();
        Ok(ticks / TICKS)
    }

    /// Voluntary context switches of all threads that are there.
    pub(super) fn switches(&self) -> anyhow::Result<f64> {
        let mut sum = 0.0;
        for task in fs_err::read_dir(format!("/proc/{}/task", self.id()))? {
            let text = fs_err::read_to_string(task?.path().join("status"))?;
            let mut lines = text.lines();
            let count = lines.find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            sum += count
                .context("/proc has another form")?
                .trim()
                .parse::<f64>()?;
        }
        Ok(sum)
    }

    /// The largest resident set so far, in bytes.
    pub(super) fn peak_memory(&self) -> anyhow::Result<u64> {
        let text = fs_err::read_to_string(format!("/proc/{}/status", self.id()))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes: u64 = line
            .and_then(|line| line.trim().split(' ').next())
            .context("/proc has another form")?
            .parse()?;
        Ok(kilobytes * 1024)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Self::Peer(process) = self {
            // It may have ended already.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
