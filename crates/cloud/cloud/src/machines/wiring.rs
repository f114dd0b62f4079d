//! What the network and the metadata service know of instances.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gumnut_cloud_instances::{InstanceId, Provision};
use gumnut_cloud_network::{Attachment, GroupId, Guest, GuestId, Mac, Network, NetworkError, Rule};

/// The network of instances, and their metadata.
#[derive(Debug)]
pub(super) struct Wiring {
    network: Network,
    state: Mutex<State>,
}

/// What there is to know of the instances that have machines, or soon have.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Their groups.
    pub(super) groups: BTreeMap<InstanceId, BTreeSet<GroupId>>,
    /// What their metadata is made of.
    pub(super) metadata: BTreeMap<InstanceId, Arc<gumnut_cloud_metadata::Instance>>,
    /// The rules of these groups.
    pub(super) rules: BTreeMap<GroupId, Vec<Rule>>,
}

#[derive(Debug, Default)]
struct State {
    attached: BTreeMap<InstanceId, Attachment>,
    known: Known,
}

impl Wiring {
    pub(super) fn new(network: Network) -> Self {
        Self {
            network,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere has left the tables as they were.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Attaches an instance, whose directory is complete, to the network; one that is attached is attached again.
    pub(super) fn attach(&self, wanted: &Provision, folder: &Path) -> Result<(), NetworkError> {
        let mut state = self.state();
        // Of a call before this one, whose directory has gone.
        drop(state.attached.remove(&wanted.id));
        let groups = state.known.groups.get(&wanted.id);
        let guest = Guest {
            id: guest_id(&wanted.id)?,
            mac: Mac(wanted.mac),
            private: wanted.private,
            public: wanted.public,
            host_name: wanted.host_name.clone(),
            groups: groups.cloned().unwrap_or_default(),
        };
        let attachment = self.network.attach(guest, folder)?;
        state.attached.insert(wanted.id.clone(), attachment);
        Ok(())
    }

    /// Brings network and metadata in line with what is known now. Instances that are no longer there are detached.
    pub(super) fn apply(&self, known: Known) {
        let mut state = self.state();
        let State {
            attached,
            known: before,
        } = &mut *state;
        let none = Vec::new();
        for (group, rules) in &known.rules {
            if before.rules.get(group).unwrap_or(&none) != rules {
                self.network.set_rules(group.clone(), rules.clone());
            }
        }
        for group in before.rules.keys() {
            if !known.rules.contains_key(group) {
                self.network.set_rules(group.clone(), Vec::new());
            }
        }
        attached.retain(|id, _| known.groups.contains_key(id));
        for (id, attachment) in attached.iter() {
            if let Some(groups) = known.groups.get(id)
                && before.groups.get(id) != Some(groups)
            {
                attachment.set_groups(groups.clone());
            }
        }
        *before = known;
    }

    /// What the metadata of a guest is made of; `None`: nothing is known of it yet.
    pub(super) fn metadata(&self, guest: &GuestId) -> Option<Arc<gumnut_cloud_metadata::Instance>> {
        let id = guest.to_string().parse().ok()?;
        self.state().known.metadata.get(&id).cloned()
    }
}

fn guest_id(id: &InstanceId) -> Result<GuestId, NetworkError> {
    // An id is a name for the network, too.
    let name = id.as_str();
    name.parse()
        .map_err(|_| NetworkError::NoGuest(name.to_owned()))
}
