//! The interface to what makes the directory of an instance: its disk, kernel and ramdisk.

use std::error::Error;
use std::fmt;
use std::net::Ipv4Addr;

use async_trait::async_trait;
use gumnut_types::{Architecture, BlockDeviceMapping, Fault, ImageId};

use crate::hypervisor::Machine;
use crate::id::InstanceId;
use crate::types::InstanceType;

/// Makes what machines start from. It knows images and disks, and no states.
#[async_trait]
pub trait Provisioner: fmt::Debug + Send + Sync {
    /// Fills the directory of an instance and describes the machine that starts from it. This may take minutes.
    ///
    /// It can be called again for the same instance, and begins again then. The directory is complete when it returns, or not there
    /// when it fails. It is not called twice at once for one instance, and it is not cancelled unless the cloud ends: for an instance that was
    /// terminated meanwhile the directory is removed afterwards, by [`Hypervisor::remove`](crate::Hypervisor::remove).
    async fn provision(&self, wanted: &Provision) -> Result<Machine, ProvisionError>;
}

/// What the directory of an instance is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provision {
    /// The instance.
    pub id: InstanceId,
    /// The machine image.
    pub image: BundledImage,
    /// The kernel; `None`: the disk has a boot loader.
    pub kernel: Option<BundledImage>,
    /// The ramdisk.
    pub ramdisk: Option<BundledImage>,
    /// `I386` or `X86_64`.
    pub architecture: Architecture,
    /// Memory, processors, and the size of the disk.
    pub instance_type: InstanceType,
    /// The address of its network card.
    pub mac: [u8; 6],
    /// Its address in the cloud.
    pub private: Ipv4Addr,
    /// Its address on the host.
    pub public: Ipv4Addr,
    /// Its host name, without a domain: `ip-172-31-0-10`.
    pub host_name: String,
    /// The key that may log in; `None`: nobody may.
    pub key: Option<PublicKey>,
    /// The block devices: those of the image, changed by those of the request.
    pub block_devices: Vec<BlockDeviceMapping>,
}

/// An image in the object store, as it was when the instance was run. It may have been deregistered since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundledImage {
    /// Its id.
    pub id: ImageId,
    /// `BUCKET/KEY` of the manifest.
    pub location: String,
    /// SHA-256 of the manifest in base64: another manifest there is refused.
    pub manifest_sha256: String,
}

/// The public half of a key pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// Its name.
    pub name: String,
    /// One line of `authorized_keys`.
    pub openssh: String,
}

/// Why the directory of an instance could not be made.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct ProvisionError {
    /// What the cause was.
    pub cause: ProvisionCause,
    /// Complete without its source, for users who describe their instance: `part root.part.01 is missing`.
    pub text: String,
    /// What is behind it, for the log.
    #[source]
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

/// What keeps the directory of an instance from being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProvisionCause {
    /// There is no room.
    Capacity,
    /// The image is damaged, has gone, was changed, or cannot be started here.
    Image,
    /// A program or the disk of the host has failed.
    Host,
}

impl ProvisionError {
    /// An error without anything behind it.
    pub fn new(cause: ProvisionCause, text: impl Into<String>) -> Self {
        Self {
            cause,
            text: text.into(),
            source: None,
        }
    }

    /// [`Fault::Input`] when the image is to blame, else [`Fault::System`].
    pub fn fault(&self) -> Fault {
        match self.cause {
            ProvisionCause::Image => Fault::Input,
            ProvisionCause::Capacity | ProvisionCause::Host => Fault::System,
        }
    }
}
