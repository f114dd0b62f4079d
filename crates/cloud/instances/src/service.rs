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
use crate::lookup::LaunchLookup;
use crate::names::parsed;
use crate::plan::Planner;
use crate::provision::Provisioner;
use crate::quota::{Quota, Room, Usage};
use crate::requests::{self, Modification, Moved};
use crate::run::{self, RunRequest};
use crate::state::Request;
use crate::types::instance_types;
use crate::view::{self, View};

/// Most tags of an account on an instance, as in EC2.
pub const MAX_TAGS: usize = 50;

/// The instances of a cloud. Clones share them. Requests change rows and return; a [`Keeper`](crate::Keeper) lets machines follow.
#[derive(Clone, Debug)]
pub struct Instances {
    shared: Arc<Shared>,
    lookup: Arc<dyn LaunchLookup>,
    /// Whether nothing is to change.
    dry: bool,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) catalogue: Catalogue,
    pub(crate) profile: Profile,
    /// The one zone that there is.
    zone: String,
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
    /// The first of the 256 private addresses that its instances have.
    pub network: Ipv4Addr,
}

/// What the guest of an instance has written to its serial console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsoleOutput {
    /// The id of the instance, as it was made.
    pub id: String,
    /// What it has written; `None`: nothing is known of it.
    pub console: Option<Console>,
    /// When that was looked at, in milliseconds since 1970.
    pub at: i64,
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
            host,
            changes: watch::Sender::default(),
            wake: Notify::new(),
        };
        Self {
            shared: Arc::new(shared),
            lookup,
            dry: false,
        }
    }

    /// The instances of a dry run: what is asked of them is decided as ever, and nothing changes.
    #[must_use]
    pub fn dry_run(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            lookup: self.lookup.dry_run(),
            dry: true,
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

    /// The types of this cloud, in the order in which they are listed, each with how many instances of it there is room for.
    ///
    /// # Errors
    /// When the catalogue cannot be used.
    pub async fn rooms(&self) -> Result<Vec<Room>, InstanceError> {
        let types = instance_types(self.shared.profile).iter();
        let Some(quota) = self.quota() else {
            let none = types.map(|kind| Room {
                kind: *kind,
                most: 0,
                available: 0,
            });
            return Ok(none.collect());
        };
        let used = Usage::of_instances(&self.shared.catalogue.instances(None).await?);
        let rooms = types.map(|kind| {
            let room = |used| quota.room(used, kind, kind.disk());
            Room {
                kind: *kind,
                most: room(&Usage::default()),
                available: room(&used),
            }
        });
        Ok(rooms.collect())
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
            lookup: &*self.lookup,
            quota: self.quota(),
            network: shared.host.as_ref().map(|host| host.network),
        };
        let plan = planner.plan(caller, request).await?;
        let has_token = plan.launch.client_token.is_some();
        let mut launched = self.change(move |state| run::decide(state, &plan)).await?;
        if has_token {
            // Decisions see no tags, and these may be the instances of an earlier request.
            let account = caller.account.as_str();
            let all = self.shared.catalogue.instances(Some(account)).await?;
            for instance in &mut launched {
                let found = all.iter().find(|it| it.id == instance.id);
                if let Some(found) = found {
                    instance.tags.clone_from(&found.tags);
                }
            }
        }
        Ok(launched)
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
        self.lookup.groups(caller, names, ids).await
    }

    /// Puts tags of the caller's account on instances; one with the same key is replaced.
    ///
    /// # Errors
    /// When one is not there, or would have too many.
    pub async fn put_tags(
        &self,
        caller: &Caller,
        ids: &[String],
        tags: Vec<Tag>,
    ) -> Result<(), InstanceError> {
        let on_them = self.with_tags(caller, ids).await?;
        let new: BTreeSet<_> = tags.iter().map(|tag| &tag.key).collect();
        let too_many = |instance: &Instance| {
            let kept = instance.tags.iter().filter(|tag| !new.contains(&tag.key));
            kept.count() + new.len() > MAX_TAGS
        };
        if on_them.iter().any(too_many) {
            let message = "A resource has at most 50 tags";
            return Err(InstanceError::new(
                InstanceErrorKind::TagLimitExceeded,
                message,
            ));
        }
        let put = on_them.iter().flat_map(|instance| {
            let on = (instance.id.clone(), caller.account.to_string());
            let tags = tags.iter().cloned();
            tags.map(move |tag| (on.0.clone(), on.1.clone(), tag))
        });
        let change = InstanceChange {
            put_tags: put.collect(),
            ..InstanceChange::default()
        };
        self.change(move |_| Ok((change.clone(), ()))).await
    }

    /// Takes tags of the caller's account from instances: keys with a value go if that is the value they have, others whatever it is.
    ///
    /// # Errors
    /// When an instance is not there.
    pub async fn delete_tags(
        &self,
        caller: &Caller,
        ids: &[String],
        keys: &[(String, Option<String>)],
    ) -> Result<(), InstanceError> {
        let on_them = self.with_tags(caller, ids).await?;
        let goes = |tag: &Tag| {
            keys.iter().any(|(key, value)| {
                *key == tag.key && value.as_ref().is_none_or(|value| *value == tag.value)
            })
        };
        let mut change = InstanceChange::default();
        for instance in &on_them {
            for tag in instance.tags.iter().filter(|tag| goes(tag)) {
                let account = caller.account.to_string();
                change
                    .delete_tags
                    .push((instance.id.clone(), account, tag.key.clone()));
            }
        }
        self.change(move |_| Ok((change.clone(), ()))).await
    }

    /// Instances of the caller with the tags of its account.
    async fn with_tags(
        &self,
        caller: &Caller,
        ids: &[String],
    ) -> Result<Vec<Instance>, InstanceError> {
        let account = caller.account.as_str();
        let all = self.shared.catalogue.instances(Some(account)).await?;
        let found = requests::select(&all, caller, ids)?;
        Ok(found.into_iter().cloned().collect())
    }

    /// What the guest of an instance has written to its serial console.
    ///
    /// # Errors
    /// When the instance is not there. Where Eucalyptus is played, also when it does not run.
    pub async fn console(&self, caller: &Caller, id: &str) -> Result<ConsoleOutput, InstanceError> {
        let found = self.one(caller, id).await?;
        let runs = found.state == InstanceState::Running;
        if !runs && self.shared.profile != Profile::Strict {
            let message = format!("Instance {} is not in a running state.", found.id);
            return Err(InstanceError::new(InstanceErrorKind::Unspecific, message));
        }
        let console = match &self.shared.host {
            Some(host) => host.hypervisor.console(&parsed(&found.id)?).await,
            None => Ok(None),
        };
        Ok(ConsoleOutput {
            id: found.id,
            console: console.map_err(|error| InstanceError::internal(&error))?,
            at: self.shared.catalogue.ready().await?,
        })
    }

    /// An instance of the caller.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn one(&self, caller: &Caller, id: &str) -> Result<Instance, InstanceError> {
        let mut found = self.with_tags(caller, &[id.to_owned()]).await?;
        Ok(found.remove(0))
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

    /// Every instance that has a machine or soon has one, and every security group.
    ///
    /// # Errors
    /// When the catalogue cannot be used.
    pub async fn view(&self) -> Result<View, InstanceError> {
        view::of(&self.shared.catalogue).await
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

#[cfg(test)]
mod tests;
