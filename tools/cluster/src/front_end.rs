//! The front ends: processes of `gumnut cloud start` that share everything but their data directories.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use support::process::Process;

use crate::group::Group;

/// The settings that all front ends have.
#[derive(Clone)]
pub(crate) struct Shared {
    /// `postgres://...`
    pub(crate) catalogue: String,
    /// `s3://...`
    pub(crate) blobs: String,
    /// The files with the keys for the bucket and with the master key.
    pub(crate) blobs_key: PathBuf,
    pub(crate) master_key: PathBuf,
}

/// A front end, which may be down.
pub(crate) struct FrontEnd {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    /// Its configuration file.
    pub(crate) config: PathBuf,
    program: PathBuf,
    log: PathBuf,
    running: Option<Process>,
    /// Where its processor time is counted.
    pub(crate) group: Option<Group>,
}

impl FrontEnd {
    /// Writes the configuration of a front end to `folder`. It is not started.
    pub(crate) fn new(
        program: &Path,
        folder: &Path,
        name: &str,
        address: SocketAddr,
        shared: &Shared,
    ) -> anyhow::Result<Self> {
        let config = folder.join(format!("{name}.toml"));
        fs_err::write(&config, shared.config(name, address))?;
        Ok(Self {
            name: name.to_owned(),
            address,
            config,
            program: program.to_owned(),
            log: folder.join(format!("{name}.log")),
            running: None,
            group: None,
        })
    }

    /// Starts it, and waits until it accepts connections.
    pub(crate) fn start(&mut self) -> anyhow::Result<()> {
        let options = [Path::new("--server-config"), &self.config];
        let process = Process::start(&self.program, options, &self.log)
            .with_context(|| format!("front end {}", self.name))?;
        if let Some(group) = &self.group {
            group.add(process.id())?;
        }
        self.running = Some(process);
        Ok(())
    }

    /// The id of its process.
    pub(crate) fn id(&self) -> anyhow::Result<u32> {
        let running = self.running.as_ref().map(Process::id);
        running.with_context(|| format!("front end {} does not run", self.name))
    }

    /// Ends it by SIGKILL.
    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        self.process()?.kill()
    }

    /// Ends it by SIGTERM, and waits until it has.
    pub(crate) fn stop(&mut self) -> anyhow::Result<()> {
        self.process()?.stop()
    }

    /// `http://127.0.0.1:PORT`
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it has said on standard error, in all its lives.
    pub(crate) fn log(&self) -> String {
        fs_err::read_to_string(&self.log).unwrap_or_default()
    }

    fn process(&mut self) -> anyhow::Result<Process> {
        let running = self.running.take();
        running.with_context(|| format!("front end {} does not run", self.name))
    }
}

impl Shared {
    fn config(&self, name: &str, address: SocketAddr) -> String {
        let Self {
            catalogue,
            blobs,
            blobs_key,
            master_key,
        } = self;
        // Small parts, so that there are many. HAProxy needs a second to see that a front end ends.
        format!(
            "name = \"{name}\"
data = \"{name}\"
drain = \"2 s\"
listen = \"{address}\"
catalogue = \"{catalogue}\"
blobs = \"{blobs}\"
blobs-key = \"{}\"
master-key = \"{}\"

[limits]
part = \"64 KiB\"
",
            blobs_key.display(),
            master_key.display()
        )
    }
}
