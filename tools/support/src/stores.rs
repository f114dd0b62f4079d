//! Foreign object stores on this machine, each a process that never outlives its task.

use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::ports::free_ports;
use crate::python::Environment;
use crate::workspace::Workspace;

/// moto, which emulates AWS for tests.
const MOTO: &str = "moto[s3,server]==5.2.5\n";
/// How long a store may take to listen.
const PATIENCE: Duration = Duration::from_mins(2);

/// A running store with the bucket [`Store::BUCKET`].
pub struct Store {
    process: Child,
    address: SocketAddr,
    keys: PathBuf,
}

impl Store {
    /// The keys of every store.
    pub const KEYS: (&str, &str) = ("FOREIGN", "only-on-this-machine");
    /// The bucket that is there.
    pub const BUCKET: &str = "blobs";

    /// rclone's server, with its data and log in `folder`.
    pub fn rclone(clients: &Environment, folder: &Path) -> anyhow::Result<Self> {
        let data = folder.join("rclone");
        fs_err::create_dir_all(data.join(Self::BUCKET))?;
        let [address] = free_ports()?;
        let mut command = Command::new(clients.program("rclone"));
        command
            .args(["--config", "/dev/null", "serve", "s3", "--addr"])
            .arg(address.to_string())
            .arg(&data)
            // A list of pairs, so that the comma of a pair needs quotes.
            .env(
                "RCLONE_AUTH_KEY",
                format!("\"{},{}\"", Self::KEYS.0, Self::KEYS.1),
            );
        Self::start(&mut command, address, folder)
    }

    /// moto's server, which is installed, with its log in `folder`. It keeps everything in memory.
    pub fn moto(
        workspace: &Workspace,
        clients: &Environment,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        fs_err::create_dir_all(folder)?;
        let moto = Environment::with(workspace, "moto", MOTO)?;
        let [address] = free_ports()?;
        let mut command = Command::new(moto.program("moto_server"));
        command.args(["-H", "127.0.0.1", "-p", &address.port().to_string()]);
        let store = Self::start(&mut command, address, folder)?;
        let shell = workspace.shell()?;
        let (aws, endpoint, bucket) = (clients.program("aws"), store.endpoint(), Self::BUCKET);
        xshell::cmd!(
            shell,
            "{aws} --endpoint-url {endpoint} s3api create-bucket --bucket {bucket}"
        )
        .env("AWS_ACCESS_KEY_ID", Self::KEYS.0)
        .env("AWS_SECRET_ACCESS_KEY", Self::KEYS.1)
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .ignore_stdout()
        .run()?;
        Ok(store)
    }

    /// Starts a program that listens at `address`, and waits until it does.
    fn start(command: &mut Command, address: SocketAddr, folder: &Path) -> anyhow::Result<Self> {
        let log = folder.join("store.log");
        let said = fs_err::File::create(&log)?.into_parts().0;
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said)
            .spawn()
            .context("cannot start the store")?;
        let keys = folder.join("store.key");
        let mut store = Self {
            process,
            address,
            keys,
        };
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            let ended = store.process.try_wait()?;
            let is_late = start.elapsed() >= PATIENCE;
            ensure!(
                ended.is_none() && !is_late,
                "the store does not listen:\n{}",
                fs_err::read_to_string(&log)?
            );
            thread::sleep(Duration::from_millis(50));
        }
        let text = format!("{}\n{}\n", Self::KEYS.0, Self::KEYS.1);
        fs_err::write(&store.keys, text)?;
        fs_err::set_permissions(&store.keys, std::fs::Permissions::from_mode(0o600))?;
        Ok(store)
    }

    /// `http://127.0.0.1:PORT`
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The URL of blobs below a prefix of the bucket, as the configuration of a cloud has it.
    pub fn blobs(&self, prefix: &str) -> String {
        format!(
            "s3://{}/{prefix}?endpoint={}",
            Self::BUCKET,
            self.endpoint()
        )
    }

    /// The file with the keys, as the configuration of a cloud names it.
    pub fn key_file(&self) -> &Path {
        &self.keys
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
