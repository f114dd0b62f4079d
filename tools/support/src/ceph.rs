//! A tiny Ceph cluster with an S3 gateway: a foreign object store that is independent of gumnut, and strict. One monitor,
//! one storage daemon that keeps everything in memory, one gateway; nothing of it is left when it goes out of scope.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::Value;
use xshell::{Cmd, Shell, cmd};

use crate::ports::free_ports;
use crate::system;
use crate::workspace::Workspace;

/// Programs, and the Debian packages that have them.
pub const PROGRAMS: [(&str, &str); 4] = [
    ("radosgw", "radosgw"),
    ("ceph-mon", "ceph-mon"),
    ("ceph-osd", "ceph-osd"),
    ("ceph", "ceph-common"),
];
/// How long a daemon may take to answer.
const PATIENCE: Duration = Duration::from_mins(2);
/// How often a daemon is asked whether it answers.
const INTERVAL: Duration = Duration::from_millis(200);

/// A running cluster in a directory of its own.
pub struct Ceph {
    shell: Shell,
    folder: PathBuf,
    /// In the order in which they were started.
    daemons: Vec<Child>,
    gateway: SocketAddr,
}

/// A user of the gateway.
pub struct User {
    /// The access key.
    pub access_key: String,
    /// The secret key.
    pub secret_key: String,
}

impl Ceph {
    /// Installs what is missing and starts a cluster.
    pub fn start(workspace: &Workspace, folder: &Path) -> anyhow::Result<Self> {
        let shell = workspace.shell()?;
        system::programs(&shell, &PROGRAMS)?;
        let [gateway, monitor] = free_ports()?;
        let mut ceph = Self {
            shell,
            folder: folder.to_owned(),
            daemons: Vec::new(),
            gateway,
        };
        for name in ["mon", "osd", "log", "run", "rgw"] {
            fs_err::create_dir_all(folder.join(name))?;
        }
        let cluster = uuid()?;
        fs_err::write(ceph.file("ceph.conf"), ceph.settings(&cluster, monitor))?;
        ceph.start_monitor(&cluster, monitor)?;
        ceph.start_storage()?;
        ceph.start_gateway()?;
        Ok(ceph)
    }

    /// Starts the gateway, at the same address as before, and waits until it answers.
    pub fn start_gateway(&mut self) -> anyhow::Result<()> {
        self.start_daemon("radosgw", &["-n", "client.rgw"])?;
        self.wait("the gateway", Self::gateway_answers)
    }

    /// Kills the gateway. What is stored remains.
    pub fn stop_gateway(&mut self) -> anyhow::Result<()> {
        // The gateway is the daemon that was started last.
        let mut gateway = self.daemons.pop().context("there is no gateway")?;
        gateway.kill()?;
        gateway.wait()?;
        Ok(())
    }

    /// The ids of all daemons.
    pub fn processes(&self) -> Vec<u32> {
        self.daemons.iter().map(Child::id).collect()
    }

    /// How many requests the gateway has had, by its own count.
    pub fn requests(&self) -> anyhow::Result<u64> {
        let socket = self.file("run/client.rgw.asok");
        let shell = &self.shell;
        let dump = cmd!(shell, "ceph --admin-daemon {socket} perf dump")
            .quiet()
            .read()?;
        let counters: Value = serde_json::from_str(&dump).context("ceph printed no JSON")?;
        let requests = counters["rgw"]["req"].as_u64();
        requests.context("the gateway does not count its requests")
    }

