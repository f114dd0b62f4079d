//! The instances of a cloud.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use gumnut_cloud_catalogue::{
    Caller, Catalogue, GroupName, Instance, InstanceChange, InstanceState, InstancesState, Profile,
    Tag,
};
use tokio::sync::{Notify, watch};

use crate::error::{InstanceError, InstanceErrorKind};
use crate::hypervisor::{Console, Hypervisor};
use crate::id::InstanceId;
use crate::lookup::LaunchLookup;
use crate::names::{host_name, mac_of, public_address};
use crate::plan::Planner;
use crate::provision::Provisioner;
use crate::quota::Quota;
use crate::requests::{self, Modification, Moved};
use crate::run::{self, RunRequest};
use crate::state::Request;

/// The instances of a cloud. Clones share them. Requests change rows and return; a [`Keeper`](crate::Keeper) lets machines follow.
#[derive(Clone, Debug)]
pub struct Instances {
    shared: Arc<Shared>,
    /// Whether nothing is to change.
    dry: bool,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) catalogue: Catalogue,
    pub(crate) profile: Profile,
    /// The one zone that there is.
    zone: String,
    lookup: Arc<dyn LaunchLookup>,
    /// `None`: this cloud does not run instances.
    pub(crate) host: Option<Host>,
    changes: watch::Sender<u64>,
    /// Wakes who lets machines follow.
    pub(crate) wake: Notify,
}

/// What runs the machines of instances.
#[derive(Clone, Debug)]
pub struct Host {
    /// Runs machines.
    pub hypervisor: Arc<dyn Hypervisor>,
    /// Makes what they start from.
    pub provisioner: Arc<dyn Provisioner>,
    /// What all instances may take together.
    pub quota: Quota,
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

impl std::fmt::Debug for LiveInstance {
    /// Without its user data, in which people put secrets.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("LiveInstance")
            .field("instance", &self.instance)
            .finish_non_exhaustive()
    }
}

impl Instances {
    /// The instances in this catalogue, in this zone. Without a host none is run.
    pub fn new(
        catalogue: Catalogue,
        profile: Profile,
        zone: &str,
        lookup: Arc<dyn LaunchLookup>,
        host: Option<Host>,
    ) -> Self {
        let shared = Shared {
            catalogue,
            profile,
            zone: zone.to_owned(),
            lookup,
            host,
            changes: watch::Sender::default(),
            wake: Notify::new(),
        };
        Self {
            shared: Arc::new(shared),
            dry: false,
        }
    }

