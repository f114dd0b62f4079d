#![doc = include_str!("../README.md")]

mod backup;
mod blobs;
mod catalogue;
mod cloud;
mod config;
mod data_dir;
mod error;
mod front_ends;
mod fsck;
mod machines;
mod measures;
#[cfg(feature = "postgres")]
mod migrate;
mod process;
mod readiness;
#[cfg(feature = "postgres")]
mod relocate;
mod services;
#[cfg(feature = "postgres")]
mod sessions;
mod shared;

pub use backup::{Backup, BackupError, BackupOptions, Restored};
pub use cloud::{Cloud, Running};
pub use config::{BlobsSource, CatalogueSource, Config, InstancesConfig, Limits};
pub use error::CloudError;
pub use fsck::{Finding, Repair, Report};
pub use gumnut_cloud_accounts::{AccountsError, Credentials, Tls, User, Users};
pub use gumnut_cloud_catalogue::{
    Clock, IdPolicy, ImageRules, Mismatch, OwnerId, Profile, ProfileError,
};
pub use gumnut_cloud_objects::{Collected, Round};
#[cfg(feature = "postgres")]
pub use gumnut_cloud_postgres::{PostgresConfig, PostgresError, Schema};
pub use gumnut_cloud_s3::RefuseAcl;
#[cfg(feature = "postgres")]
pub use migrate::{Move, MoveRequest};
pub use process::Process;
#[cfg(feature = "postgres")]
pub use relocate::{MoveBlobs, Relocated};
