//! The machines of instances: qemu, disks, network and metadata, put together.

mod claim;
mod describe;
mod metadata;
mod provisioner;
mod wiring;

use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use gumnut_cloud_accounts::Keys;
use gumnut_cloud_catalogue::Catalogue;
use gumnut_cloud_disks::{DiskProvisioner, ReplacementKernel, Unbundled, UnbundledOptions};
use gumnut_cloud_images::Images;
use gumnut_cloud_instances::{Host, Instances, Keeper, Quota};
use gumnut_cloud_metadata::Service;
use gumnut_cloud_network::{Arrivals, Network, NetworkOptions, Proxy};
use gumnut_cloud_objects::ObjectStore;
use gumnut_cloud_qemu::QemuHypervisor;
use gumnut_types::Fault;
use tokio::task::AbortHandle;

use crate::config::{Config, InstancesConfig};
use crate::data_dir::DataDir;
use crate::error::CloudError;
use claim::Claim;
use describe::Describe;
use provisioner::Attaching;
use wiring::Wiring;

/// Where the directories of instances are, below the data directory.
pub(crate) const INSTANCES: &str = "instances";
/// Where unbundled images are, below the data directory.
const UNBUNDLED: &str = "unbundled";
/// The socket for connections to instances, in the data directory.
pub(crate) const CONNECT: &str = "connect.sock";
/// What Eucalyptus called its only region.
const REGION: &str = "eucalyptus";
/// How long guests may take to shut down when the cloud ends: all steps of the hypervisor.
const PATIENCE: Duration = Duration::from_secs(56);

/// What runs the machines of instances, before there are instances.
pub(crate) struct Machinery {
    pub(crate) host: Host,
    wiring: Arc<Wiring>,
    unbundled: Unbundled,
    arrivals: Arrivals,
    service: Service,
    proxy: Proxy,
    claim: Claim,
}

impl Machinery {
    /// What a cloud with these settings runs machines with; `None`: it runs none.
    ///
    /// # Errors
    /// When qemu is missing or too old, the data directory cannot be used, or not everything is in it.
    pub(crate) async fn of(
        config: &Config,
        catalogue: &Catalogue,
        objects: &ObjectStore,
        keys: &Keys,
    ) -> Result<Option<Self>, CloudError> {
        let Some(wanted) = config.instances.clone() else {
            return Ok(None);
        };
        if !config.is_embedded() {
            return Err(CloudError::SharedInstances);
        }
        let images = Images::new(
            catalogue.clone(),
            objects.clone(),
            keys.clone(),
            config.images.clone(),
            config.clock.clone(),
        );
        let data_dir = config.data_dir.clone();
        let opened = tokio::task::spawn_blocking(move || Self::open(&wanted, &data_dir, &images));
        opened.await?.map(Some)
    }

    /// Finds qemu, and opens what is in the data directory. It blocks.
    fn open(
        config: &InstancesConfig,
        data_dir: &Path,
        images: &Images,
    ) -> Result<Self, CloudError> {
        let root = data_dir.join(INSTANCES);
        let options = UnbundledOptions::new(data_dir.join(UNBUNDLED));
        let unbundled = Unbundled::open(options, images.clone())
            .map_err(|error| CloudError::machines(error.fault(), error))?;
        let replacement = config.replacement_kernel.clone();
        let replacement =
            replacement.map(|(kernel, ramdisk)| ReplacementKernel { kernel, ramdisk });
        let disks = DiskProvisioner::open(&root, unbundled.clone(), images.clone(), replacement)
            .map_err(|error| CloudError::machines(error.fault(), error))?;
        let hypervisor = QemuHypervisor::start(&root)
            .map_err(|error| CloudError::machines(error.fault(), error))?;
        let (network, arrivals) = Network::new(NetworkOptions::default());
        let proxy = Proxy::bind(&data_dir.join(CONNECT), network.clone());
        let proxy = proxy.map_err(|error| CloudError::machines(error.fault(), error))?;
        let service = Service::new().map_err(|error| CloudError::machines(Fault::System, error))?;
        let wiring = Arc::new(Wiring::new(network));
        let attaching = Attaching {
            disks,
            wiring: Arc::clone(&wiring),
            root: root.clone(),
        };
        let claim = Claim::of_first_free()?;
        let host = Host {
            hypervisor: Arc::new(hypervisor),
            provisioner: Arc::new(attaching),
            quota: quota(config, &root)?,
            network: claim.network(),
        };
        Ok(Self {
            host,
            wiring,
            unbundled,
            arrivals,
            service,
            proxy,
            claim,
        })
    }

