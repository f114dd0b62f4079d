//! Instances: where they are in their life, and what they were launched with.

use std::fmt;
use std::net::Ipv4Addr;

use gumnut_types::AccountId;
use serde::{Deserialize, Serialize};

use crate::Tag;

/// An instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// `i-` and 8 hex digits. Compared without regard to case, shown as it was made.
    pub id: String,
    /// The id of the reservation, `r-` and 8 hex digits: instances of one call have the same.
    pub reservation: String,
    /// The number of the owner's account.
    pub owner: AccountId,
    /// Where it is in its life.
    pub state: InstanceState,
    /// Its private address, which no other has; `None` once it is terminated.
    pub address: Option<Ipv4Addr>,
    /// When it was launched, in milliseconds since 1970.
    pub launched: i64,
    /// When its state changed last, in milliseconds since 1970.
    pub changed: i64,
    /// The security groups it is in.
    pub groups: Vec<GroupName>,
    /// What it was launched with.
    pub launch: Launch,
    /// What can change of it beside its state.
    pub settings: InstanceSettings,
    /// The tags of the account that asked, by key; empty where nobody asked for them.
    pub tags: Vec<Tag>,
}

/// Where an instance is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InstanceState {
    /// It is being made.
    Pending,
    /// Its machine runs.
    Running,
    /// It is being ended, for good.
    ShuttingDown,
    /// It has ended. It is still shown for about an hour.
    Terminated,
    /// Its machine is being ended; its disk is kept.
    Stopping,
    /// It has no machine, and can be started again.
    Stopped,
}

/// A security group that an instance is in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupName(
    /// Its id.
    pub String,
    /// Its name.
    pub String,
);

/// What an instance was launched with. It never changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Launch {
    /// The user who launched it.
    pub user: String,
    /// Its number among those of its reservation, from 0.
    pub index: u32,
    /// What makes a repeated call the same call; `None` when the client gave nothing.
    pub client_token: Option<String>,
    /// SHA-256 of the parameters of the call in hex: a token with others is refused.
    pub request: String,
    /// The machine image.
    pub image: LaunchImage,
    /// The kernel; `None` for whole disks.
    pub kernel: Option<LaunchImage>,
    /// The ramdisk; `None` for whole disks, and kernels that need none.
    pub ramdisk: Option<LaunchImage>,
    /// `i386` or `x86_64`.
    pub architecture: String,
    /// `paravirtual` or `hvm`.
    pub virtualization: String,
    /// `windows`; `None` for everything else.
    pub platform: Option<String>,
    /// The root device, such as `/dev/sda1`.
    pub root_device: String,
    /// Product codes of the image.
    pub product_codes: Vec<String>,
    /// The ids of the images that the image was made of.
    pub ancestry: Vec<String>,
    /// The name of its type, such as `m1.small`.
    pub instance_type: String,
    /// Processors.
    pub processors: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Disk in GiB.
    pub disk_gib: u32,
    /// The zone that it is in.
    pub zone: String,
    /// The key that may log in; `None`: nobody may.
    pub key: Option<LaunchKey>,
    /// Virtual names and devices.
    pub block_devices: Vec<(String, String)>,
    /// Whether detailed monitoring was asked for.
    pub monitoring: bool,
}

/// An image as it was when an instance was launched from it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchImage {
    /// Its id.
    pub id: String,
    /// `BUCKET/KEY` of the manifest.
    pub location: String,
    /// SHA-256 of the manifest in base64.
    pub manifest_sha256: String,
}

/// The public half of a key pair, as it was when an instance was launched with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchKey {
    /// The name of the key pair.
    pub name: String,
    /// One line of `authorized_keys`.
    pub public: String,
}

/// What can change of an instance beside its state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct InstanceSettings {
    /// Why it is in its state; `None` when all is well.
    pub reason: Option<Reason>,
    /// `DisableApiTermination`.
    pub protected: bool,
    /// `InstanceInitiatedShutdownBehavior`.
    pub on_shutdown: OnShutdown,
    /// How its metadata is served.
    pub metadata: MetadataSettings,
}

/// What a shutdown by the guest itself means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnShutdown {
    /// It is stopped, if its disk is kept.
    #[default]
    Stop,
    /// It is terminated.
    Terminate,
}

/// Why an instance is in its state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The user terminated it.
    UserTerminated,
    /// The user stopped it.
    UserStopped,
    /// The user started it.
    UserStarted,
    /// The guest shut itself down.
    GuestShutdown,
    /// Its machine could not be started, or failed; the words of the hypervisor.
    Failed(String),
    /// There was no room for its machine; the words of what makes its disk.
    NoCapacity(String),
    /// The cloud ended, and with it its machines.
    CloudEnded,
}

/// How the metadata of an instance is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MetadataSettings {
    /// `HttpEndpoint`: whether there is a service at all.
    pub enabled: bool,
    /// `HttpTokens`: whether requests without a token are refused.
    pub tokens_required: bool,
    /// `HttpPutResponseHopLimit`: 1 to 64.
    pub hop_limit: u8,
    /// `InstanceMetadataTags`: whether tags are shown.
    pub tags: bool,
}

impl Default for MetadataSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            tokens_required: false,
            hop_limit: 1,
            tags: false,
        }
    }
}

impl InstanceState {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Pending,
        Self::Running,
        Self::ShuttingDown,
        Self::Terminated,
        Self::Stopping,
        Self::Stopped,
    ];

    /// The number of the EC2 API.
    pub fn code(self) -> u8 {
        match self {
            Self::Pending => 0,
            Self::Running => 16,
            Self::ShuttingDown => 32,
            Self::Terminated => 48,
            Self::Stopping => 64,
            Self::Stopped => 80,
        }
    }

    /// The word of the EC2 API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::ShuttingDown => "shutting-down",
            Self::Terminated => "terminated",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        }
    }

    /// The state of this word; `None` for one that is not known.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Whether it takes memory and processors, or may soon.
    pub fn takes_memory(self) -> bool {
        !matches!(self, Self::Terminated | Self::Stopped)
    }

    /// Whether it takes room on the disk.
    pub fn takes_disk(self) -> bool {
        self != Self::Terminated
    }
}

impl fmt::Display for InstanceState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Reason {
    /// The code of the EC2 API's `stateReason`; `None`: there is none when all is well.
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::UserTerminated | Self::UserStopped => Some("Client.UserInitiatedShutdown"),
            Self::UserStarted => None,
            Self::GuestShutdown => Some("Client.InstanceInitiatedShutdown"),
            Self::NoCapacity(_) => Some("Server.InsufficientInstanceCapacity"),
            Self::Failed(_) | Self::CloudEnded => Some("Server.InternalError"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_codes_are_those_of_the_api() {
        for state in InstanceState::ALL {
            assert_eq!(InstanceState::parse(state.as_str()), Some(state));
        }
        let codes = InstanceState::ALL.map(InstanceState::code);
        assert_eq!(codes, [0, 16, 32, 48, 64, 80]);
        assert_eq!(InstanceState::parse("Running"), None);
    }
}
