//! Makes the directories of instances, and attaches their networks.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use gumnut_cloud_disks::DiskProvisioner;
use gumnut_cloud_instances::{Machine, Provision, ProvisionCause, ProvisionError, Provisioner};

use super::wiring::Wiring;

/// Makes directories, in which the network is attached before the machine starts.
#[derive(Debug)]
pub(super) struct Attaching {
    pub(super) disks: DiskProvisioner,
    pub(super) wiring: Arc<Wiring>,
    /// Where the directories of instances are.
    pub(super) root: PathBuf,
}

#[async_trait]
impl Provisioner for Attaching {
    async fn provision(&self, wanted: &Provision) -> Result<Machine, ProvisionError> {
        let machine = self.disks.provision(wanted).await?;
        let folder = self.root.join(wanted.id.as_str().to_ascii_lowercase());
        let Err(error) = self.wiring.attach(wanted, &folder) else {
            return Ok(machine);
        };
        // The directory is to be complete or not there.
        if let Err(error) = fs_err::remove_dir_all(&folder) {
            tracing::warn!(%error, "the directory of an instance without a network is left");
        }
        Err(ProvisionError {
            cause: ProvisionCause::Host,
            text: "the instance cannot be attached to the network; the log of the cloud says why"
                .to_owned(),
            source: Some(error.into()),
        })
    }
}
