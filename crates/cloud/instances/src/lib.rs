#![doc = include_str!("../README.md")]

mod addresses;
mod fake;
mod fake_provisioner;
mod hypervisor;
mod id;
mod provision;
mod quota;
mod reconcile;
mod state;
mod types;

pub use addresses::free_address;
pub use fake::FakeHypervisor;
pub use fake_provisioner::FakeProvisioner;
pub use hypervisor::{Boot, Bus, Card, Console, Hypervisor, HypervisorError, Look, Machine, Seen};
pub use id::{InstanceId, InstanceIdError};
pub use provision::{
    BundledImage, Provision, ProvisionCause, ProvisionError, Provisioner, PublicKey,
};
pub use quota::{NoRoom, Quota, Usage};
pub use reconcile::{Task, reconcile};
pub use state::{Event, Order, Refusal, Request, Step, Subject, next};
pub use types::{InstanceType, instance_types};
