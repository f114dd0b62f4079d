//! What the network and the metadata service have to know of instances.

use std::collections::BTreeSet;
use std::fmt;
use std::net::Ipv4Addr;

use gumnut_cloud_catalogue::{Catalogue, Instance, SecurityGroup};

use crate::error::InstanceError;
use crate::id::InstanceId;
use crate::names::{host_name, mac_of, parsed, public_address};

/// The instances that have machines or soon have some, and the security groups of all accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// The instances.
    pub instances: Vec<LiveInstance>,
    /// The groups, with their rules.
    pub groups: Vec<SecurityGroup>,
}

/// An instance that has a machine, or soon has one.
#[derive(Clone, PartialEq, Eq)]
pub struct LiveInstance {
    /// Its id.
    pub id: InstanceId,
    /// Its row, with the tags of its owner.
    pub instance: Instance,
    /// Its address in the cloud.
    pub private: Ipv4Addr,
    /// Its address on the host.
    pub public: Ipv4Addr,
    /// The address of its network card.
    pub mac: [u8; 6],
    /// Its host name, without a domain.
    pub host_name: String,
    /// What the metadata service gives it.
    pub user_data: Option<Vec<u8>>,
}

impl fmt::Debug for LiveInstance {
    /// Without its user data, in which people put secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LiveInstance")
            .field("instance", &self.instance)
            .finish_non_exhaustive()
    }
}

/// Reads what there is now.
pub(crate) async fn of(catalogue: &Catalogue) -> Result<View, InstanceError> {
    let all = catalogue.instances(None).await?;
    let owners: BTreeSet<_> = all.iter().map(|it| it.owner.as_str().to_owned()).collect();
    let mut instances = Vec::new();
    for owner in owners {
        for instance in catalogue.instances(Some(&owner)).await? {
            let address = instance.address.filter(|_| instance.state.takes_memory());
            let Some(private) = address.filter(|_| instance.owner.as_str() == owner) else {
                continue;
            };
            let id = parsed(&instance.id)?;
            instances.push(LiveInstance {
                private,
                public: public_address(private),
                mac: mac_of(&id),
                host_name: host_name(private),
                user_data: catalogue.user_data(&instance.id).await?,
                instance,
                id,
            });
        }
    }
    Ok(View {
        instances,
        groups: catalogue.all_groups().await?,
    })
}