    /// `http://127.0.0.1:PORT`
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.gateway)
    }

    /// A new user, whose keys the gateway makes.
    pub fn user(&self, name: &str) -> anyhow::Result<User> {
        let create = ["user", "create", "--uid", name, "--display-name", name];
        let made = self.run("radosgw-admin", &create).read()?;
        let user: Value = serde_json::from_str(&made).context("radosgw-admin printed no JSON")?;
        let key = &user["keys"][0];
        match (key["access_key"].as_str(), key["secret_key"].as_str()) {
            (Some(access_key), Some(secret_key)) => Ok(User {
                access_key: access_key.to_owned(),
                secret_key: secret_key.to_owned(),
            }),
            _ => bail!("the user has no key"),
        }
    }

    fn start_monitor(&mut self, cluster: &str, monitor: SocketAddr) -> anyhow::Result<()> {
        let (keyring, map) = (self.file("keyring"), self.file("monmap"));
        let shell = &self.shell;
        let all = "allow *";
        let first = [
            "--create-keyring",
            "--gen-key",
            "-n",
            "mon.",
            "--cap",
            "mon",
            all,
        ];
        cmd!(shell, "ceph-authtool {keyring} {first...}")
            .ignore_stdout()
            .run()?;
        let second = [
            "--gen-key",
            "-n",
            "client.admin",
            "--cap",
            "mon",
            all,
            "--cap",
            "osd",
            all,
        ];
        cmd!(shell, "ceph-authtool {keyring} {second...}").run()?;
        let address = format!("[v1:{monitor}/0]");
        let create = [
            "--create",
            "--clobber",
            "--fsid",
            cluster,
            "--addv",
            "a",
            &address,
        ];
        cmd!(shell, "monmaptool {create...} {map}")
            .ignore_stdout()
            .run()?;
        let (keyring, map) = (text(&keyring)?, text(&map)?);
        let make = ["--mkfs", "-i", "a", "--monmap", &map, "--keyring", &keyring];
        self.run("ceph-mon", &make).run()?;
        self.start_daemon("ceph-mon", &["-i", "a"])?;
        self.wait("the monitor", |ceph| {
            ceph.run("ceph", &["--connect-timeout", "5", "status"])
                .quiet()
                .ignore_stdout()
                .ignore_stderr()
                .run()
                .is_ok()
        })
    }

    /// The storage daemon must be known to the monitor by the very id that it is made with, or it waits for ever.
    fn start_storage(&mut self) -> anyhow::Result<()> {
        let id = uuid()?;
        self.run("ceph", &["osd", "new", &id])
            .ignore_stdout()
            .run()?;
        self.run("ceph-osd", &["-i", "0", "--mkfs", "--osd-uuid", &id])
            .ignore_stderr()
            .run()?;
        self.start_daemon("ceph-osd", &["-i", "0"])
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Cmd<'_> {
        let settings = self.file("ceph.conf");
        cmd!(self.shell, "{program} -c {settings} {arguments...}")
    }

    /// Starts a daemon in the foreground, as a child; what it says goes to a file.
    fn start_daemon(&mut self, program: &str, arguments: &[&str]) -> anyhow::Result<()> {
        let log = fs_err::File::create(self.file(&format!("log/{program}.out")))?
            .into_parts()
            .0;
        let daemon = Command::new(program)
            .arg("-c")
            .arg(self.file("ceph.conf"))
            .arg("-f")
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot run {program}"))?;
        self.daemons.push(daemon);
        Ok(())
    }

    fn wait(&mut self, what: &str, answers: impl Fn(&Self) -> bool) -> anyhow::Result<()> {
        let start = Instant::now();
        while !answers(self) {
            let ended = self.daemons.iter_mut().any(|daemon| !runs(daemon));
            if ended || start.elapsed() > PATIENCE {
                bail!("{what} of Ceph does not answer; its logs:\n{}", self.logs());
            }
            thread::sleep(INTERVAL);
        }
        Ok(())
    }

    fn gateway_answers(&self) -> bool {
        speaks_http(self.gateway).unwrap_or(false)
    }

    /// The last lines of what each daemon has said.
    fn logs(&self) -> String {
        let last_words = ["ceph-mon", "ceph-osd", "radosgw"].map(|program| {
            let path = self.file(&format!("log/{program}.out"));
            let said = fs_err::read_to_string(path).unwrap_or_default();
            let lines: Vec<_> = said.lines().collect();
            let last = &lines[lines.len().saturating_sub(5)..];
            format!("{program}: {}", last.join("\n"))
        });
        last_words.join("\n")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// No authentication between the daemons, one copy of everything, few placement groups, and every path in the
    /// directory. On loopback both networks have to be named, and a nearly full disk must not stop the monitor.
    fn settings(&self, cluster: &str, monitor: SocketAddr) -> String {
        format!(
            "[global]
fsid = {cluster}
mon host = [v1:{monitor}/0]
ms bind ipv6 = false
public network = 127.0.0.0/8
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
mon allow pool size one = true
mon warn on pool no redundancy = false
osd crush chooseleaf type = 0
osd pool default pg num = 8
osd pool default pgp num = 8
osd pool default pg autoscale mode = off
mon max pg per osd = 2000
osd objectstore = memstore
memstore device bytes = 8589934592
mon data avail warn = 1
mon data avail crit = 0
run dir = {folder}/run
admin socket = {folder}/run/$name.asok
pid file = {folder}/run/$name.pid
log file = {folder}/log/$name.log
crash dir = {folder}/log
mon data = {folder}/mon
osd data = {folder}/osd
rgw data = {folder}/rgw
keyring = {folder}/keyring

[client.rgw]
rgw frontends = beast endpoint={gateway} tcp_nodelay=1
rgw thread pool size = 32
rgw enable usage log = false
rgw dns name = localhost
",
            folder = self.folder.display(),
            gateway = self.gateway,
        )
    }
}

impl Drop for Ceph {
    /// Waits for each, the last first: a port that is still taken spoils the next start.
    fn drop(&mut self) {
        for daemon in self.daemons.iter_mut().rev() {
            // It may have ended already.
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

fn speaks_http(server: SocketAddr) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut start = [0; 5];
    stream.read_exact(&mut start)?;
    Ok(start == *b"HTTP/")
}

fn runs(daemon: &mut Child) -> bool {
    matches!(daemon.try_wait(), Ok(None))
}

fn uuid() -> anyhow::Result<String> {
    let id = fs_err::read_to_string("/proc/sys/kernel/random/uuid")?;
    Ok(id.trim().to_owned())
}

fn text(path: &Path) -> anyhow::Result<String> {
    let text = path.to_str().map(str::to_owned);
    text.with_context(|| format!("{} is no text", path.display()))
}
