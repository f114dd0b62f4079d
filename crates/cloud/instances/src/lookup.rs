//! What instances are launched with and does not belong to them.

use std::fmt;

use async_trait::async_trait;
use gumnut_cloud_catalogue::{Caller, GroupName, LaunchKey};

use crate::error::InstanceError;

/// Finds what belongs to the account of a caller.
#[async_trait]
pub trait LaunchLookup: fmt::Debug + Send + Sync {
    /// The public half of the key pair with this name.
    async fn key(&self, caller: &Caller, name: &str) -> Result<LaunchKey, InstanceError>;

    /// The security groups with these names and ids, each once; the one that is called `default` when there are none.
    async fn groups(
        &self,
        caller: &Caller,
        names: &[String],
        ids: &[String],
    ) -> Result<Vec<GroupName>, InstanceError>;
}
