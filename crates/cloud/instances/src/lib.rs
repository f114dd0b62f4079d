#![doc = include_str!("../README.md")]

mod addresses;
mod digest;
mod error;
mod fake;
mod fake_provisioner;
mod groups;
mod hypervisor;
mod id;
mod keeper;
mod key_pairs;
mod lookup;
mod names;
mod plan;
mod provision;
mod quota;
mod reconcile;
mod requests;
mod run;
mod service;
mod state;
#[cfg(test)]
mod testing;
mod types;
mod view;

pub use addresses::free_address;
pub use error::{InstanceError, InstanceErrorKind};
pub use fake::FakeHypervisor;
pub use fake_provisioner::FakeProvisioner;
pub use groups::{GroupRef, Groups, Permission, SourceGroup};
pub use hypervisor::{Boot, Bus, Card, Console, Hypervisor, HypervisorError, Look, Machine, Seen};
pub use id::{InstanceId, InstanceIdError};
pub use keeper::Keeper;
pub use key_pairs::{CreatedKeyPair, KeyKind, KeyPairs};
pub use lookup::{AccountLookup, LaunchLookup};
pub use names::{host_name, mac_of, public_address};
pub use provision::{
    BundledImage, Provision, ProvisionCause, ProvisionError, Provisioner, PublicKey,
};
pub use quota::{NoRoom, Quota, Room, Usage};
pub use reconcile::{Task, reconcile};
pub use requests::{Modification, Moved};
pub use run::{DeviceRequest, RunRequest};
pub use service::{ConsoleOutput, Host, Instances, MAX_TAGS};
pub use state::{Event, Order, Refusal, Request, Step, Subject, next};
pub use types::{InstanceType, default_type, instance_types};
pub use view::{LiveInstance, View};
