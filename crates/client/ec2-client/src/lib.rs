#![doc = include_str!("../README.md")]

mod attribute;
mod certificate;
mod client;
mod describe;
mod filter;
mod groups;
mod instances;
mod key_pairs;
mod register;
mod run;
mod tags;
mod types;

pub use attribute::{ImageAttribute, LaunchPermission, PermissionChange};
pub use client::{API_VERSION, Ec2Client};
pub use describe::{DescribeImages, Image};
pub use filter::Filter;
pub use groups::{Permission, PermissionForm, SecurityGroup, SourceGroup};
pub use instances::{ConsoleOutput, Instance, Reservation, StateChange};
pub use key_pairs::{CreatedKeyPair, KeyPair};
pub use register::{DeviceMapping, DeviceTarget, RegisterImage, Volume};
pub use run::RunInstances;
pub use types::{Availability, InstanceType, Zone};
