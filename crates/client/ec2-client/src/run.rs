//! Starting instances.

use data_encoding::BASE64;
use gumnut_transport::TransportError;

use crate::Ec2Client;
use crate::client::{Parameters, malformed};
use crate::instances::{Reservation, reservation};
use crate::register::DeviceMapping;

/// Which instances to start.
#[derive(Clone, Debug, Default)]
pub struct RunInstances {
    /// The image.
    pub image: String,
    /// How many at least.
    pub least: u32,
    /// How many at most.
    pub most: u32,
    /// The name of a key pair.
    pub key: Option<String>,
    /// Names and ids of security groups; none for the group `default`.
    pub groups: Vec<String>,
    /// What the instances find in their metadata.
    pub user_data: Option<Vec<u8>>,
    /// As in `m1.small`. `None`: what the cloud prefers.
    pub instance_type: Option<String>,
    /// The availability zone. `None`: any.
    pub zone: Option<String>,
    /// Another kernel than that of the image.
    pub kernel: Option<String>,
    /// Another ramdisk than that of the image.
    pub ramdisk: Option<String>,
    /// Makes a call that is repeated the same one.
    pub client_token: Option<String>,
    /// What happens to an instance that powers itself off: `stop` or `terminate`.
    pub on_shutdown: Option<String>,
    /// Whether instances are protected from being terminated.
    pub protected: bool,
    /// Whether instances are monitored.
    pub monitored: bool,
    /// How addresses are given: `public` or `private`.
    pub addressing: Option<String>,
    /// Block devices.
    pub devices: Vec<DeviceMapping>,
}

impl Ec2Client {
    /// Starts instances.
    ///
    /// # Errors
    /// When the cloud refuses, or its answer makes no sense. Without a client token the call is not repeated when the cloud may have
    /// acted on it.
    pub async fn run_instances(
        &self,
        wanted: &RunInstances,
    ) -> Result<Reservation, TransportError> {
        let mut parameters = Parameters::default();
        parameters.add("ImageId", &wanted.image);
        parameters.add("MinCount", wanted.least.to_string());
        parameters.add("MaxCount", wanted.most.to_string());
        parameters.add_some("KeyName", wanted.key.as_ref());
        let (ids, names): (Vec<_>, Vec<_>) = wanted
            .groups
            .iter()
            .partition(|group| group.starts_with("sg-"));
        parameters.add_all("SecurityGroup", &names);
        parameters.add_all("SecurityGroupId", &ids);
        let data = wanted.user_data.as_ref().map(|data| BASE64.encode(data));
        parameters.add_some("UserData", data.as_ref());
        parameters.add_some("AddressingType", wanted.addressing.as_ref());
        parameters.add_some("InstanceType", wanted.instance_type.as_ref());
        parameters.add_some("Placement.AvailabilityZone", wanted.zone.as_ref());
        parameters.add_some("KernelId", wanted.kernel.as_ref());
        parameters.add_some("RamdiskId", wanted.ramdisk.as_ref());
        for (index, device) in (1..).zip(&wanted.devices) {
            device.add_to(&mut parameters, index);
        }
        if wanted.monitored {
            parameters.add("Monitoring.Enabled", "true");
        }
        if wanted.protected {
            parameters.add("DisableApiTermination", "true");
        }
        parameters.add_some(
            "InstanceInitiatedShutdownBehavior",
            wanted.on_shutdown.as_ref(),
        );
        parameters.add_some("ClientToken", wanted.client_token.as_ref());
        let answer = if wanted.client_token.is_some() {
            self.call("RunInstances", parameters).await?
        } else {
            self.call_once("RunInstances", parameters).await?
        };
        reservation(&answer)
            .ok_or_else(|| malformed("RunInstances", "it has no reservation".to_owned()))
    }
}
