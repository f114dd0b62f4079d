//! Instances: as the cloud describes them, and what can be done with them.

use data_encoding::BASE64;
use gumnut_transport::{TransportError, xml::Element};

use crate::client::{Parameters, malformed};
use crate::{Ec2Client, Filter};

/// Instances that were started by one call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reservation {
    /// `r-...`.
    pub id: String,
    /// Account number or user name.
    pub owner_id: Option<String>,
    /// The security groups, by name where the cloud says it, else by id.
    pub groups: Vec<String>,
    /// The instances.
    pub instances: Vec<Instance>,
}

/// An instance as the cloud describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instance {
    /// `i-...`.
    pub id: String,
    /// The image that it was made of.
    pub image_id: Option<String>,
    /// `pending`, `running`, `shutting-down`, `terminated`, `stopping`, `stopped`.
    pub state: String,
    /// Why it is in this state.
    pub reason: Option<String>,
    /// The name that the host has outside, or its address.
    pub dns_name: Option<String>,
    /// The name that the host has among instances, or its address.
    pub private_dns_name: Option<String>,
    /// Its address outside. `None`: none yet, or the cloud shows it as the name only.
    pub address: Option<String>,
    /// Its address among instances. `None`: none yet, or the cloud shows it as the name only.
    pub private_address: Option<String>,
    /// The name of the key pair.
    pub key_name: Option<String>,
    /// Its number among those that were started with it.
    pub launch_index: Option<String>,
    /// As in `m1.small`.
    pub instance_type: Option<String>,
    /// When it was started, as in `2010-06-03T23:02:37.552Z`.
    pub launched: Option<String>,
    /// The availability zone.
    pub zone: Option<String>,
    /// The kernel that starts it.
    pub kernel_id: Option<String>,
    /// The ramdisk that starts it.
    pub ramdisk_id: Option<String>,
    /// `windows`, or nothing.
    pub platform: Option<String>,
    /// Whether it is monitored, as the cloud says it: `disabled`, `false`.
    pub monitoring: Option<String>,
    /// `instance-store` or `ebs`.
    pub root_device_type: Option<String>,
    /// `paravirtual` or `hvm`.
    pub virtualization_type: Option<String>,
    /// The token that it was started with.
    pub client_token: Option<String>,
    /// `i386`, `x86_64` and so on.
    pub architecture: Option<String>,
    /// Its tags: key and value.
    pub tags: Vec<(String, String)>,
}

/// The state of an instance before and after a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateChange {
    /// `i-...`.
    pub id: String,
    /// The state before.
    pub previous: String,
    /// The state now.
    pub current: String,
}

/// What an instance has written to its console.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConsoleOutput {
    /// `i-...`.
    pub id: String,
    /// When it was read, as the cloud says it.
    pub timestamp: Option<String>,
    /// The last bytes; old clouds give the first ones.
    pub output: Vec<u8>,
}

impl Ec2Client {
    /// Lists instances with these ids, all when there are none, that match every filter.
    ///
    /// # Errors
    /// When the cloud refuses, as for an id that is not there, or its answer makes no sense.
    pub async fn describe_instances(
        &self,
        ids: &[String],
        filters: &[Filter],
    ) -> Result<Vec<Reservation>, TransportError> {
        let mut parameters = Parameters::default();
        parameters.add_all("InstanceId", ids);
        parameters.add_filters(filters);
        let answer = self.call("DescribeInstances", parameters).await?;
        let found: Option<_> = answer.items("reservationSet").map(reservation).collect();
        found.ok_or_else(|| malformed("DescribeInstances", "an instance has no id".to_owned()))
    }

    /// Terminates instances. With an id that is not there none of them is.
    ///
    /// # Errors
    /// When the cloud refuses, or its answer makes no sense.
    pub async fn terminate_instances(
        &self,
        ids: &[String],
    ) -> Result<Vec<StateChange>, TransportError> {
        let mut parameters = Parameters::default();
        parameters.add_all("InstanceId", ids);
        let answer = self.call("TerminateInstances", parameters).await?;
        let found: Option<_> = answer.items("instancesSet").map(state_change).collect();
        found.ok_or_else(|| malformed("TerminateInstances", "an instance has no id".to_owned()))
    }

    /// Reboots instances.
    ///
    /// # Errors
    /// When the cloud refuses.
    pub async fn reboot_instances(&self, ids: &[String]) -> Result<(), TransportError> {
        let mut parameters = Parameters::default();
        parameters.add_all("InstanceId", ids);
        self.command("RebootInstances", parameters).await
    }

    /// What an instance has written to its console.
    ///
    /// # Errors
    /// When the cloud refuses, or its answer makes no sense.
    pub async fn console_output(&self, id: &str) -> Result<ConsoleOutput, TransportError> {
        let mut parameters = Parameters::default();
        parameters.add("InstanceId", id);
        let answer = self.call("GetConsoleOutput", parameters).await?;
        let text: String = answer
            .text_of("output")
            .unwrap_or_default()
            .split_ascii_whitespace()
            .collect();
        let output = BASE64.decode(text.as_bytes()).map_err(|_| {
            let reason = "the output is not Base64".to_owned();
            malformed("GetConsoleOutput", reason)
        })?;
        Ok(ConsoleOutput {
            id: answer.text_of("instanceId").unwrap_or(id).to_owned(),
            timestamp: answer.text_of("timestamp").map(str::to_owned),
            output,
        })
    }
}

