#![doc = include_str!("../README.md")]

mod accounts;
mod auth;
mod catalogue;
mod checksum;
mod cloud;
mod config;
mod data_dir;
mod ec2;
mod error;
mod front_ends;
mod fsck;
mod register;
mod s3;
mod store;
mod tls;

pub use accounts::{Credentials, User, Users};
pub use cloud::{Cloud, Running};
pub use config::{Config, Limits};
pub use error::CloudError;
pub use fsck::{Finding, Report};
pub use gumnut_cloud_catalogue::{Clock, IdPolicy, ImageRules, OwnerId, Profile, ProfileError};
pub use s3::RefuseAcl;
pub use tls::Tls;
