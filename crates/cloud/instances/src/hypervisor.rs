//! The interface to what runs machines.

use std::fmt;

use async_trait::async_trait;
use gumnut_types::{Architecture, Fault};
use tokio::sync::watch;

use crate::id::InstanceId;

/// A machine that is to be started. Its disk, kernel and ramdisk were put into the directory of its instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// The instance that it belongs to.
    pub id: InstanceId,
    /// `I386` or `X86_64`.
    pub architecture: Architecture,
    /// Its type, as the guest learns it from its firmware.
    pub instance_type: String,
    /// Memory in bytes.
    pub memory: u64,
    /// Processors.
    pub processors: u32,
    /// How its disk is attached.
    pub bus: Bus,
    /// Its network card.
    pub card: Card,
    /// The address of its network card.
    pub mac: [u8; 6],
    /// What it starts.
    pub boot: Boot,
}

/// How a disk is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bus {
    /// virtio, for which Linux has had drivers since 2008.
    Virtio,
    /// IDE, for older kernels.
    Ide,
}

/// A network card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Card {
    /// virtio.
    Virtio,
    /// Intel's of 2000, for older kernels.
    E1000,
}

/// What a machine starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Boot {
    /// The boot loader on its disk.
    Disk,
    /// A kernel.
    Kernel {
        /// Whether there is a ramdisk.
        ramdisk: bool,
        /// The kernel's command line.
        command_line: String,
    },
}

/// What the guest has written to its serial console.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Console {
    /// The first 64 KiB, which Eucalyptus shows.
    pub first: Vec<u8>,
    /// The last 64 KiB, which EC2 shows.
    pub last: Vec<u8>,
}

/// What is seen of the machine of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// There is none, and nothing of it.
    Missing,
    /// It is being prepared or started.
    Starting,
    /// It runs.
    Running,
    /// It has ended in order, by itself or because it was asked.
    ShutDown,
    /// It could not be started, or has ended with an error.
    Failed(String),
}

/// Which look at the hypervisor this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// The first of this cloud: a machine that does not run ended with the cloud before it.
    First,
    /// A later one.
    Later,
}

/// Why a hypervisor cannot do something.
#[derive(Debug, thiserror::Error)]
#[error("{doing}")]
pub struct HypervisorError {
    /// As in `cannot start the machine of i-4DA90A12`.
    pub doing: String,
    /// Why.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl HypervisorError {
    /// Always [`Fault::System`].
    pub fn fault(&self) -> Fault {
        Fault::System
    }
}

/// Runs machines, one for each instance. Every call can be made again: a machine that runs is not started a second time, one that
/// has ended is not ended again.
#[async_trait]
pub trait Hypervisor: fmt::Debug + Send + Sync {
    /// Begins to start a machine; [`Hypervisor::list`] shows what becomes of it.
    async fn start(&self, machine: Machine) -> Result<(), HypervisorError>;

    /// Asks the guest to shut down; one that does not is ended after a while. Does not wait for it.
    async fn shut_down(&self, id: &InstanceId) -> Result<(), HypervisorError>;

    /// Ends a machine at once.
    async fn end(&self, id: &InstanceId) -> Result<(), HypervisorError>;

    /// Asks the guest to start again; one that does not is reset after a while. Does not wait for it.
    async fn reboot(&self, id: &InstanceId) -> Result<(), HypervisorError>;

    /// Forgets a machine that has ended, with its disk if `disk`.
    async fn remove(&self, id: &InstanceId, disk: bool) -> Result<(), HypervisorError>;

    /// Every machine that there is something of; none of them is [`Seen::Missing`].
    async fn list(&self) -> Result<Vec<(InstanceId, Seen)>, HypervisorError>;

    /// Counts changes of the list: who waits for the next one does not miss it.
    fn changes(&self) -> watch::Receiver<u64>;

    /// What the guest has written to its serial console; `None`: nothing is known of it.
    async fn console(&self, id: &InstanceId) -> Result<Option<Console>, HypervisorError>;
}