    /// Begins to run instances.
    ///
    /// # Errors
    /// When the catalogue or the hypervisor cannot be used.
    pub(crate) async fn start(
        self,
        instances: &Instances,
        config: &Config,
        data_dir: Arc<DataDir>,
    ) -> Result<Machines, CloudError> {
        let describe = Describe {
            profile: config.images.profile,
            region: config
                .regions
                .first()
                .map_or(REGION, String::as_str)
                .to_owned(),
        };
        let keeper = Keeper::start(instances)
            .await
            .map_err(|error| CloudError::machines(error.fault(), error))?;
        let metadata = metadata::serve(self.arrivals, Arc::clone(&self.wiring), self.service);
        let follow = follow(instances.clone(), self.wiring, describe);
        Ok(Machines {
            keeper,
            tasks: [
                tokio::spawn(metadata).abort_handle(),
                tokio::spawn(follow).abort_handle(),
            ],
            unbundled: self.unbundled,
            _proxy: self.proxy,
            _claim: self.claim,
            _data_dir: data_dir,
        })
    }
}

/// The machines of a cloud that runs.
pub(crate) struct Machines {
    keeper: Option<Keeper>,
    tasks: [AbortHandle; 2],
    unbundled: Unbundled,
    _proxy: Proxy,
    _claim: Claim,
    /// With its lock, which is the last to go: another cloud that starts would take the machines for those of a crash.
    _data_dir: Arc<DataDir>,
}

impl Machines {
    /// Asks all guests to shut down, and ends those that do not.
    ///
    /// # Errors
    /// When the catalogue or the hypervisor cannot be used.
    pub(crate) async fn end(mut self) -> Result<(), CloudError> {
        self.unbundled.stop();
        match self.keeper.take() {
            Some(keeper) => keeper
                .end(PATIENCE)
                .await
                .map_err(|error| CloudError::machines(error.fault(), error)),
            None => Ok(()),
        }
    }
}

impl Drop for Machines {
    fn drop(&mut self) {
        self.unbundled.stop();
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl std::fmt::Debug for Machines {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Machines")
    }
}

/// Lets network and metadata follow the instances.
async fn follow(instances: Instances, wiring: Arc<Wiring>, describe: Describe) {
    let mut changes = instances.changes();
    loop {
        changes.mark_unchanged();
        match describe.all(&instances).await {
            Ok(known) => wiring.apply(known),
            Err(error) => tracing::error!(%error, "the network does not follow the instances"),
        }
        if changes.changed().await.is_err() {
            return;
        }
    }
}

/// What all instances may take of this computer together.
fn quota(config: &InstancesConfig, root: &Path) -> Result<Quota, CloudError> {
    let files = |source| CloudError::Files {
        doing: "ask for the room on the disk",
        source,
    };
    let disk = rustix::fs::statvfs(root).map_err(|error| files(error.into()))?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let memory = rustix::system::sysinfo();
    let bytes = memory.totalram.saturating_mul(memory.mem_unit.into());
    let processors = available_parallelism().map_or(1, NonZero::get);
    let processors = u32::try_from(processors).unwrap_or(u32::MAX);
    Ok(Quota::of_host(config.max, bytes, processors, free))
}
