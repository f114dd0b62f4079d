#![doc = include_str!("../README.md")]

mod attribute;
mod certificate;
mod client;
mod describe;
mod register;
mod tags;

pub use attribute::{ImageAttribute, LaunchPermission, PermissionChange};
pub use client::{API_VERSION, Ec2Client};
pub use describe::{DescribeImages, Filter, Image};
pub use register::{DeviceMapping, DeviceTarget, RegisterImage, Volume};