/// A reservation, at the top of an answer or in a list.
pub(crate) fn reservation(item: &Element) -> Option<Reservation> {
    let group = |item: &Element| {
        let name = item
            .text_of("groupName")
            .or_else(|| item.text_of("groupId"));
        name.map(str::to_owned)
    };
    let instances: Option<_> = item.items("instancesSet").map(instance).collect();
    Some(Reservation {
        id: item.text_of("reservationId")?.to_owned(),
        owner_id: item.text_of("ownerId").map(str::to_owned),
        groups: item.items("groupSet").filter_map(group).collect(),
        instances: instances?,
    })
}

fn instance(item: &Element) -> Option<Instance> {
    let text = |name: &str| item.text_of(name).map(str::to_owned);
    let below = |element: &str, name: &str| {
        let child = item.child(element)?;
        child.text_of(name).map(str::to_owned)
    };
    let tag = |item: &Element| {
        let value = item.text_of("value").unwrap_or_default();
        Some((item.text_of("key")?.to_owned(), value.to_owned()))
    };
    Some(Instance {
        id: text("instanceId")?,
        image_id: text("imageId"),
        state: below("instanceState", "name").unwrap_or_default(),
        reason: text("reason").or_else(|| below("stateReason", "message")),
        dns_name: text("dnsName"),
        private_dns_name: text("privateDnsName"),
        address: text("ipAddress"),
        private_address: text("privateIpAddress"),
        key_name: text("keyName"),
        launch_index: text("amiLaunchIndex"),
        instance_type: text("instanceType"),
        launched: text("launchTime"),
        zone: below("placement", "availabilityZone"),
        kernel_id: text("kernelId"),
        ramdisk_id: text("ramdiskId"),
        platform: text("platform"),
        monitoring: below("monitoring", "state"),
        root_device_type: text("rootDeviceType"),
        virtualization_type: text("virtualizationType"),
        client_token: text("clientToken"),
        architecture: text("architecture"),
        tags: item.items("tagSet").filter_map(tag).collect(),
    })
}

fn state_change(item: &Element) -> Option<StateChange> {
    let state = |element: &str| {
        let name = item.child(element).and_then(|state| state.text_of("name"));
        name.unwrap_or_default().to_owned()
    };
    Some(StateChange {
        id: item.text_of("instanceId")?.to_owned(),
        previous: state("previousState"),
        current: state("currentState"),
    })
}

impl Instance {
    /// The address that it has outside, where the cloud says it in one way or the other. Old clouds have addresses as names, and
    /// 0.0.0.0 for none.
    pub fn public(&self) -> Option<&str> {
        let known = self.address.as_deref().or(self.dns_name.as_deref());
        known.filter(|address| *address != "0.0.0.0")
    }

    /// The address that it has among instances.
    pub fn private(&self) -> Option<&str> {
        let known = self.private_address.as_deref();
        let known = known.or(self.private_dns_name.as_deref());
        known.filter(|address| *address != "0.0.0.0")
    }
}

#[cfg(test)]
mod tests {
    use gumnut_transport::xml;

    use super::*;

    #[test]
    fn instances_of_old_and_later_clouds_are_read() {
        let text = b"<R><reservationSet><item><reservationId>r-1</reservationId><ownerId>admin</ownerId>\
            <groupSet><item><groupId>default</groupId></item></groupSet><instancesSet><item><instanceId>i-1</instanceId>\
            <instanceState><code>0</code><name>pending</name></instanceState><privateDnsName>0.0.0.0</privateDnsName>\
            <dnsName>0.0.0.0</dnsName></item></instancesSet></item>\
            <item><reservationId>r-2</reservationId><groupSet><item><groupId>sg-1</groupId><groupName>web</groupName></item></groupSet>\
            <instancesSet><item><instanceId>i-2</instanceId><instanceState><name>running</name></instanceState>\
            <dnsName>x.example.org</dnsName><ipAddress>127.31.0.10</ipAddress><privateIpAddress>172.31.0.10</privateIpAddress>\
            <placement><availabilityZone>cluster01</availabilityZone></placement></item></instancesSet></item></reservationSet></R>";
        let root = xml::parse(text).unwrap();
        let found: Option<Vec<_>> = root.items("reservationSet").map(reservation).collect();
        let [old, new] = found.unwrap().try_into().unwrap();
        assert_eq!(old.groups, ["default"]);
        assert_eq!(
            (old.instances[0].public(), old.instances[0].private()),
            (None, None)
        );
        assert_eq!(new.groups, ["web"]);
        let instance = &new.instances[0];
        assert_eq!(instance.public(), Some("127.31.0.10"));
        assert_eq!(instance.private(), Some("172.31.0.10"));
        assert_eq!(instance.zone.as_deref(), Some("cluster01"));
    }
}
