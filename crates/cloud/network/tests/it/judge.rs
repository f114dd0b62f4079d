//! A judge from outside: Linux in qemu, with the kernel and the ramdisk of `cargo xtask fixture`.

use std::io::{BufRead as _, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use gumnut_cloud_network::{
    Arrivals, EMULATOR_SOCKET, Mac, NETWORK_SOCKET, Network, NetworkError, NetworkOptions, Stream,
    Traffic,
};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::sync::mpsc;

use crate::guest::guest;
use crate::lab::anywhere;

const SCRIPT: &[u8] = include_bytes!("judge.sh");
/// Plenty even on a busy machine.
const LIMIT: Duration = Duration::from_mins(4);
const SANDBOX: &str = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny";
/// What the guest sends as fast as it can, in bytes.
const BULK: usize = 16 << 16;

/// A member of an archive that Linux unpacks over its ramdisk.
fn cpio(name: &str, mode: u32, content: &[u8]) -> Vec<u8> {
    let mut bytes = b"070701".to_vec();
    let len = u32::try_from(content.len()).unwrap();
    let name_len = u32::try_from(name.len() + 1).unwrap();
    for field in [1, mode, 0, 0, 1, 0, len, 0, 0, 0, 0, name_len, 0] {
        bytes.extend(format!("{field:08x}").bytes());
    }
    for part in [&[name.as_bytes(), b"\0"].concat()[..], content] {
        bytes.extend(part);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    bytes
}

/// The kernel and the ramdisk of the fixture, the latter with the script.
fn boot_files(folder: &Path) -> (PathBuf, PathBuf) {
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--package", "xtask", "--", "fixture"])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let tarball = text.lines().last().unwrap();
    let unpacked = Command::new("tar")
        .arg("-xzf")
        .arg(tarball)
        .arg("-C")
        .arg(folder)
        .args(["--wildcards", "--strip-components=2", "*/kvm-kernel/*"])
        .status();
    assert!(unpacked.unwrap().success());
    let find = |prefix: &str| {
        let mut entries = fs_err::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let is_it = |path: &PathBuf| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with(prefix)
        };
        entries.find(is_it).unwrap()
    };
    let ramdisk = folder.join("ramdisk");
    let mut bytes = fs_err::read(find("initrd.img-")).unwrap();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes.extend(cpio("judge", 0o100_755, SCRIPT));
    bytes.extend(cpio("TRAILER!!!", 0, b""));
    fs_err::write(&ramdisk, bytes).unwrap();
    (find("vmlinuz-"), ramdisk)
}

/// An emulator that does not outlive its test.
struct Emulator(Child);

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the guest; gives the lines of its console.
fn start(folder: &Path, number: u8) -> (Emulator, mpsc::UnboundedReceiver<String>) {
    let (kernel, ramdisk) = boot_files(folder);
    let network = format!(
        "dgram,id=net,local.type=unix,local.path={EMULATOR_SOCKET},remote.type=unix,remote.path={NETWORK_SOCKET}"
    );
    let card = format!(
        "virtio-net-pci,netdev=net,romfile=,mac={}",
        Mac::of_instance(number.into())
    );
    let mut process = Command::new("qemu-system-x86_64")
        .args([
            "-no-user-config",
            "-nodefaults",
            "-no-reboot",
            "-display",
            "none",
            "-sandbox",
            SANDBOX,
        ])
        .args([
            "-machine",
            "pc",
            "-accel",
            "tcg,tb-size=32",
            "-cpu",
            "max",
            "-m",
            "128M",
        ])
        .args(["-netdev", &network, "-device", &card])
        .args([
            "-chardev",
            "stdio,id=console,signal=off",
            "-serial",
            "chardev:console",
        ])
        .arg("-kernel")
        .arg(kernel)
        .arg("-initrd")
        .arg(ramdisk)
        .args(["-append", "console=ttyS0 quiet rdinit=/judge net.ifnames=0"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let console = std::io::BufReader::new(process.stdout.take().unwrap());
    let (sender, lines) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in console.lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    (Emulator(process), lines)
}

/// Answers as a web server does, and takes what is none of its business as bulk.
async fn serve(mut arrivals: Arrivals) {
    while let Some(arrival) = arrivals.next().await {
        tokio::spawn(async move {
            let mut stream = arrival.stream;
            let mut head = [0; 4];
            stream.read_exact(&mut head).await.unwrap();
            if head == [0; 4] {
                let start = Instant::now();
                let mut rest = vec![];
                stream.read_to_end(&mut rest).await.unwrap();
                let seconds = start.elapsed().as_secs_f64();
                let bulk = head.len() + rest.len();
                println!("{bulk} bytes in {seconds:.2} s");
                assert_eq!(bulk, BULK);
                return;
            }
            let mut reader = BufReader::new(stream);
            let mut path = String::new();
            reader.read_line(&mut path).await.unwrap();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).await.unwrap();
                if line.trim().is_empty() {
                    break;
                }
            }
            let path = path.split(' ').next().unwrap().to_owned();
            let answer = format!(
                "HTTP/1.0 200 OK\r\ncontent-length: {}\r\n\r\n{path}\n",
                path.len() + 1
            );
            reader.write_all(answer.as_bytes()).await.unwrap();
        });
    }
}

/// Reads the console up to a line that begins with a text.
async fn until(console: &mut mpsc::UnboundedReceiver<String>, text: &str, seen: &mut Vec<String>) {
    loop {
        let line = console.recv().await;
        let line = line.unwrap_or_else(|| panic!("no {text:?}: {seen:#?}"));
        seen.push(line.trim().to_owned());
        if line.starts_with(text) {
            return;
        }
    }
}

/// A connection to the guest, as soon as somebody listens there.
async fn connect(network: &Network) -> Stream {
    loop {
        match network.connect("i-10", 22).await {
            Err(NetworkError::Connect { source, .. })
                if source.kind() == ErrorKind::ConnectionRefused => {}
            outcome => return outcome.unwrap(),
        }
    }
}

#[tokio::test]
async fn linux_in_qemu_finds_everything_that_it_needs() {
    let folder = tempfile::tempdir().unwrap();
    let (network, arrivals) = Network::new(NetworkOptions::default());
    tokio::spawn(serve(arrivals));
    let _attachment = network.attach(guest(10, &["g"]), folder.path()).unwrap();
    network.set_rules("g".parse().unwrap(), vec![anywhere(Traffic::Tcp(22..=22))]);
    let (mut emulator, mut console) = start(folder.path(), 10);
    let mut seen = vec![];
    let run = async {
        until(&mut console, "LISTENING", &mut seen).await;
        let mut stream = connect(&network).await;
        stream.write_all(b"stressed\n").await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "STRESSED\n");
        until(&mut console, "OVER", &mut seen).await;
    };
    let in_time = tokio::time::timeout(LIMIT, run).await;
    assert!(in_time.is_ok(), "{seen:#?}");
    let said = |text: &str| {
        seen.iter()
            .filter(|line| line.starts_with(text))
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(
        said("LEASE"),
        ["LEASE 172.31.0.10 255.255.0.0 172.31.0.1 172.31.0.1 ip-172-31-0-10"]
    );
    assert_eq!(said("NAMED"), ["NAMED /named"]);
    assert_eq!(said("PARALLEL"), ["PARALLEL 10"]);
    assert_eq!(
        said("REFUSED"),
        [
            "REFUSED 1.1.1.1:80 1 1",
            "REFUSED 172.31.0.1:8773 1 1",
            "REFUSED 172.31.0.77:80 1 1"
        ]
    );
    assert_eq!(said("NAMES"), ["NAMES 1"]);
    assert_eq!(said("PING"), ["PING 1"]);
    assert!(emulator.0.wait().unwrap().success());
}