    /// The instances of a dry run: what is asked of them is decided as ever, and nothing changes.
    #[must_use]
    pub fn dry_run(&self) -> Self {
        Self {
            dry: true,
            ..self.clone()
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Counts changes: who waits for the next one does not miss it. Changes that another process has made are not among them.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    /// Says that something has changed on which the network or the metadata of instances rests, such as the rules of a security group.
    pub fn changed(&self) {
        self.shared.changed();
    }

    /// What all instances may take together; `None`: this cloud does not run instances.
    pub fn quota(&self) -> Option<Quota> {
        self.shared.host.as_ref().map(|host| host.quota)
    }

    /// Runs instances and gives them: as many as there is room for, not fewer than wanted. A request that is repeated with its token
    /// gives what the first one gave.
    ///
    /// # Errors
    /// When there is no room, something of what is asked for is not there, or does not go together.
    pub async fn run(
        &self,
        caller: &Caller,
        request: RunRequest,
    ) -> Result<Vec<Instance>, InstanceError> {
        request.check()?;
        let shared = &self.shared;
        let planner = Planner {
            catalogue: &shared.catalogue,
            profile: shared.profile,
            zone: &shared.zone,
            lookup: &*shared.lookup,
            quota: self.quota(),
        };
        let plan = planner.plan(caller, request).await?;
        self.change(move |state| run::decide(state, &plan)).await
    }

    /// The instances that the caller may see, or those with these ids, in the order of their launch, with the tags of the caller's
    /// account.
    ///
    /// # Errors
    /// When there is none with one of the ids; the clouds of 2009 and 2010 do not say so.
    pub async fn describe(
        &self,
        caller: &Caller,
        ids: &[String],
    ) -> Result<Vec<Instance>, InstanceError> {
        let account = caller.account.as_str();
        let mut all = self.shared.catalogue.instances(Some(account)).await?;
        if !ids.is_empty() && !self.shared.profile.is_legacy() {
            requests::select(&all, caller, ids)?;
        }
        all.retain(|instance| {
            let is_wanted = |id: &String| id.eq_ignore_ascii_case(&instance.id);
            requests::is_of(instance, caller) && (ids.is_empty() || ids.iter().any(is_wanted))
        });
        all.sort_by(|one, other| {
            let key = |it: &Instance| (it.launched, it.reservation.clone(), it.launch.index);
            key(one).cmp(&key(other))
        });
        Ok(all)
    }

    /// Asks for something of instances: of all of them or of none. Nobody waits for the machines.
    ///
    /// # Errors
    /// When one is not there, or is in a state in which it cannot be done.
    pub async fn request(
        &self,
        caller: &Caller,
        ids: &[String],
        request: Request,
    ) -> Result<Vec<Moved>, InstanceError> {
        let (caller, wanted, profile) = (caller.clone(), ids.to_vec(), self.shared.profile);
        let moved = self
            .change(move |state| requests::request(state, &caller, &wanted, request, profile))
            .await?;
        if request == Request::Reboot
            && !self.dry
            && let Some(host) = &self.shared.host
        {
            for Moved { id, .. } in &moved {
                let id = parsed(id)?;
                let rebooted = host.hypervisor.reboot(&id).await;
                rebooted.map_err(|error| InstanceError::internal(&error))?;
            }
        }
        Ok(moved)
    }

    /// Changes an instance.
    ///
    /// # Errors
    /// When it is not there, or is in a state in which it cannot be done.
    pub async fn modify(
        &self,
        caller: &Caller,
        id: &str,
        modification: Modification,
    ) -> Result<(), InstanceError> {
        let (caller, id) = (caller.clone(), id.to_owned());
        self.change(move |state| requests::modify(state, &caller, &id, &modification))
            .await
    }

    /// The security groups of a caller with these names and ids.
    ///
    /// # Errors
    /// When one is not there.
    pub async fn groups(
        &self,
        caller: &Caller,
        names: &[String],
        ids: &[String],
    ) -> Result<Vec<GroupName>, InstanceError> {
        self.shared.lookup.groups(caller, names, ids).await
    }

    /// Puts tags of the caller's account on instances, and removes those with these keys.
    ///
    /// # Errors
    /// When one is not there.
    pub async fn tag(
        &self,
        caller: &Caller,
        ids: &[String],
        put: Vec<Tag>,
        delete: Vec<String>,
    ) -> Result<(), InstanceError> {
        let (caller, ids) = (caller.clone(), ids.to_vec());
        self.change(move |state| {
            let account = caller.account.as_str();
            let mut change = InstanceChange::default();
            for instance in requests::select(&state.instances, &caller, &ids)? {
                let on = || (instance.id.clone(), account.to_owned());
                change.put_tags.extend(put.iter().map(|tag| {
                    let (id, account) = on();
                    (id, account, tag.clone())
                }));
                change.delete_tags.extend(delete.iter().map(|key| {
                    let (id, account) = on();
                    (id, account, key.clone())
                }));
            }
            Ok((change, ()))
        })
        .await
    }

    /// What the guest of an instance has written to its serial console, and the id as it was made; `None`: nothing is known of it.
    ///
    /// # Errors
    /// When the instance is not there. Where Eucalyptus is played, also when it does not run.
    pub async fn console(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<(String, Option<Console>), InstanceError> {
        let found = self.one(caller, id).await?;
        let runs = found.state == InstanceState::Running;
        if !runs && self.shared.profile != Profile::Strict {
            let message = format!("Instance {} is not in a running state.", found.id);
            return Err(InstanceError::new(InstanceErrorKind::Unspecific, message));
        }
        let Some(host) = &self.shared.host else {
            return Ok((found.id, None));
        };
        let console = host.hypervisor.console(&parsed(&found.id)?).await;
        let console = console.map_err(|error| InstanceError::internal(&error))?;
        Ok((found.id, console))
    }

    /// An instance of the caller.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn one(&self, caller: &Caller, id: &str) -> Result<Instance, InstanceError> {
        let account = caller.account.as_str();
        let all = self.shared.catalogue.instances(Some(account)).await?;
        let found = requests::select(&all, caller, &[id.to_owned()])?;
        Ok(found[0].clone())
    }

    /// What the metadata service gives an instance of the caller; `None` for nothing.
    ///
    /// # Errors
    /// When the instance is not there.
    pub async fn user_data(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<Option<Vec<u8>>, InstanceError> {
        let found = self.one(caller, id).await?;
        Ok(self.shared.catalogue.user_data(&found.id).await?)
    }

    /// Every instance that has a machine or soon has one.
    ///
    /// # Errors
    /// When the catalogue cannot be used.
    pub async fn view(&self) -> Result<Vec<LiveInstance>, InstanceError> {
        let catalogue = &self.shared.catalogue;
        let all = catalogue.instances(None).await?;
        let owners: BTreeSet<_> = all.iter().map(|it| it.owner.as_str().to_owned()).collect();
        let mut live = Vec::new();
        for owner in owners {
            for instance in catalogue.instances(Some(&owner)).await? {
                let address = instance.address.filter(|_| instance.state.takes_memory());
                let Some(private) = address.filter(|_| instance.owner.as_str() == owner) else {
                    continue;
                };
                let id = parsed(&instance.id)?;
                live.push(LiveInstance {
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
        Ok(live)
    }

    /// Changes instances, or in a dry run only decides.
    async fn change<T: Send + 'static>(
        &self,
        mut decide: impl FnMut(&InstancesState) -> Result<(InstanceChange, T), InstanceError>
        + Send
        + 'static,
    ) -> Result<T, InstanceError> {
        if self.dry {
            let state = InstancesState {
                instances: self.shared.catalogue.instances(None).await?,
                // Nobody sees what happens at this time.
                now: 0,
            };
            return decide(&state).map(|(_, result)| result);
        }
        let changed = self.shared.catalogue.change_instances(decide).await?;
        self.shared.changed();
        Ok(changed)
    }
}

impl Shared {
    pub(crate) fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
        self.wake.notify_one();
    }
}

/// An id of a row.
pub(crate) fn parsed(id: &str) -> Result<InstanceId, InstanceError> {
    id.parse()
        .map_err(|error: crate::id::InstanceIdError| InstanceError::internal(&error))
}

#[cfg(test)]
mod tests;
